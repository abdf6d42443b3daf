"""How often callers may try what invites guessing, and how much one request may hold."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_noop

from billing.operations.charge_batches import MAX_ITEMS
from billing.operations.holds import MAX_SECONDS
from billing.operations.promo_codes import MAX_BATCH
from billing.runtime_settings import PROMO_CODE_TRIES_PER_HOUR, TRIALS_PER_HOUR
from core.limits import bound, register

PROMO_CODE_TRIES: Final = register(
    "billing.promo_code",
    PROMO_CODE_TRIES_PER_HOUR,
    3600,
    what="promo codes tried, right or wrong, in quotes and invoices",
    whom="caller: an API key, or a person",
    alert=gettext_noop("Somebody tries one promo code after another."),
)

# Each is one per person for ever, but people are cheap: a thousand of them in an hour come from a machine.
TRIALS_BY_A_CALLER: Final = register(
    "billing.trial",
    TRIALS_PER_HOUR,
    3600,
    what="trials asked for",
    whom="caller: an API key, or the address of people",
    alert=gettext_noop("A caller asks for unusually many trials."),
)

UNSIGNED_NOTICES_FROM_AN_ADDRESS: Final = register(
    "billing.unsigned_notice.ip",
    600,
    60,
    what="payment providers' messages that nobody signs; the provider sends them again",
    whom="address",
    # Counted before anything is written: a flood is to cost less than what it would have kept.
    keeping="process",
)

bound("charges in one batch", f"{MAX_ITEMS:,}", otherwise="400 `billing.batch_too_large`")
bound("promo codes made at once", f"{MAX_BATCH:,}", otherwise="the form says so")
bound("life of a hold", f"{MAX_SECONDS // 86_400} days", otherwise="400")
