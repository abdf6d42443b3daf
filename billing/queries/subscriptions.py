"""Subscriptions and trials as they are listed and judged."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from billing import errors
from billing.models import Invoice, Subscription, SubscriptionPeriod
from billing.models.subscription import LIVE
from billing.queries.owners import wallet_id_of
from billing.rules.periods import Stretch
from core.money import Money


def list_subscriptions(
    *,
    user_id: UUID | None = None,
    company_id: UUID | None = None,
    status: str | None = None,
    only_of: UUID | None = None,
) -> QuerySet[Subscription]:
    """
    Subscriptions with their wallet, tariffs and periods.

    :param user_id: only this user's; nobody's, when there is no such user
    :param company_id: only this company's
    :param status: only those in this state
    :param only_of: the user who asks, where they may see their own alone
    """
    periods = SubscriptionPeriod.objects.select_related("tariff").order_by("number")
    found = Subscription.objects.select_related("wallet", "tariff", "next_tariff").prefetch_related(
        Prefetch("periods", queryset=periods)
    )
    for owner in {each for each in (user_id, only_of) if each is not None}:
        found = found.filter(wallet_id=wallet_id_of(user_id=owner))
    if company_id is not None:
        found = found.filter(wallet_id=wallet_id_of(company_id=company_id))
    if status is not None:
        found = found.filter(status=status)
    return found


def get_subscription(subscription_id: UUID, *, only_of: UUID | None = None) -> Subscription:
    """
    One of :func:`list_subscriptions`.

    :param only_of: the user who asks, where they may see their own alone
    :raises errors.SubscriptionNotFound: there is no such subscription, or it is not theirs
    """
    found = list_subscriptions(only_of=only_of).filter(pk=subscription_id).first()
    if found is None:
        raise errors.SubscriptionNotFound(str(subscription_id))
    return found


def list_live_periods(subscription: Subscription) -> list[SubscriptionPeriod]:
    """What was paid for and not taken back, in order, with invoices and tariffs."""
    rows = SubscriptionPeriod.objects.filter(subscription=subscription, removed_at=None)
    return list(rows.select_related("invoice", "tariff").order_by("starts_at"))


def as_stretch(row: SubscriptionPeriod) -> Stretch:
    """A period as the rules know it."""
    return Stretch(row.starts_at, row.ends_at, row.months, row.rate_amount, row.rate_seconds)


def is_renewable(invoice_id: UUID, *, paid: Money | None, has_begun: bool = False) -> bool:
    """
    Whether an invoice is for a subscription whose next period is sold for what was paid: at the price that the invoice
    asked, or in its currency today.

    :param has_begun: whether the invoice must have paid for its own period first
    """
    invoice = Invoice.objects.select_related("tariff").filter(pk=invoice_id).first()
    if invoice is None or not invoice.subscription_days:
        return False
    if has_begun and not SubscriptionPeriod.objects.filter(invoice=invoice).exists():
        return False
    if paid in invoice.prices:
        return True
    family = invoice.family or invoice.tariff.subscription_family
    live = Subscription.objects.filter(wallet=invoice.wallet_id, family=family, status__in=LIVE)
    going_on = live.select_related("tariff", "next_tariff").first()
    tariff = (going_on.next_tariff or going_on.tariff) if going_on else invoice.tariff
    return invoice.currency == tariff.currency or (invoice.currency == "XTR" and tariff.price_stars is not None)


def is_lapsed(subscription: Subscription, moment: datetime) -> bool:
    """Whether a live subscription has run out, swept or not: what is paid now begins another one."""
    if subscription.ends_at is None or subscription.ends_at > moment:
        return False
    if subscription.cancel_at_period_end:
        return True
    return moment >= (subscription.grace_ends_at or subscription.ends_at + timedelta(days=subscription.grace_days))
