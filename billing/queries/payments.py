"""Payments as they are listed, and what was said of them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from billing import errors
from billing.models import Payment, PaymentEvent
from billing.queries.owners import wallet_id_of
from billing.rules.payment_events import Fact, Kind
from core.money import Money


def list_payments(
    *, user_id: UUID | None = None, company_id: UUID | None = None, status: str | None = None
) -> QuerySet[Payment]:
    """
    Payments with their invoice and wallet.

    :param user_id: only this user's; nobody's, when there is no such user
    :param company_id: only this company's
    :param status: only those in this state
    """
    payments = Payment.objects.select_related("invoice__wallet")
    if user_id is not None:
        payments = payments.filter(invoice__wallet_id=wallet_id_of(user_id=user_id))
    if company_id is not None:
        payments = payments.filter(invoice__wallet_id=wallet_id_of(company_id=company_id))
    if status is not None:
        payments = payments.filter(status=status)
    return payments


def get_payment(payment_id: UUID) -> Payment:
    """
    One payment.

    :raises errors.PaymentNotFound: there is no such payment
    """
    found = list_payments().filter(pk=payment_id).first()
    if found is None:
        raise errors.PaymentNotFound(str(payment_id))
    return found


def list_events(payment: Payment) -> QuerySet[PaymentEvent]:
    """What was said of a payment, in the order in which it happened."""
    told = PaymentEvent.objects.filter(provider=payment.provider, provider_payment_id=payment.provider_payment_id)
    return told.order_by("occurred_at", "received_at", "pk")


def as_fact(event: PaymentEvent) -> Fact:
    """A stored event as the fact that it was."""
    return Fact(
        provider=event.provider,
        event_id=event.provider_event_id,
        kind=Kind(event.kind),
        payment_id=event.provider_payment_id,
        occurred_at=event.occurred_at,
        source=event.source,
        amount=None if event.amount is None else Money(event.amount, event.currency),
        reference=event.reference,
        invoice_id=event.invoice_id,
        payload=event.payload,
        details=event.details,
    )
