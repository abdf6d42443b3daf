"""What is said of payments, money that goes back and customers on their way to a till, for tests."""

from __future__ import annotations

from typing import Any

import factory

from billing.models import Checkout, Dispute, Payment, PaymentEvent, Refund
from billing.operations import payment_events, refunds
from billing.rules.payment_events import Fact, Kind
from billing.tests.factories import TESTER, InvoiceFactory, PaymentFactory, new_key
from core import clock


class PaymentEventFactory(factory.django.DjangoModelFactory[PaymentEvent]):
    """The event that YooKassa's money for an invoice has come; ``kind=Kind.CREATED`` that it is to come."""

    class Meta:
        model = PaymentEvent

    invoice = factory.SubFactory(InvoiceFactory)
    kind = Kind.SUCCEEDED
    payment_id = factory.Sequence(lambda n: f"payment-{n}")

    @classmethod
    def _create(cls, model_class: type[PaymentEvent], *args: Any, **kwargs: Any) -> PaymentEvent:
        invoice, kind, payment_id = kwargs["invoice"], kwargs["kind"], kwargs["payment_id"]
        fact = Fact(
            provider="yookassa",
            event_id=f"{payment_id}:{kind}",
            kind=kind,
            payment_id=payment_id,
            occurred_at=clock.now(),
            source="webhook",
            amount=invoice.amount_money,
            invoice_id=invoice.pk,
        )
        return payment_events.record(fact=fact, by=TESTER).event


class AnnouncedPaymentFactory(PaymentFactory):
    """A payment whose money has not come yet."""

    @classmethod
    def _create(cls, model_class: type[Payment], *args: Any, **kwargs: Any) -> Payment:
        event = PaymentEventFactory.create(invoice=kwargs["invoice"], kind=Kind.CREATED)
        return Payment.objects.get(provider_payment_id=event.provider_payment_id)


class RefundFactory(factory.django.DjangoModelFactory[Refund]):
    """All of a payment by hand, sent back; ``payment=`` of another provider leaves it on its way."""

    class Meta:
        model = Refund

    payment = factory.SubFactory(PaymentFactory)
    policy = Refund.Policy.FULL
    amount = None
    reason = "Bought twice"
    key = factory.LazyFunction(new_key)

    @classmethod
    def _create(cls, model_class: type[Refund], *args: Any, **kwargs: Any) -> Refund:
        payment = kwargs.pop("payment")
        return refunds.issue(payment_id=payment.pk, by=TESTER, **kwargs).refund


class DisputeFactory(factory.django.DjangoModelFactory[Dispute]):
    """An open dispute about YooKassa's money."""

    class Meta:
        model = Dispute

    invoice = factory.SubFactory(InvoiceFactory)
    provider_dispute_id = factory.Sequence(lambda n: f"made-dispute-{n}")

    @classmethod
    def _create(cls, model_class: type[Dispute], *args: Any, **kwargs: Any) -> Dispute:
        paid = PaymentEventFactory.create(invoice=kwargs["invoice"])
        reference = kwargs["provider_dispute_id"]
        fact = Fact(
            provider=paid.provider,
            event_id=f"{reference}:opened",
            kind=Kind.DISPUTE_OPENED,
            payment_id=paid.provider_payment_id,
            occurred_at=clock.now(),
            source="webhook",
            reference=reference,
        )
        payment_events.record(fact=fact, by=TESTER)
        return Dispute.objects.get(provider_dispute_id=reference)


class CheckoutFactory(factory.django.DjangoModelFactory[Checkout]):
    """A customer on the way to YooKassa, which has not answered yet."""

    class Meta:
        model = Checkout

    invoice = factory.SubFactory(InvoiceFactory)
    provider = "yookassa"
    amount = factory.SelfAttribute("invoice.amount")
    currency = factory.SelfAttribute("invoice.currency")
