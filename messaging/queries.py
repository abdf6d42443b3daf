"""Asking about the bots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from core.clock import CoreNow
from messaging.models import BotPause, BotUpdate
from messaging.rules.updates import Update


@dataclass(frozen=True, slots=True)
class Pause:
    """
    :param cause: a value of ``BotPause.Cause``
    :param seconds: what is left of it, rounded up
    """

    cause: str
    until_at: datetime
    seconds: int


def find_pause(bot: str, *, token_digest: str) -> Pause | None:
    """
    The pause that a bot has now, with this token; None where it may speak.

    :param bot: ``main``
    :param token_digest: as :attr:`messaging.bots.Bot.token_digest`
    """
    rows = BotPause.objects.filter(pk=bot, token_digest=token_digest, until_at__gt=CoreNow())
    for cause, until_at, now in rows.values_list("cause", "until_at", CoreNow()):
        return Pause(cause, until_at, ceil((until_at - now).total_seconds()))
    return None


def is_last_word(update: Update, about: Sequence[str]) -> bool:
    """
    Whether no later update of this kind about the same thing is known. Ask under a lock of what both are about: a later
    one that is not known yet then waits for that lock.

    :param about: the path in the update to what names the thing: ``("subscription", "invoice_payload")``
    """
    named: object = update.payload
    for step in about:
        named = named.get(step) if isinstance(named, Mapping) else None
    later = BotUpdate.objects.filter(bot=update.bot, update_id__gt=update.number, kind=update.kind)
    return not later.filter(**{"__".join(("payload", *about)): named}).exists()
