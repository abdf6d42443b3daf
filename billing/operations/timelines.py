"""
The parts of which changes of a subscription are made, each under its caller's locks: the wallet's, then the
subscription's.

``billing_subscription_is_one_per_wallet_and_family`` and ``billing_subscriptionperiod_overlaps_no_other`` are the last
walls behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Max

from billing import events
from billing.models import Invoice, Subscription, SubscriptionPeriod, Tariff, Wallet
from billing.queries.subscriptions import as_stretch, list_live_periods
from billing.rules import periods as rules
from billing.rules.periods import Length, Rate, Stretch
from billing.runtime_settings import RENEWAL_LEAD_HOURS
from core.jobs import enqueue

_Status = Subscription.Status
# By so much a provider's schedule may run beside ours.
_DRIFT: Final = timedelta(days=3)


def append(
    subscription: Subscription,
    tariff: Tariff,
    length: Length,
    *,
    start: datetime,
    moment: datetime,
    invoice: Invoice | None = None,
    worth: Rate | None = None,
) -> SubscriptionPeriod:
    """
    Write the next period of a locked or new subscription, and let the subscription and the wallet follow.

    :param invoice: what paid for it; None for a trial
    :param worth: what its time is worth; what the invoice asked for all of it by default
    """
    if worth is None:
        worth = Rate(invoice.amount if invoice else 0, length.seconds)
    zone = house_zone()
    subscription.anchor_day = rules.anchored(start, subscription.anchor_day, zone)
    ends_at = rules.end_of(start, length, anchor_day=subscription.anchor_day, zone=zone)
    if subscription.started_at is None:
        subscription.started_at, subscription.status = start, _Status.ACTIVE
        subscription.current_period_start, subscription.current_period_end = start, ends_at
        subscription.ends_at = ends_at
        # Its periods refer to it.
        subscription.save()
    last = subscription.periods.aggregate(last=Max("number"))["last"] or 0
    period = SubscriptionPeriod.objects.create(
        subscription=subscription,
        invoice=invoice,
        tariff=tariff,
        number=last + 1,
        starts_at=start,
        ends_at=ends_at,
        months=length.months,
        rate_amount=worth.amount,
        rate_seconds=worth.seconds,
    )
    if tariff.pk != subscription.tariff_id:
        subscription.next_tariff = tariff
    follow(subscription, moment)
    schedule(subscription)
    subscription.save()
    keep_wallet_end(subscription.wallet)
    return period


def convert(subscription: Subscription, tariff: Tariff, into: Rate, *, moment: datetime, currency: str) -> bool:
    """
    Turn what is left of a locked subscription's periods into time of another tariff, by its value. Where something that
    is left has no value in this currency, nothing is converted. The subscription is not saved.

    :param into: what the other tariff asks, in ``currency``
    :returns: whether it was
    """
    rows = list_live_periods(subscription)
    left = [row for row in rows if row.ends_at > moment]
    if not left or any(row.invoice is None or row.invoice.currency != currency for row in left):
        return False
    changed = rules.converted([as_stretch(row) for row in rows], into, moment=moment)
    if changed is None:
        return False
    for row in left:
        row.tariff = tariff
    move(rows, changed)
    subscription.tariff, subscription.next_tariff = tariff, None
    follow(subscription, moment)
    schedule(subscription)
    return True


def follow(subscription: Subscription, moment: datetime) -> bool:
    """
    Set what a subscription says of its periods: the present one, its tariff, the end, the status. It is not saved.

    :returns: whether paid time is left
    """
    rows = list_live_periods(subscription)
    if not rows:
        return False
    last = rows[-1]
    present = next((row for row in rows if row.ends_at > moment), last)
    subscription.current_period_start, subscription.current_period_end = present.starts_at, present.ends_at
    subscription.ends_at = last.ends_at
    if present.tariff_id != subscription.tariff_id:
        subscription.tariff = present.tariff
    if subscription.next_tariff_id == subscription.tariff_id:
        subscription.next_tariff = None
    if last.ends_at <= moment:
        return False
    subscription.grace_ends_at = None
    if subscription.cancel_at_period_end:
        subscription.status = _Status.CANCELLED
    else:
        subscription.status = _Status.ACTIVE if present.invoice_id else _Status.TRIALING
    return True


def schedule(subscription: Subscription) -> None:
    """
    Set when a subscription renews, now that its end has moved: some time before, so that the money can come in time;
    of short periods, after half of the last one. It is not saved.
    """
    subscription.reminded_days = None
    subscription.renews_at = None
    rows = list_live_periods(subscription)
    if rows and not subscription.cancel_at_period_end:
        lead = min(timedelta(hours=RENEWAL_LEAD_HOURS.get()), (rows[-1].ends_at - rows[-1].starts_at) / 2)
        subscription.renews_at = rows[-1].ends_at - lead


def keep_cancelled(subscription: Subscription, before: Subscription, *, moment: datetime) -> None:
    """Let a locked subscription end with its paid time as the one before it, which was cancelled. It is not saved."""
    subscription.cancel_at_period_end, subscription.cancelled_at = True, before.cancelled_at
    follow(subscription, moment)
    schedule(subscription)


def end(subscription: Subscription, moment: datetime) -> None:
    """Close a locked subscription for good. Whoever renews it by itself is told."""
    subscription.status, subscription.ended_at = _Status.EXPIRED, moment
    subscription.renews_at = subscription.grace_ends_at = None
    subscription.renewal_invoice = None
    subscription.save()
    tell_provider(subscription)


def tell_provider(subscription: Subscription) -> None:
    """Whoever renews by itself hears, once this is committed, whether it still may."""
    if subscription.agreement_id:
        enqueue("billing.tell_provider_of_subscription", subscription_id=subscription.pk)


def expire(subscription: Subscription, moment: datetime) -> None:
    """Close a locked subscription that began once, and say so."""
    end(subscription, moment)
    events.announce_subscription("subscription.expired", subscription)


def move(rows: Sequence[SubscriptionPeriod], stretches: Sequence[Stretch]) -> None:
    """Give rows the places that the rules found for them."""
    for row, stretch in zip(rows, stretches, strict=True):
        if as_stretch(row) != stretch:
            row.starts_at, row.ends_at, row.months = stretch.starts_at, stretch.ends_at, stretch.months
            row.rate_amount, row.rate_seconds = stretch.rate_amount, stretch.rate_seconds
            row.save(update_fields=["tariff", "starts_at", "ends_at", "months", "rate_amount", "rate_seconds"])


def end_as_provider_says(subscription: Subscription, invoice_id: UUID, until: datetime, *, moment: datetime) -> None:
    """
    Let the last period of a locked subscription end when the provider that renews it says so, if an invoice paid for it
    and the two schedules differ by no more than a few days; more is no drift, but another period.
    """
    rows = list_live_periods(subscription)
    if not rows or rows[-1].invoice_id != invoice_id:
        return
    last = rows[-1]
    if last.ends_at == until or until <= last.starts_at or abs(until - last.ends_at) > _DRIFT:
        return
    last.ends_at = until
    last.save(update_fields=["ends_at"])
    follow(subscription, moment)
    schedule(subscription)
    subscription.save()
    keep_wallet_end(subscription.wallet)


def keep_wallet_end(wallet: Wallet) -> None:
    """Until when a locked wallet's subscriptions are paid, the latest of them."""
    paid = SubscriptionPeriod.objects.filter(subscription__wallet=wallet, removed_at=None)
    wallet.subscription_end = paid.aggregate(end=Max("ends_at"))["end"]
    Wallet.objects.filter(pk=wallet.pk).update(subscription_end=wallet.subscription_end)


def house_zone() -> ZoneInfo:
    """By whose wall clock months are counted."""
    return ZoneInfo(settings.TIME_ZONE)
