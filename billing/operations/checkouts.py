"""
Sending a customer to a provider's till. Intent, commit, call, result.

``billing_checkout_is_open_once_per_invoice_and_provider`` makes an attempt one, and its stored key makes the provider's
payment one, however often the customer presses the button and whatever became of the first call. Of an attempt that was
refused, cancelled or let expire nothing comes any more: the next one has a key of its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_noop

from audit.operations import alerts
from billing import errors, locks
from billing.gateways import providers
from billing.gateways.provider import Order, ProviderPaused, ProviderRefused, ProviderUnavailable, Started
from billing.models import Checkout, Invoice, Payment
from billing.operations import asking, attempts, provider_events
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.money import Money

# What Telegram takes as a title.
_TITLE_LENGTH: Final = 32
# Longer than any provider keeps a payment waiting.
_WEEK: Final = timedelta(days=7)
# As long as providers keep a key: asked for later, it would be another payment all the same.
_DAY: Final = timedelta(days=1)
# Longer than any call to a provider lasts.
_A_WHILE: Final = timedelta(minutes=10)


def start(*, invoice_id: UUID, provider: str, by: Actor, return_url: str = "", only_of: UUID | None = None) -> Checkout:
    """
    Where a customer pays this invoice. Asked again, the answer is the same for as long as they can pay there.

    :param return_url: where the provider sends them afterwards
    :param only_of: the user who asks, where they may pay their own alone
    :raises errors.InvoiceNotFound: there is no such invoice, or it is not theirs
    :raises errors.InvoiceNotPending: it needs no payment
    :raises errors.ProviderNotOffered: this provider is not set up, or does not take this invoice
    :raises errors.ProviderNotAvailable: the provider does not answer, or is charging a renewal; ask again
    """
    checkout = _intend(invoice_id=invoice_id, provider=provider, return_url=return_url, only_of=only_of, by=by)
    if checkout.answered_at is not None:
        return checkout
    try:
        started = providers.get(provider).start(_order(checkout))
    except ProviderRefused as refusal:
        attempts.give_up(checkout_id=checkout.pk, by=by)
        raise errors.ProviderNotOffered(refusal.code) from refusal
    except ProviderPaused as pause:
        raise errors.ProviderNotAvailable(retry_after=pause.seconds) from pause
    except ProviderUnavailable as silence:
        raise errors.ProviderNotAvailable(retry_after=10) from silence
    answered = _answer(checkout_id=checkout.pk, started=started, by=by)
    if answered.closed_at is not None:
        # Begun long ago, and over before its answer came.
        raise errors.ProviderNotAvailable(retry_after=1)
    return answered


@operation
def _intend(
    *,
    invoice_id: UUID,
    provider: str,
    by: Actor,
    return_url: str = "",
    only_of: UUID | None = None,
    by_agreement: bool = False,
) -> Checkout:
    """The open attempt; a new one where there is none, or only one that nobody waits for any more."""
    _wallet, invoice = locks.invoice(invoice_id, only_of=only_of)
    if invoice.status != Invoice.Status.PENDING or invoice.expires_at <= clock.now():
        raise errors.InvoiceNotPending(invoice_status=invoice.status)
    if not providers.is_set_up(provider):
        raise errors.ProviderNotOffered(provider)
    amount = _asked(invoice, provider)
    kept = Checkout.objects.filter(invoice=invoice, provider=provider, closed_at=None).first()
    if kept is not None and _is_stale(kept, by_agreement=by_agreement):
        kept.closed_at = CoreNow()
        kept.save(update_fields=["closed_at"])
        kept = None
    if kept is None:
        return Checkout.objects.create(
            invoice=invoice,
            provider=provider,
            by_agreement=by_agreement,
            amount=amount.amount,
            currency=amount.currency,
            return_url=return_url,
        )
    # What is asked for at a till and what is charged differ, and so do their keys; both at once would be paid twice.
    if by_agreement and not kept.by_agreement:
        raise ProviderPaused("the customer is at the till", seconds=int(_A_WHILE.total_seconds()))
    if kept.by_agreement and not by_agreement:
        raise errors.ProviderNotAvailable(retry_after=60)
    return kept


def _is_stale(kept: Checkout, *, by_agreement: bool) -> bool:
    """Whether an open attempt keeps nobody any longer from another one."""
    age = clock.now() - kept.created_at
    if kept.by_agreement:
        return not by_agreement and age > _DAY
    # Nobody has been told where to pay.
    return kept.answered_at is None and age > (_A_WHILE if by_agreement else _DAY)


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
    attempts.close_cancelled(
        invoice_id=checkout.invoice_id, provider=checkout.provider, payment_id=started.payment_id, by=by
    )
    checkout.refresh_from_db()
    return checkout


def charge(*, invoice_id: UUID, provider: str, agreement: str, by: Actor) -> Checkout:
    """
    Take a renewal from a stored agreement, without the customer. Called again, it asks with the same key; after a
    refusal with another.

    :param agreement: what the provider knows the customer's method by
    :raises errors.InvoiceNotPending: it needs no payment
    :raises errors.ProviderNotOffered: the agreement is no longer good
    :raises billing.gateways.provider.ProviderUnavailable: nobody knows what happened, or the customer is about to pay
        by themselves; call again
    """
    checkout = _intend(invoice_id=invoice_id, provider=provider, by_agreement=True, by=by)
    try:
        facts = providers.get(provider).charge(_order(checkout), agreement=agreement)
    except ProviderRefused as refusal:
        attempts.give_up(checkout_id=checkout.pk, by=by)
        alerts.raise_alert(
            f"billing.renewal_refused:{invoice_id}",
            severity="warning",
            title=gettext_noop("A renewal could not be charged"),
            body=f"{provider}: {refusal}",
            invoice=str(invoice_id),
        )
        raise errors.ProviderNotOffered(refusal.code) from refusal
    payment_id = facts[0].payment_id if facts else ""
    return _answer(checkout_id=checkout.pk, started=Started(payment_id=payment_id, facts=facts), by=by)


def poll(*, checkout_id: UUID, by: Actor) -> None:
    """
    Ask the provider what has become of a payment that it has not told of.

    :raises billing.gateways.provider.ProviderUnavailable: ask again later
    """
    checkout = _note_asking(checkout_id=checkout_id, by=by)
    for fact in providers.get(checkout.provider).look_up(checkout.provider_payment_id):
        provider_events.record(fact=fact, by=by)


@operation
def _note_asking(*, checkout_id: UUID, by: Actor) -> Checkout:
    """Before the provider is asked: one that cannot be asked after must not come first for ever."""
    Checkout.objects.filter(pk=checkout_id).update(polled_at=CoreNow())
    return Checkout.objects.get(pk=checkout_id)


def list_unpaid(provider: str, *, limit: int = 200) -> list[UUID]:
    """
    Open attempts at a provider with payments of its own, begun within a week, of which no money has come: first those
    that were never asked after, then those longest ago.
    """
    unpaid = Checkout.objects.filter(
        provider=provider,
        closed_at=None,
        answered_at__gt=CoreNow() - _WEEK,
        invoice__status__in=[Invoice.Status.PENDING, Invoice.Status.EXPIRED],
    ).exclude(provider_payment_id="")
    return list(unpaid.order_by(F("polled_at").asc(nulls_first=True), "pk").values_list("pk", flat=True)[:limit])


def sweep(*, by: Actor, limit: int = 200) -> int:
    """
    Ask after unpaid attempts. What cannot be asked after stands in nobody's way, and a provider that does not answer is
    asked the next time.

    :param limit: of each provider, at most so many
    :returns: how many were asked after
    """
    return sum(
        asking.ask_each(
            list_unpaid(provider, limit=limit),
            lambda each: poll(checkout_id=each, by=by),
            stuck="billing.checkout_stuck",
            title=gettext_noop("A payment cannot be asked after"),
        )
        for provider in providers.list_codes()
    )
