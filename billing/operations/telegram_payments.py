"""What Telegram tells of money: recorded as the facts that it is. Twice, or at once, it is recorded once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop

from audit.operations import alerts
from billing.gateways import telegram
from billing.operations import provider_events
from core.actors import Actor


def hear(*, update: Mapping[str, Any], by: Actor) -> int:
    """
    Record what an update with ``successful_payment`` or ``refunded_payment`` says.

    :returns: how many facts it held
    """
    facts = telegram.facts_of_message(update)
    for fact in facts:
        provider_events.record(fact=fact, by=by)
    if not facts:
        # Telegram took money, or gave it back, and says so in words that nobody here understands.
        alerts.raise_alert(
            f"billing.telegram_payment_unreadable:{update.get('update_id')}",
            severity="critical",
            title=gettext_noop("Telegram tells of money in a way that cannot be read"),
            body=f"update {update.get('update_id')}",
        )
    return len(facts)
