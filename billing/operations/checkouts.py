"""
Sending a customer to a provider's till. Intent, commit, call, result.

``billing_checkout_is_one_per_invoice_and_provider`` makes it one, and its stored key makes the provider's payment one,
however often the customer presses the button and whatever became of the first call.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_noop

from audit.operations import alerts
from billing import errors, locks
from billing.gateways import providers
from billing.gateways.provider import Order, ProviderPaused, ProviderRefused, ProviderUnavailable, Started
from billing.models import Checkout, Invoice, Payment
from billing.operations import provider_events
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.money import Money

# What Telegram takes as a title.
_TITLE_LENGTH: Final = 32
# Longer than any provider keeps a payment waiting.
_WEEK: Final = timedelta(days=7)


def start(*, invoice_id: UUID, provider: str, by: Actor, return_url: str = "", only_of: UUID | None = None) -> Checkout:
    """
    Where a customer pays this invoice. Asked again, the answer is the same.

    :param return_url: where the provider sends them afterwards
    :param only_of: the user who asks, where they may pay their own alone
    :raises errors.InvoiceNotFound: there is no such invoice, or it is not theirs
    :raises errors.InvoiceNotPending: it needs no payment
    :raises errors.ProviderNotOffered: this provider is not set up, or does not take this invoice
    :raises errors.ProviderNotAvailable: the provider does not answer; ask again
    """
    checkout = _intend(invoice_id=invoice_id, provider=provider, return_url=return_url, only_of=only_of, by=by)
    if checkout.answered_at is not None:
        return checkout
    try:
        started = providers.get(provider).start(_order(checkout))
    except ProviderRefused as refusal:
        raise errors.ProviderNotOffered(refusal.code) from refusal
    except ProviderPaused as pause:
        raise errors.ProviderNotAvailable(retry_after=pause.seconds) from pause
    except ProviderUnavailable as silence:
        raise errors.ProviderNotAvailable(retry_after=10) from silence
    return _answer(checkout_id=checkout.pk, started=started, by=by)


@operation
def _intend(*, invoice_id: UUID, provider: str, return_url: str, only_of: UUID | None, by: Actor) -> Checkout:
    _wallet, invoice = locks.invoice(invoice_id, only_of=only_of)
    if invoice.status != Invoice.Status.PENDING or invoice.expires_at <= clock.now():
        raise errors.InvoiceNotPending(invoice_status=invoice.status)
    if not providers.is_set_up(provider):
        raise errors.ProviderNotOffered(provider)
    amount = _asked(invoice, provider)
    kept, _is_new = Checkout.objects.get_or_create(
        invoice=invoice,
        provider=provider,
        defaults={"amount": amount.amount, "currency": amount.currency, "return_url": return_url},
    )
    return kept


def _asked(invoice: Invoice, provider: str) -> Money:
    """Stars are paid in Stars, everything else in the invoice's own currency."""
    if provider == Payment.Provider.TELEGRAM_STARS and invoice.currency != "XTR":
        if not invoice.amount_stars:
            raise errors.ProviderNotOffered(provider)
        return Money(invoice.amount_stars, "XTR")
    if provider != Payment.Provider.TELEGRAM_STARS and invoice.currency == "XTR":
        raise errors.ProviderNotOffered(provider)
    return invoice.amount_money


def _order(checkout: Checkout) -> Order:
    invoice = checkout.invoice
    tariff = invoice.tariff
    return Order(
        invoice_id=invoice.pk,
        amount=Money(checkout.amount, checkout.currency),
        title=tariff.name[:_TITLE_LENGTH],
        description=(tariff.description or tariff.name)[:255],
        key=str(checkout.key),
        return_url=checkout.return_url,
        saves_method=bool(invoice.subscription_days),
        period_days=invoice.subscription_days,
    )


@operation
def _answer(*, checkout_id: UUID, started: Started, by: Actor) -> Checkout:
    """Keep what the provider answered; the first answer stays."""
    checkout = Checkout.objects.select_related("invoice").get(pk=checkout_id)
    for fact in started.facts:
        provider_events.record(fact=fact, by=by)
    locks.invoice(checkout.invoice_id)
    Checkout.objects.filter(pk=checkout_id, answered_at__isnull=True).update(
        provider_payment_id=started.payment_id,
        url=started.url,
        invoice_link=started.invoice_link,
        payload=dict(started.payload),
        answered_at=CoreNow(),
    )
    checkout.refresh_from_db()
    return checkout


def charge(*, invoice_id: UUID, provider: str, agreement: str, by: Actor) -> Checkout:
    """
    Take a renewal from a stored agreement, without the customer. Called again, it asks with the same key.

    :param agreement: what the provider knows the customer's method by
    :raises errors.InvoiceNotPending: it needs no payment
    :raises errors.ProviderNotOffered: the agreement is no longer good
    :raises billing.gateways.provider.ProviderUnavailable: nobody knows what happened; call again
    """
    checkout = _intend(invoice_id=invoice_id, provider=provider, return_url="", only_of=None, by=by)
    try:
        facts = providers.get(provider).charge(_order(checkout), agreement=agreement)
    except ProviderRefused as refusal:
        alerts.raise_alert(
            f"billing.renewal_refused:{invoice_id}",
            severity="warning",
            title=gettext_noop("A renewal could not be charged"),
            body=f"{provider}: {refusal}",
            invoice=str(invoice_id),
        )
        raise errors.ProviderNotOffered(refusal.code) from refusal
    return _answer(checkout_id=checkout.pk, started=Started(facts=facts), by=by)


def poll(*, checkout_id: UUID, by: Actor) -> None:
    """
    Ask the provider what has become of a payment that it has not told of.

    :raises billing.gateways.provider.ProviderUnavailable: ask again later
    """
    checkout = Checkout.objects.get(pk=checkout_id)
    for fact in providers.get(checkout.provider).look_up(checkout.provider_payment_id):
        provider_events.record(fact=fact, by=by)


def list_unpaid(limit: int = 200) -> list[UUID]:
    """Checkouts at providers with payments of their own, begun within a week, of which no money has come."""
    unpaid = Checkout.objects.filter(
        answered_at__gt=CoreNow() - _WEEK, invoice__status__in=[Invoice.Status.PENDING, Invoice.Status.EXPIRED]
    ).exclude(provider_payment_id="")
    return list(unpaid.order_by("pk").values_list("pk", flat=True)[:limit])


def sweep(*, by: Actor) -> int:
    """
    Ask after every unpaid checkout; a provider that does not answer is asked the next time.

    :returns: how many were asked after
    """
    asked = 0
    for checkout_id in list_unpaid():
        try:
            poll(checkout_id=checkout_id, by=by)
        except ProviderUnavailable:
            continue
        asked += 1
    return asked
