"""When something of billing falls due by itself, for the test clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from billing.models import CreditRequest, Hold, Invoice, Referral, Subscription, Transaction, Wallet
from billing.operations.renewals import STAGES
from billing.runtime_settings import EXPIRY_NOTICE_DAYS
from core.clock_moments import falls_due, first_after


@falls_due("billing.expire_holds_and_lots")
def next_lot_expires(moment: datetime) -> datetime | None:
    return first_after(Wallet.objects.all(), "next_expiry_at", moment)


@falls_due("billing.expire_holds_and_lots")
def next_hold_runs_out(moment: datetime) -> datetime | None:
    return first_after(Hold.objects.filter(state=Hold.State.OPEN), "expires_at", moment)


@falls_due("billing.expire_invoices")
def next_invoice_expires(moment: datetime) -> datetime | None:
    return first_after(Invoice.objects.filter(status=Invoice.Status.PENDING), "expires_at", moment)


@falls_due("billing.expire_credit_requests")
def next_credit_request_expires(moment: datetime) -> datetime | None:
    return first_after(CreditRequest.objects.filter(state=CreditRequest.State.PENDING), "expires_at", moment)


@falls_due("billing.renew_subscriptions")
def next_subscription_step(moment: datetime) -> datetime | None:
    live = Subscription.objects.exclude(status=Subscription.Status.EXPIRED)
    found = [first_after(live, field, moment) for field in ("renews_at", "current_period_end", "grace_ends_at")]
    for days in STAGES:
        end = first_after(live, "ends_at", moment + timedelta(days=days))
        found.append(end - timedelta(days=days) if end else None)
    return min((each for each in found if each is not None), default=None)


@falls_due("billing.mature_referrals")
def next_referral_matures(moment: datetime) -> datetime | None:
    return first_after(Referral.objects.filter(state=Referral.State.QUALIFIED), "matures_at", moment)


@falls_due("billing.announce_expiring_tokens")
def next_expiry_is_told(moment: datetime) -> datetime | None:
    notice = timedelta(days=EXPIRY_NOTICE_DAYS.get())
    # A wallet names its soonest lot only, which is still there when the next one is to be announced.
    lots = Transaction.objects.filter(expires_at__isnull=False)
    expires_at = first_after(lots, "expires_at", moment + notice)
    return expires_at - notice if expires_at else None
