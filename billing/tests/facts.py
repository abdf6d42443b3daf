"""What providers say, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction

from billing.models import Invoice, Payment, Refund
from billing.operations import money_back, payment_events
from billing.operations.payment_events import Heard
from billing.rules.payment_events import Fact, Kind
from billing.tests.factories import TESTER, new_key
from billing.tests.payment_factories import PaymentEventFactory, RefundFactory
from core.database import told_to_database
from core.money import Money

MOMENT: Final = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def told_of(invoice: Invoice, *, payment_id: str = "pay-1", provider: str = "yookassa") -> Storyteller:
    """Someone who tells of the one payment of an invoice."""
    return Storyteller(invoice, payment_id, provider)


class Storyteller:
    """Facts about one payment of an invoice, each later than the one before it in :data:`ORDER`."""

    def __init__(self, invoice: Invoice, payment_id: str, provider: str) -> None:
        self.invoice = invoice
        self.payment_id = payment_id
        self.provider = provider

    def _fact(
        self,
        kind: Kind,
        hour: int,
        *,
        amount: Money | None,
        reference: str = "",
    ) -> Fact:
        return Fact(
            provider=self.provider,
            event_id=f"{self.payment_id}:{kind}:{reference}",
            kind=kind,
            payment_id=self.payment_id,
            occurred_at=MOMENT + timedelta(hours=hour),
            source="webhook",
            amount=amount,
            reference=reference,
            invoice_id=self.invoice.pk,
            payload={"kind": str(kind)},
        )

    def created(self) -> Fact:
        return self._fact(Kind.CREATED, 0, amount=self.invoice.amount_money)

    def cancelled(self) -> Fact:
        return self._fact(Kind.CANCELLED, 1, amount=self.invoice.amount_money)

    def succeeded(self, amount: Money | None = None) -> Fact:
        return self._fact(Kind.SUCCEEDED, 1, amount=amount or self.invoice.amount_money)

    def refunded(self, amount: int | None = None, *, reference: str = "refund-1") -> Fact:
        money = Money(self.invoice.amount if amount is None else amount, self.invoice.currency)
        return self._fact(Kind.REFUNDED, 2, amount=money, reference=reference)

    def came_back(self, *, reference: str = "refund-1") -> Fact:
        return self._fact(Kind.REFUND_FAILED, 3, amount=None, reference=reference)

    def opened(self, reference: str = "dispute-1") -> Fact:
        return self._fact(Kind.DISPUTE_OPENED, 3, amount=None, reference=reference)

    def won(self, reference: str = "dispute-1", *, hour: int = 4) -> Fact:
        return self._fact(Kind.DISPUTE_WON, hour, amount=None, reference=reference)

    def lost(self, reference: str = "dispute-1", *, hour: int = 4) -> Fact:
        return self._fact(Kind.DISPUTE_LOST, hour, amount=None, reference=reference)


def tell(*facts: Fact) -> list[Heard]:
    """Record facts, one after another."""
    return [payment_events.record(fact=fact, by=TESTER) for fact in facts]


def refund_that_came_back() -> Refund:
    """A refund that was made, and whose money the payer's bank has sent back."""
    refund = RefundFactory.create()
    payment = refund.payment
    fact = told_of(payment.invoice, payment_id=payment.provider_payment_id, provider=payment.provider).came_back(
        reference=refund.provider_refund_id or ""
    )
    tell(fact)
    refund.refresh_from_db()
    return refund


def refund_on_its_way() -> Refund:
    """A refund of YooKassa's money, by goodwill, that YooKassa has not been asked for yet."""
    event = PaymentEventFactory.create()
    payment = Payment.objects.get(provider_payment_id=event.provider_payment_id)
    with transaction.atomic(), told_to_database(TESTER):
        return money_back.add(
            payment,
            origin=Refund.Origin.DESK,
            policy=Refund.Policy.GOODWILL,
            amount=payment.amount,
            claimed_tokens=0,
            reason="Bought twice",
            key=new_key(),
            by=TESTER,
        )
