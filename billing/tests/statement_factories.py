"""Comparisons with providers' books and what they found, as the nightly job leaves them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import factory

from billing.models import Invoice, ProviderStatement, StatementLine
from billing.rules import statements
from billing.rules.payment_events import Fact, Kind
from billing.tests.factories import InvoiceFactory
from core import clock


class ProviderStatementFactory(factory.django.DjangoModelFactory[ProviderStatement]):
    """A finished comparison with YooKassa's books of two days."""

    class Meta:
        model = ProviderStatement

    provider = "yookassa"
    until_at = factory.LazyFunction(clock.now)
    since_at = factory.LazyAttribute(lambda made: made.until_at - timedelta(days=2))
    finished_at = factory.LazyFunction(clock.now)


class StatementLineFactory(factory.django.DjangoModelFactory[StatementLine]):
    """An invoice's money that is in YooKassa's books and missing here; ``invoice=`` says for what it was paid."""

    class Meta:
        model = StatementLine
        exclude = ("invoice",)

    invoice = factory.SubFactory(InvoiceFactory)
    statement = factory.SubFactory(ProviderStatementFactory)
    provider = "yookassa"
    reference = factory.Sequence(lambda n: f"missed-{n}")
    direction = "in"
    provider_payment_id = factory.SelfAttribute("reference")
    verdict = "missing_here"
    their_amount = factory.LazyAttribute(lambda made: made.invoice.amount)
    their_currency = factory.LazyAttribute(lambda made: made.invoice.currency)
    occurred_at = factory.LazyFunction(clock.now)

    fact = factory.LazyAttribute(lambda made: _told(made.reference, made.invoice))


def _told(payment_id: str, invoice: Invoice) -> dict[str, Any]:
    fact = Fact(
        provider="yookassa",
        event_id=f"{payment_id}:succeeded",
        kind=Kind.SUCCEEDED,
        payment_id=payment_id,
        occurred_at=clock.now(),
        source="books",
        amount=invoice.amount_money,
        invoice_id=invoice.pk,
    )
    return statements.as_json(fact)
