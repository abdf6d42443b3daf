"""
What customers have agreed to be charged by: renewals taken from it, and cancellations told to whoever renews by itself.

The jobs look again at what they were asked for: an invoice that was paid meanwhile is not charged, and the provider
is told what the subscription says by then. ``billing_checkout_is_open_once_per_invoice_and_provider`` and its stored
key make a charge one, however often the job runs.
"""

from __future__ import annotations

from uuid import UUID

from billing import errors
from billing.gateways import providers
from billing.gateways.provider import ProviderRefused
from billing.models import Invoice, PaymentEvent, Subscription
from billing.models.subscription import LIVE
from billing.operations import checkouts, subscriptions
from core.actors import Actor
from core.jobs import enqueue


def charge(*, subscription_id: UUID, invoice_id: UUID, by: Actor) -> None:
    """Have the agreement charged once the caller's transaction is committed: see ``billing.renewal_charges``."""
    enqueue("billing.charge_agreement", key=str(invoice_id), subscription_id=subscription_id, invoice_id=invoice_id)


def take(*, subscription_id: UUID, invoice_id: UUID, by: Actor) -> None:
    """
    Charge a renewal to its agreement. One that the provider takes no more is forgotten: the invoice waits for the
    customer, who is told of it as of any other.

    :raises billing.gateways.provider.ProviderUnavailable: nobody knows what happened; call again
    """
    subscription = Subscription.objects.get(pk=subscription_id)
    is_payable = Invoice.objects.filter(pk=invoice_id, status=Invoice.Status.PENDING).exists()
    is_stopped = subscription.is_over or subscription.cancel_at_period_end
    if not is_payable or not subscription.agreement_id or is_stopped:
        return
    provider, agreement = subscription.agreement_provider, subscription.agreement_id
    try:
        checkouts.charge(invoice_id=invoice_id, provider=provider, agreement=agreement, by=by)
    except errors.InvoiceNotPending:
        return
    except errors.ProviderNotOffered:
        subscriptions.keep_agreement(subscription_id=subscription_id, provider=provider, agreement_id="", by=by)


def tell_provider(*, subscription_id: UUID, by: Actor) -> None:
    """
    Let a provider that renews by itself know whether it still may: while a subscription that goes on has its agreement,
    be it another one than this. Twice, it is told the same.

    :raises billing.gateways.provider.ProviderUnavailable: call again
    """
    subscription = Subscription.objects.get(pk=subscription_id)
    if not subscription.agreement_id:
        return
    paid = PaymentEvent.objects.filter(
        provider=subscription.agreement_provider, details__agreement=subscription.agreement_id
    ).first()
    going_on = Subscription.objects.filter(
        agreement_provider=subscription.agreement_provider,
        agreement_id=subscription.agreement_id,
        wallet=subscription.wallet_id,
        status__in=LIVE,
        cancel_at_period_end=False,
    )
    try:
        providers.get(subscription.agreement_provider).renew(
            agreement=subscription.agreement_id,
            details=paid.details if paid else {},
            is_on=going_on.exists(),
        )
    except ProviderRefused:
        subscriptions.forget_agreement(subscription=subscription, by=by)
