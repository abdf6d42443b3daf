"""The life of a payment, as it was told: each event in words, and what all of them amount to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import kind_badge, status_badge
from billing.models import Payment, PaymentEvent
from billing.queries.payments import list_events
from billing.rules.payment_events import fold
from core.admin.display import Text, change_url
from core.money import Money

_WORDS: Final[Mapping[PaymentEvent.Kind, Text]] = {
    PaymentEvent.Kind.NOTICE: _("Told, and not believed: it counts for nothing by itself."),
    PaymentEvent.Kind.CREATED: _("The payment was begun; its money is awaited."),
    PaymentEvent.Kind.SUCCEEDED: _("The money is there."),
    PaymentEvent.Kind.CANCELLED: _("The payment came to nothing."),
    PaymentEvent.Kind.REFUNDED: _("Money went back to the payer."),
    PaymentEvent.Kind.REFUND_FAILED: _("The payer's bank did not take the refund: the money is here again."),
    PaymentEvent.Kind.DISPUTE_OPENED: _("The payer contests the payment with their bank."),
    PaymentEvent.Kind.DISPUTE_WON: _("The dispute is won: the money stays."),
    PaymentEvent.Kind.DISPUTE_LOST: _("The dispute is lost: the money is gone."),
}


@dataclass(frozen=True, slots=True)
class Told:
    """
    One event.

    :param raw: as it came; empty where nothing came with it
    """

    badge: SafeString
    words: Text
    amount: Money | None
    source: str
    reference: str
    happened: datetime
    received: datetime
    raw: str
    url: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """
    :param events: the earliest first
    :param status: what all of them amount to
    :param is_behind: whether the payment shows another status
    """

    events: Sequence[Told]
    status: SafeString
    is_behind: bool

    @classmethod
    def of(cls, payment: Payment) -> Timeline:
        found = list(list_events(payment))
        status = Payment.Status(fold(found).status)
        return cls(
            events=[_told(event) for event in found],
            status=status_badge(status),
            is_behind=bool(found) and status != payment.status,
        )


def _told(event: PaymentEvent) -> Told:
    return Told(
        badge=kind_badge(event),
        words=_WORDS[PaymentEvent.Kind(event.kind)],
        amount=event.money,
        source=event.get_source_display(),
        reference=event.reference,
        happened=event.occurred_at,
        received=event.received_at,
        raw=as_text(event.payload),
        url=change_url(event, event.pk),
    )


def as_text(payload: object) -> str:
    """JSON as people read it; empty for none."""
    return json.dumps(payload, ensure_ascii=False, indent=2, sort_keys=True) if payload else ""
