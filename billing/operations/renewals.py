"""
What time does to subscriptions: renewed before their end, told of it, due, over.

Everything counts from the schedule that stands in the rows, not from when a worker ran: however late it is, and however
often it runs, each period is renewed once and each stage told once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import OperationalError
from django.db.models import F, Max, Q
from django.utils.translation import gettext_noop

from audit.operations import alerts
from billing import errors, events, locks, renewal_charges
from billing.models import Invoice, Subscription, SubscriptionPeriod, Tariff, Wallet
from billing.operations import invoices, timelines
from billing.queries import quotes
from billing.queries.subscriptions import list_live_periods
from billing.rules import keys
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.money import Money

logger = logging.getLogger(__name__)

_Status = Subscription.Status
_RENEWABLE: Final = (_Status.TRIALING, _Status.ACTIVE, _Status.PAST_DUE)
_RUNNING: Final = (_Status.TRIALING, _Status.ACTIVE, _Status.CANCELLED)
# Days before the end at which customers are told, the first stage first.
STAGES: Final = (7, 1)
_BATCH: Final = 500


@operation
def issue_invoice(*, of_invoice_id: UUID, key: str, by: Actor, paid: Money | None = None) -> Invoice:
    """
    The next invoice of the subscription that an earlier invoice is for, for money that a provider takes by itself: the
    present tariff's price today, without a promo code, in the earlier invoice's currency. Where the provider took what
    the earlier one asked, and that is not today's price, it sells the same again: the customer agreed to that. What
    waited to be paid for the same period is withdrawn. A cancellation stays: whoever cancels while a charge is under
    way has paid for one more period, and for none after it. The same key gives the first invoice back.

    :param of_invoice_id: any earlier one of the subscription; its own money may still be on its way
    :param key: the caller's, one per charge
    :param paid: what the provider has taken
    :raises errors.InvoiceNotFound: there is no such invoice
    :raises errors.SubscriptionNotFound: it sells no subscription
    :raises errors.IdempotencyMismatch: the key was used for another request
    :raises errors.CurrencyNotOffered: the tariff is not sold in that currency any more
    :raises core.errors.IdempotencyKeyInvalid: the key is none
    """
    keys.checked(key)
    wallet, earlier = locks.invoice(of_invoice_id)
    if not earlier.subscription_days:
        raise errors.SubscriptionNotFound(str(of_invoice_id))
    periods = SubscriptionPeriod.objects.select_related("subscription").filter(invoice=earlier)
    began = period.subscription if (period := periods.order_by("-pk").first()) else None
    family = began.family if began else earlier.family or earlier.tariff.subscription_family
    if first := Invoice.objects.filter(wallet=wallet, idempotency_key=key).first():
        if first.family != family:
            raise errors.IdempotencyMismatch()
        return first
    # The one that was paid for may be over; another has then taken its place, or will.
    subscription = locks.live_subscription(wallet, family)
    going_on = subscription or began
    tariff = (going_on.next_tariff or going_on.tariff) if going_on else earlier.tariff
    if paid is not None and paid in earlier.prices and paid not in _todays_prices(wallet, tariff, earlier.currency):
        invoice = invoices.repeat(of=earlier, price=paid, key=key, by=by)
    else:
        invoice = invoices.issue(wallet=wallet, tariff=tariff, currency=earlier.currency, key=key, by=by)
    # A first invoice whose money comes later than that of its renewals goes on waiting.
    if subscription is not None and subscription.renewal_invoice_id != earlier.pk:
        waiting = subscription.renewal_invoice
        if waiting is not None and waiting.status == Invoice.Status.PENDING:
            invoices.cancel(invoice_id=waiting.pk, by=by)
        # Paying the invoice that a subscription waits for takes a cancellation back; this charge is no such wish.
        subscription.renewal_invoice = None if subscription.cancel_at_period_end else invoice
        subscription.renews_at = None
        subscription.save(update_fields=["renewal_invoice", "renews_at"])
    return invoice


@operation
def renew(*, subscription_id: UUID, by: Actor) -> Invoice | None:
    """
    Issue the invoice of the next period, once that is due, and have it charged where the customer has agreed to that.

    :returns: None where nothing is due
    :raises errors.SubscriptionNotFound: there is no such subscription
    """
    wallet, subscription = locks.subscription(subscription_id)
    moment = clock.now()
    is_due = subscription.renews_at is not None and subscription.renews_at <= moment
    if not is_due or subscription.status not in _RENEWABLE or subscription.ends_at is None:
        return None
    tariff = subscription.next_tariff or subscription.tariff
    waits = timedelta(days=max(subscription.grace_days, 1))
    invoice = invoices.issue(
        wallet=wallet,
        tariff=tariff,
        currency=_currency(subscription, tariff),
        key=_key(subscription),
        expires_at=max(subscription.ends_at, moment) + waits,
        by=by,
    )
    subscription.renewal_invoice, subscription.renews_at = invoice, None
    subscription.save(update_fields=["renewal_invoice", "renews_at"])
    if charger := renewal_charges.find_charger(subscription.agreement_provider):
        charger.charge(subscription_id=subscription.pk, invoice_id=invoice.pk, by=by)
    return invoice


@operation
def advance(*, subscription_id: UUID, by: Actor) -> Subscription:
    """
    Bring a subscription to where the clock is: into its next paid period, due, or over. The grace of one whose invoice
    was issued late counts from that invoice, so that a late worker takes no day of it away.

    :raises errors.SubscriptionNotFound: there is no such subscription
    """
    _wallet, subscription = locks.subscription(subscription_id)
    moment = clock.now()
    if subscription.is_over:
        return subscription
    if subscription.ends_at is None:
        if not _is_payable(subscription.renewal_invoice):
            timelines.end(subscription, moment)
    elif timelines.follow(subscription, moment):
        subscription.save()
    elif subscription.cancel_at_period_end:
        timelines.expire(subscription, moment)
    elif subscription.grace_ends_at is None:
        waiting = subscription.renewal_invoice
        begins = max(subscription.ends_at, waiting.created_at) if waiting else subscription.ends_at
        subscription.status = _Status.PAST_DUE
        subscription.grace_ends_at = begins + timedelta(days=subscription.grace_days)
        subscription.save()
        events.announce_subscription("subscription.past_due", subscription, invoice_id=subscription.renewal_invoice_id)
    elif subscription.grace_ends_at <= moment:
        timelines.expire(subscription, moment)
    return subscription


@operation
def remind(*, subscription_id: UUID, by: Actor) -> int | None:
    """
    Tell a customer that their paid time ends, once at each stage; of stages that passed unseen only the last is told,
    and none that is as long as the whole period.

    :returns: the stage that was told, in days before the end; None where none was
    :raises errors.SubscriptionNotFound: there is no such subscription
    """
    _wallet, subscription = locks.subscription(subscription_id)
    moment = clock.now()
    rows = list_live_periods(subscription)
    if subscription.is_over or not rows or subscription.ends_at is None or subscription.ends_at <= moment:
        return None
    stages = [days for days in STAGES if subscription.ends_at - timedelta(days=days) <= moment]
    if not stages or (subscription.reminded_days is not None and subscription.reminded_days <= stages[-1]):
        return None
    stage = subscription.reminded_days = stages[-1]
    subscription.save(update_fields=["reminded_days"])
    if rows[-1].ends_at - rows[-1].starts_at <= timedelta(days=stage):
        return None
    events.announce_subscription(
        "subscription.expiring", subscription, days=stage, invoice_id=subscription.renewal_invoice_id
    )
    return stage


def sweep(*, by: Actor) -> int:
    """
    Renew, advance and tell of every subscription for which it is time, each in a transaction of its own. One of which
    that fails is alerted and left as it is, so that it does not stand in the others' way.

    :returns: how many steps were made
    """
    steps = 0
    kinds: tuple[tuple[Callable[..., object], Callable[[], list[UUID]]], ...] = (
        (renew, list_to_renew),
        (advance, list_to_advance),
        (remind, list_to_remind),
    )
    for step, due_now in kinds:
        seen: set[UUID] = set()
        while due := [each for each in due_now() if each not in seen]:
            steps += sum(_is_done(step, subscription_id, by=by) for subscription_id in due)
            seen.update(due)
    return steps


def _is_done(step: Callable[..., object], subscription_id: UUID, *, by: Actor) -> bool:
    """Whether a step could be made."""
    try:
        step(subscription_id=subscription_id, by=by)
    except OperationalError:
        # The database's, not the subscription's: the whole job is tried again.
        raise
    except Exception as defect:
        logger.exception("A step of the subscription %s failed", subscription_id)
        alerts.raise_alert(
            f"billing.subscription_stuck:{subscription_id}",
            severity="critical",
            title=gettext_noop("A subscription cannot be renewed or ended"),
            body=f"{step.__name__}: {type(defect).__name__}: {defect}",
            subscription=str(subscription_id),
        )
        return False
    return True


def list_to_renew() -> list[UUID]:
    """Subscriptions whose next invoice is due, at most a batch of them."""
    due = Subscription.objects.filter(renews_at__lte=CoreNow(), status__in=_RENEWABLE)
    return list(due.order_by("renews_at").values_list("pk", flat=True)[:_BATCH])


def list_to_advance() -> list[UUID]:
    """Subscriptions that are not where the clock is, at most a batch of them."""
    payable = (Invoice.Status.PENDING, Invoice.Status.PAID)
    due = Subscription.objects.filter(
        Q(status__in=_RUNNING, current_period_end__lte=CoreNow())
        | Q(status=_Status.PAST_DUE, grace_ends_at__lte=CoreNow())
        | Q(status=_Status.PENDING) & ~Q(renewal_invoice__status__in=payable)
    )
    return list(due.order_by("pk").values_list("pk", flat=True)[:_BATCH])


def list_to_remind() -> list[UUID]:
    """Subscriptions of whose end somebody is to be told, at most a batch of them."""
    told = [
        Q(ends_at__lte=CoreNow() + timedelta(days=days)) & (Q(reminded_days__isnull=True) | Q(reminded_days__gt=days))
        for days in STAGES
    ]
    due = Subscription.objects.filter(told[0] | told[1], status__in=_RUNNING, ends_at__gt=CoreNow())
    return list(due.order_by(F("ends_at")).values_list("pk", flat=True)[:_BATCH])


def _is_payable(invoice: Invoice | None) -> bool:
    return invoice is not None and invoice.status in (Invoice.Status.PENDING, Invoice.Status.PAID)


def _todays_prices(wallet: Wallet, tariff: Tariff, currency: str) -> frozenset[Money]:
    try:
        price = quotes.get_quote(wallet=wallet, tariff=tariff, currency=currency)
    except errors.CurrencyNotOffered:
        return frozenset()
    stars = [] if price.amount_stars is None else [Money(price.amount_stars, "XTR")]
    return frozenset([price.amount, *stars])


def _currency(subscription: Subscription, tariff: Tariff) -> str:
    """What the customer paid in last, as long as the tariff is sold so."""
    paid = subscription.periods.exclude(invoice=None).order_by("-number").values_list("invoice__currency", flat=True)
    is_stars = paid.first() == "XTR" and tariff.price_stars is not None
    return "XTR" if is_stars else tariff.currency


def _key(subscription: Subscription) -> str:
    """One per period and attempt: an invoice that was withdrawn because the tariff changed leaves room for another."""
    last = subscription.periods.aggregate(last=Max("number"))["last"] or 0
    stem = keys.own("subscription", subscription.pk, "period", last + 1)
    made = Invoice.objects.filter(wallet=subscription.wallet_id, idempotency_key__startswith=f"{stem}:")
    return f"{stem}:{made.exclude(status=Invoice.Status.PENDING).count() + 1}"
