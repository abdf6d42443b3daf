"""Requests about payments and refunds that billing refuses, one for each refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from billing.models import Payment, Refund
from billing.operations import charges
from billing.owners import Owner
from billing.tests.factories import TESTER, InvoiceFactory, PaymentFactory, new_key
from billing.tests.facts import tell, told_of
from billing.tests.payment_factories import AnnouncedPaymentFactory, PaymentEventFactory, RefundFactory
from billing.tests.refusals import Ask


def refunding(payment: Payment, *, policy: str = "full", amount: object = None, **expected: Any) -> Ask:
    body = {"policy": policy, "reason": "Bought twice", **({"amount": amount} if amount else {})}
    return Ask("post", f"payments/{payment.pk}/refunds", body, "k", **expected)


def told(payment_id: str, provider: str = "yookassa") -> Payment:
    return Payment.objects.get(provider=provider, provider_payment_id=payment_id)


def payment_not_found() -> Ask:
    return Ask("get", f"payments/{uuid4()}")


def payment_not_captured() -> Ask:
    return refunding(AnnouncedPaymentFactory.create(), data={"payment_status": "pending"})


def payment_disputed() -> Ask:
    of = told_of(InvoiceFactory.create())
    tell(of.succeeded(), of.opened())
    return refunding(told(of.payment_id))


def refund_pending() -> Ask:
    event = PaymentEventFactory.create()
    payment = told(event.provider_payment_id)
    RefundFactory.create(payment=payment, policy=Refund.Policy.GOODWILL)
    return refunding(payment)


def refund_exceeds_payment() -> Ask:
    return refunding(
        PaymentFactory.create(),
        amount={"amount": 14_901, "currency": "RUB"},
        fields=("amount",),
        data={"remaining": {"amount": 14_900, "currency": "RUB"}},
    )


def refund_amount_not_yours() -> Ask:
    return refunding(
        PaymentFactory.create(), policy="unspent", amount={"amount": 1, "currency": "RUB"}, fields=("amount",)
    )


def nothing_to_refund() -> Ask:
    payment = PaymentFactory.create()
    charges.charge(owner=Owner.wallet(payment.invoice.wallet_id), tokens=50, key=new_key(), by=TESTER)
    return refunding(payment, policy="unspent")


def partial_refund_not_possible() -> Ask:
    of = told_of(InvoiceFactory.create(), provider="telegram_stars")
    tell(of.succeeded())
    return refunding(
        told(of.payment_id, "telegram_stars"),
        amount={"amount": 100, "currency": "RUB"},
        data={"amount": {"amount": 100, "currency": "RUB"}, "whole": {"amount": 14_900, "currency": "RUB"}},
    )


def refund_made_elsewhere() -> Ask:
    of = told_of(InvoiceFactory.create(), provider="telegram")
    tell(of.succeeded())
    return refunding(told(of.payment_id, "telegram"))


CASES: Final[dict[str, Callable[[], Ask]]] = {
    f"billing.{case.__name__}": case
    for case in (
        payment_not_found,
        payment_not_captured,
        payment_disputed,
        refund_pending,
        refund_exceeds_payment,
        refund_amount_not_yours,
        nothing_to_refund,
        partial_refund_not_possible,
        refund_made_elsewhere,
    )
}
