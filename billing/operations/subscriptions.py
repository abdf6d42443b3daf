"""What customers and colleagues do to subscriptions; what time does to them is in ``renewals``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_datetime

from audit.operations import records
from billing import errors, events, locks
from billing.models import Invoice, Payment, Subscription, SubscriptionPeriod, Tariff, Wallet
from billing.operations import invoices, timelines
from billing.owners import Owner
from billing.queries import quotes
from billing.queries.subscriptions import is_lapsed, list_live_periods
from billing.rules.periods import Length, Rate
from core import clock
from core.actors import Actor
from core.database import operation
from core.errors import ValidationFailed

_Status = Subscription.Status


@dataclass(frozen=True, slots=True)
class Started:
    """
    :param subscription: pending, or the customer's that goes on when the invoice is paid
    :param invoice: what is to be paid
    """

    subscription: Subscription
    invoice: Invoice


@operation
def start(*, owner: Owner, tariff: str, key: str, by: Actor) -> Started:
    """
    Subscribe: the first invoice, and a subscription that waits for it. Where the customer has one of the family, the
    invoice is for its next period, and paying it takes a cancellation back. An invoice for the same that still waits is
    the answer again, whatever the key; the same key gives the first answer back.

    :param tariff: its slug
    :raises errors.IdempotencyMismatch: the key was used for another request
    :raises errors.WalletNotFound: there is no such customer
    :raises errors.TariffNotFound: there is no such tariff; also ``TariffNotOnSale``, ``TariffNotForOwner``
    :raises errors.TariffWithoutSubscription: the tariff sells tokens alone
    """
    wallet = locks.wallet_of(owner)
    sold = _subscription_tariff(tariff, wallet)
    moment = clock.now()
    subscription = locks.live_subscription(wallet, sold.subscription_family)
    if subscription is not None and is_lapsed(subscription, moment):
        timelines.expire(subscription, moment)
        subscription = None
    waiting = subscription.renewal_invoice if subscription else None
    if subscription and waiting and _is_for(waiting, sold) and waiting.expires_at > moment:
        return Started(subscription, waiting)
    made = invoices.create(owner=Owner.wallet(wallet.pk), tariff=tariff, key=key, by=by)
    if made.replayed and (paid := SubscriptionPeriod.objects.filter(invoice=made.invoice).first()):
        return Started(paid.subscription, made.invoice)
    if subscription is None:
        subscription = Subscription(wallet=wallet, tariff=sold, family=sold.subscription_family)
    if subscription.started_at is None:
        subscription.tariff = sold
    subscription.renewal_invoice = made.invoice
    subscription.save()
    return Started(subscription, made.invoice)


@operation
def cancel(
    *, subscription_id: UUID, by: Actor, reason: str = "", only_of: UUID | None = None, by_provider: bool = False
) -> Subscription:
    """
    Let a subscription end when the paid time ends; one for which nothing is paid ends now. What waits to be paid for it
    is withdrawn. Cancelling a cancelled one changes nothing.

    :param only_of: the user who acts, where they may cancel their own alone
    :param by_provider: whether whoever renews it says so, and need not be told
    :raises errors.SubscriptionNotFound: there is no such subscription, or it is not theirs
    :raises errors.SubscriptionOver: it has ended
    """
    _wallet, subscription = locks.subscription(subscription_id, only_of=only_of)
    _refuse_over(subscription)
    if subscription.cancel_at_period_end:
        return subscription
    moment = clock.now()
    subscription.cancel_at_period_end, subscription.cancelled_at = True, moment
    _withdraw_invoice(subscription, by=by)
    records.record("billing.subscription.cancelled", entity=subscription, by=by, reason=reason)
    events.announce_subscription("subscription.cancelled", subscription)
    if subscription.ends_at is not None and subscription.ends_at > moment:
        subscription.status, subscription.renews_at = _Status.CANCELLED, None
        subscription.save()
        if not by_provider:
            timelines.tell_provider(subscription)
    elif subscription.started_at is None:
        timelines.end(subscription, moment)
    else:
        timelines.expire(subscription, moment)
    return subscription


@operation
def resume(*, subscription_id: UUID, by: Actor, reason: str = "", by_provider: bool = False) -> Subscription:
    """
    Take a cancellation back while paid time is left. One that is not cancelled is left as it is.

    :param by_provider: whether whoever renews it says so, and need not be told
    :raises errors.SubscriptionNotFound: there is no such subscription
    :raises errors.SubscriptionOver: it has ended
    """
    _wallet, subscription = locks.subscription(subscription_id)
    _refuse_over(subscription)
    if not subscription.cancel_at_period_end:
        return subscription
    moment = clock.now()
    if is_lapsed(subscription, moment):
        raise errors.SubscriptionOver(ended_at=subscription.ends_at)
    subscription.cancel_at_period_end, subscription.cancelled_at = False, None
    timelines.follow(subscription, moment)
    reminded = subscription.reminded_days
    timelines.schedule(subscription)
    subscription.reminded_days = reminded
    subscription.save()
    records.record("billing.subscription.resumed", entity=subscription, by=by, reason=reason)
    if not by_provider:
        timelines.tell_provider(subscription)
    return subscription


@operation
def change_tariff(*, subscription_id: UUID, tariff: str, by: Actor, reason: str = "") -> Subscription:
    """
    Change to another tariff of the family: by the policy of that tariff now, the paid time converted by its value to
    the second, or when the paid time ends. Where the paid time has no value in the tariff's currency, it is when it
    ends. The present tariff takes a change that waits back.

    :param tariff: its slug
    :raises errors.SubscriptionNotFound: there is no such subscription
    :raises errors.SubscriptionOver: it has ended
    :raises errors.SubscriptionNotBegun: its first payment is still to come
    :raises errors.TariffNotFound: there is no such tariff; also ``TariffNotOnSale``, ``TariffNotForOwner``
    :raises errors.TariffWithoutSubscription: the tariff sells tokens alone
    :raises errors.TariffOfAnotherFamily: it is no tariff of this family
    """
    wallet, subscription = locks.subscription(subscription_id)
    _refuse_over(subscription)
    if subscription.started_at is None:
        raise errors.SubscriptionNotBegun()
    sold = _subscription_tariff(tariff, wallet)
    if sold.subscription_family != subscription.family:
        raise errors.TariffOfAnotherFamily(family=subscription.family)
    before = subscription.next_tariff or subscription.tariff
    if sold.pk == before.pk:
        return subscription
    is_back = sold.pk == subscription.tariff_id
    is_now = not is_back and sold.change_policy == Tariff.ChangePolicy.CONVERT and _convert(subscription, sold)
    if not is_now:
        subscription.next_tariff = None if is_back else sold
    if subscription.renewal_invoice_id is not None:
        # What waits to be paid is for the other tariff.
        _withdraw_invoice(subscription, by=by)
        timelines.schedule(subscription)
    subscription.save()
    timelines.keep_wallet_end(wallet)
    records.record(
        "billing.subscription.tariff_changed",
        entity=subscription,
        by=by,
        reason=reason,
        before=before.slug,
        after=sold.slug,
        converted=is_now,
    )
    return subscription


@operation
def keep_agreement(*, subscription_id: UUID, provider: str, agreement_id: str, by: Actor) -> Subscription:
    """
    Remember by what a customer has agreed to be charged for the next periods, or, with an empty id, forget it.

    :param provider: as payments and ``renewal_charges`` name it
    :param agreement_id: the provider's: a saved payment method, a first charge
    :raises errors.SubscriptionNotFound: there is no such subscription
    :raises errors.SubscriptionOver: it has ended
    :raises core.errors.ValidationFailed: the provider or the id is too long
    """
    wrong: dict[str, list[str]] = {}
    if not 1 <= len(provider) <= 32:
        wrong["provider"] = ["1 … 32"]
    if len(agreement_id) > 255:
        wrong["agreement_id"] = ["0 … 255"]
    if wrong:
        raise ValidationFailed(fields=wrong)
    _wallet, subscription = locks.subscription(subscription_id)
    _refuse_over(subscription)
    subscription.agreement_provider = provider if agreement_id else ""
    subscription.agreement_id = agreement_id
    subscription.save(update_fields=["agreement_provider", "agreement_id"])
    return subscription


@operation
def follow_agreement(*, payment: Payment, details: Mapping[str, Any], by: Actor) -> Subscription | None:
    """
    Remember with the subscription that a payment paid for what the customer agreed to be charged by, and until when the
    provider says that it is paid. None: it paid for none, or nothing was said.

    :param details: of the provider's fact: ``agreement``, ``paid_until`` (ISO 8601)
    """
    agreement, until = str(details.get("agreement", ""))[:255], parse_datetime(str(details.get("paid_until", "")))
    period = SubscriptionPeriod.objects.filter(invoice=payment.invoice_id, removed_at=None).first()
    if period is None or not (agreement or until):
        return None
    wallet, subscription = locks.subscription(period.subscription_id)
    if subscription.is_over:
        return subscription
    if until is not None:
        subscription.wallet = wallet
        timelines.end_as_provider_says(subscription, payment.invoice_id, until, moment=clock.now())
    if agreement and subscription.agreement_id != agreement:
        return keep_agreement(subscription_id=subscription.pk, provider=payment.provider, agreement_id=agreement, by=by)
    return subscription


@operation
def carry_agreement(*, payment: Payment, of_invoice_id: UUID, by: Actor) -> Subscription | None:
    """
    Where a provider's own renewal has begun another subscription, because the one that it renews had ended here
    meanwhile: let the other be renewed by the same agreement, as long as the customer had not cancelled, and end with
    what was paid for where they had. None: it has begun no other one.

    :param payment: the renewal's
    :param of_invoice_id: an earlier invoice of the subscription that the provider renews
    """
    period = SubscriptionPeriod.objects.filter(invoice=payment.invoice_id, removed_at=None).first()
    began = Subscription.objects.filter(periods__invoice=of_invoice_id).exclude(agreement_id="").order_by("-pk").first()
    if period is None or began is None or began.pk == period.subscription_id:
        return None
    wallet, subscription = locks.subscription(period.subscription_id)
    if subscription.is_over or subscription.agreement_id:
        return None
    # Others may have gone on by the same agreement between them.
    by_it = Subscription.objects.filter(wallet=wallet, agreement_id=began.agreement_id).exclude(pk=subscription.pk)
    before = by_it.order_by("-pk").first() or began
    subscription.wallet = wallet
    subscription.agreement_provider, subscription.agreement_id = before.agreement_provider, before.agreement_id
    if before.cancel_at_period_end and not subscription.cancel_at_period_end:
        timelines.keep_cancelled(subscription, before, moment=clock.now())
    subscription.save()
    timelines.tell_provider(subscription)
    return subscription


@operation
def forget_agreement(*, subscription: Subscription, by: Actor) -> None:
    """Remember no agreement with a subscription any more, over or not: its provider knows of none."""
    Subscription.objects.filter(pk=subscription.pk, agreement_id=subscription.agreement_id).update(
        agreement_provider="", agreement_id=""
    )


def _refuse_over(subscription: Subscription) -> None:
    if subscription.is_over:
        raise errors.SubscriptionOver(ended_at=subscription.ended_at)


def _subscription_tariff(slug: str, wallet: Wallet) -> Tariff:
    sold = quotes.get_tariff_on_sale(slug, wallet=wallet)
    if not sold.subscription_days:
        raise errors.TariffWithoutSubscription(slug)
    return sold


def _is_for(invoice: Invoice, sold: Tariff) -> bool:
    is_same = invoice.tariff_id == sold.pk and invoice.tariff_version == sold.version
    return is_same and invoice.status == Invoice.Status.PENDING


def _withdraw_invoice(subscription: Subscription, *, by: Actor) -> None:
    invoice, subscription.renewal_invoice = subscription.renewal_invoice, None
    if invoice is not None and invoice.status == Invoice.Status.PENDING:
        invoices.cancel(invoice_id=invoice.pk, by=by)


def _convert(subscription: Subscription, sold: Tariff) -> bool:
    rows = list_live_periods(subscription)
    invoice = rows[-1].invoice if rows else None
    if invoice is None:
        return False
    price = {sold.currency: sold.price, "XTR": sold.price_stars}.get(invoice.currency)
    if price is None:
        return False
    seconds = Length.of(days=sold.subscription_days).seconds
    return timelines.convert(subscription, sold, Rate(price, seconds), moment=clock.now(), currency=invoice.currency)
