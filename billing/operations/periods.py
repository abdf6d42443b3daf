"""The periods of subscriptions: what a payment adds, what goes with money that went back, and comes again with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.operations import records
from billing import events, locks
from billing.models import Invoice, Subscription, SubscriptionPeriod, Tariff, Wallet
from billing.operations import timelines
from billing.queries.subscriptions import as_stretch, is_lapsed, list_live_periods
from billing.rules import periods as rules
from billing.rules.periods import Length, Rate
from core import clock
from core.actors import Actor
from core.database import operation


@dataclass(frozen=True, slots=True)
class Added:
    """
    :param subscription: as it is now
    :param period: what the payment bought
    """

    subscription: Subscription
    period: SubscriptionPeriod


@operation
def add(*, wallet: Wallet, invoice: Invoice, moment: datetime, by: Actor) -> Added | None:
    """
    Give what an invoice promises of a subscription: the next period of the customer's subscription of this family, or
    the first one of a new subscription. It begins when the paid time ends; a subscription that waits for its payment
    goes on from its schedule, whenever the money came. An invoice of another tariff of the family follows the paid time
    or converts it, as it was promised. Paying does not take a cancellation back, unless the invoice was made to go on.

    The same invoice again changes nothing: a period's invoice is unique, looked up under the wallet's lock.

    :param wallet: locked by the caller
    :param moment: when it was paid, by the database's clock
    :returns: None where the invoice sells no subscription, or has given its period before
    """
    if not invoice.subscription_days or SubscriptionPeriod.objects.filter(invoice=invoice).exists():
        return None
    # Invoices that were issued before they knew of families have none.
    family = invoice.family or invoice.tariff.subscription_family
    subscription = locks.live_subscription(wallet, family)
    renews = subscription is not None and subscription.renewal_invoice_id == invoice.pk
    if subscription is not None and not renews and is_lapsed(subscription, moment):
        timelines.expire(subscription, moment)
        subscription = None
    if subscription is None:
        subscription = Subscription(wallet=wallet, tariff=invoice.tariff, family=family)
    is_new = subscription.started_at is None
    if is_new:
        subscription.tariff = invoice.tariff
    length = Length.of(days=invoice.subscription_days, months=invoice.period_months)
    if not is_new and invoice.change_policy == Tariff.ChangePolicy.CONVERT:
        _convert(subscription, invoice, length, moment)
    subscription.wallet, subscription.grace_days = wallet, invoice.grace_days
    if renews:
        subscription.cancel_at_period_end, subscription.cancelled_at = False, None
        subscription.renewal_invoice = None
    start = _start(subscription, length, moment)
    period = timelines.append(subscription, invoice.tariff, length, start=start, moment=moment, invoice=invoice)
    records.record(
        "billing.subscription.started" if is_new else "billing.subscription.extended",
        entity=subscription,
        by=by,
        invoice=str(invoice.pk),
    )
    events.announce_subscription(
        "subscription.started" if is_new else "subscription.renewed", subscription, invoice_id=invoice.pk
    )
    return Added(subscription, period)


@operation
def remove(*, invoice: Invoice, by: Actor) -> SubscriptionPeriod | None:
    """
    Take back the period that an invoice paid for, because its money went back: later ones move up, and a subscription
    of which nothing is left ends. Time that has passed stays passed. The second call finds it taken back.

    :returns: the period; None where there was none to take back
    """
    wallet = locks.wallet(invoice.wallet_id)
    found = SubscriptionPeriod.objects.filter(invoice=invoice, removed_at=None).first()
    if found is None:
        return None
    _wallet, subscription = locks.subscription(found.subscription_id)
    moment = clock.now()
    rows = list_live_periods(subscription)
    left = rules.without(
        [as_stretch(row) for row in rows],
        [row.pk for row in rows].index(found.pk),
        moment=moment,
        anchor_day=subscription.anchor_day,
        zone=timelines.house_zone(),
    )
    found.removed_at = moment
    found.save(update_fields=["removed_at"])
    timelines.move([row for row in rows if row.pk != found.pk], left)
    if not subscription.is_over:
        ended_at = subscription.ends_at
        # One that waits for its payment goes on waiting when an older period's money goes back.
        if timelines.follow(subscription, moment) or (left and found.ends_at <= moment):
            if subscription.ends_at != ended_at:
                timelines.schedule(subscription)
            subscription.save()
        else:
            timelines.expire(subscription, moment)
    timelines.keep_wallet_end(wallet)
    records.record("billing.subscription.shortened", entity=subscription, by=by, invoice=str(invoice.pk))
    return found


@operation
def restore(*, invoice: Invoice, by: Actor) -> SubscriptionPeriod | None:
    """
    Give what was left of an invoice's period when it was taken back, because its money stays after all: behind what is
    paid for by now or, where its subscription has ended, in one that goes on for it. The period that was taken back
    stays as it is, and this is another one. The second call finds it given.

    :returns: the period; None where none was taken back, or nothing of it was left
    """
    wallet = locks.wallet(invoice.wallet_id)
    rows = list(SubscriptionPeriod.objects.filter(invoice=invoice).order_by("-pk"))
    if not rows or any(row.removed_at is None for row in rows):
        return None
    lost = rows[0]
    length = _left(lost)
    if not length.seconds:
        return None
    moment = clock.now()
    _wallet, before = locks.subscription(lost.subscription_id)
    subscription = before if not before.is_over else locks.live_subscription(wallet, before.family)
    if subscription is not None and is_lapsed(subscription, moment):
        timelines.expire(subscription, moment)
        subscription = None
    goes_on = subscription is None
    if subscription is None:
        subscription = Subscription(
            wallet=wallet,
            tariff_id=lost.tariff_id,
            family=before.family,
            grace_days=before.grace_days,
            agreement_provider=before.agreement_provider,
            agreement_id=before.agreement_id,
        )
    subscription.wallet = wallet
    start = _start(subscription, length, moment)
    worth = Rate(lost.rate_amount, lost.rate_seconds)
    period = timelines.append(
        subscription, lost.tariff, length, start=start, moment=moment, invoice=invoice, worth=worth
    )
    if goes_on and before.cancel_at_period_end:
        # Whoever has cancelled is not asked for the next period now.
        timelines.keep_cancelled(subscription, before, moment=moment)
        subscription.save()
    elif goes_on:
        # It was told to stop when the one before ended.
        timelines.tell_provider(subscription)
    records.record("billing.subscription.restored", entity=subscription, by=by, invoice=str(invoice.pk))
    events.announce_subscription(
        "subscription.started" if goes_on else "subscription.renewed", subscription, invoice_id=invoice.pk
    )
    return period


def _left(lost: SubscriptionPeriod) -> Length:
    """How much of a period was still to come when it was taken back."""
    if lost.removed_at is None or lost.removed_at <= lost.starts_at:
        return Length(int((lost.ends_at - lost.starts_at).total_seconds()), lost.months)
    return Length(max(0, int((lost.ends_at - lost.removed_at).total_seconds())))


def _convert(subscription: Subscription, invoice: Invoice, length: Length, moment: datetime) -> None:
    """Turn what is left of other tariffs into time of the invoice's, at the price that it was offered for."""
    if any(row.tariff_id != invoice.tariff_id for row in list_live_periods(subscription)):
        into = Rate(invoice.list_price, length.seconds)
        timelines.convert(subscription, invoice.tariff, into, moment=moment, currency=invoice.currency)


def _start(subscription: Subscription, length: Length, moment: datetime) -> datetime:
    if subscription.ends_at is None or subscription.status == Subscription.Status.CANCELLED:
        return rules.begin_of(end=subscription.ends_at, moment=moment)
    # The schedule counts, not when a worker or the money came; but nobody pays for time that is over.
    is_over = subscription.ends_at + timedelta(seconds=length.seconds) <= moment
    return moment if is_over else subscription.ends_at
