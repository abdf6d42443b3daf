"""Is every payment what its events amount to?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from billing.models import Payment, PaymentEvent
from billing.rules.payment_events import fold

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """
    :param status: of the payment, as it stands
    :param told: what its events amount to
    """

    payment_id: UUID
    status: str
    told: str

    def __str__(self) -> str:
        return f"payment {self.payment_id}: status={self.status}, told={self.told}"


@dataclass(frozen=True, slots=True)
class Report:
    """
    :param payments: how many were judged
    :param differences: those that are not what was told of them
    """

    payments: int
    differences: tuple[Difference, ...]


def compare() -> Report:
    """Judge every payment by its events. Reads only, 500 at a time."""
    payments = 0
    found: list[Difference] = []
    for chunk in _chunks():
        told: dict[tuple[str, str], list[PaymentEvent]] = defaultdict(list)
        ids = [payment.provider_payment_id for payment in chunk]
        for event in PaymentEvent.objects.filter(provider_payment_id__in=ids).defer("payload"):
            told[event.provider, event.provider_payment_id].append(event)
        for payment in chunk:
            payments += 1
            status = fold(told[payment.provider, payment.provider_payment_id]).status
            if status != payment.status:
                found.append(Difference(payment.pk, payment.status, status))
    return Report(payments, tuple(found))


def _chunks() -> Iterator[list[Payment]]:
    after: UUID | None = None
    while True:
        rows = Payment.objects.order_by("pk")
        chunk = list((rows if after is None else rows.filter(pk__gt=after))[:_AT_ONCE])
        if not chunk:
            return
        yield chunk
        after = chunk[-1].pk
