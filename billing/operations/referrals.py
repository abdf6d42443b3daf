"""
Who brought whom, and what it earns: bound when somebody is first seen, qualified by their first payment that earns
something, rewarded when it can no longer be returned, taken back and given again with it (docs/adr/0022).
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import F, Sum

from accounts.models import User
from audit.operations import records
from billing import errors, locks
from billing.models import Invoice, Payment, Referral, Transaction, Wallet
from billing.operations import credits
from billing.operations.announcements import announce
from billing.rules import keys
from billing.rules.referrals import reward
from billing.runtime_settings import REFERRAL_DAILY_CAP_TOKENS, REFERRAL_MATURITY_DAYS, REFERRAL_PERCENT
from core import clock
from core.actors import Actor
from core.database import operation

_BATCH: Final = 500
# As long as it has one of these, a payment's money is here.
_KEPT: Final = (Payment.Status.SUCCEEDED, Payment.Status.PARTIALLY_REFUNDED)


@operation
def bind_new(*, user_id: UUID, by: Actor) -> Referral | None:
    """Bind somebody who was just made to whoever brought them. None: nobody did."""
    referrer_id = User.objects.values_list("referred_by", flat=True).get(pk=user_id)
    return bind(referrer_id=referrer_id, referred_id=user_id, by=by) if referrer_id else None


@operation
def bind(*, referrer_id: UUID, referred_id: UUID, by: Actor) -> Referral:
    """
    Write down for good who brought whom. The same pair again gives the first referral.

    :raises errors.ReferralOfOneself: they are one person
    :raises errors.ReferralExists: somebody else brought them; ``billing_referral_is_one_per_referred``
    :raises errors.ReferralCycle: the referrer was brought by them, however far apart; ``billing_referral_has_no_cycle``
    """
    first = Referral.objects.filter(referred=referred_id).first()
    if first is not None and first.referrer_id == referrer_id:
        return first
    if first is not None:
        raise errors.ReferralExists()
    return Referral.objects.create(referrer_id=referrer_id, referred_id=referred_id)


@operation
def qualify(*, wallet: Wallet, invoice: Invoice, payment: Payment, by: Actor) -> Referral | None:
    """
    Let a payment qualify the referral of whoever paid, if it is the first that earns something: real money, for tokens,
    while the referrer is not kept out and has not earned the day's most. None: it earns nothing.

    It is called where the payment is recorded, under the wallet's lock. Those of one referrer take turns, so that the
    day's cap holds.
    """
    if wallet.user_id is None or payment.provider == Payment.Provider.PROMO or not payment.amount:
        return None
    referral = (
        Referral.objects.select_for_update(no_key=True)
        .filter(referred=wallet.user_id, state=Referral.State.PENDING, referrer__is_active=True)
        .first()
    )
    if referral is None:
        return None
    moment = clock.now()
    earned = reward(
        tokens=invoice.tokens,
        amount=invoice.amount,
        list_price=invoice.list_price,
        percent=REFERRAL_PERCENT.get(),
    )
    tokens = min(earned, _left_today(referral.referrer_id, moment))
    if tokens <= 0:
        return None
    referral.state, referral.reward_tokens, referral.payment = Referral.State.QUALIFIED, tokens, payment
    referral.qualified_at = moment
    referral.matures_at = moment + timedelta(days=REFERRAL_MATURITY_DAYS.get())
    referral.save(update_fields=["state", "reward_tokens", "payment", "qualified_at", "matures_at"])
    records.record("billing.referral.qualified", entity=referral, by=by, payment=str(payment.pk), tokens=tokens)
    return referral


@operation
def mature(*, referral_id: UUID, by: Actor) -> Referral:
    """
    Give the reward of a referral whose payment can no longer be returned. One that is not due is left as it is; whoever
    is kept out by then gets nothing.
    """
    wallet = _referrers_wallet(referral_id)
    referral = _locked(referral_id)
    moment = clock.now()
    if referral.state != Referral.State.QUALIFIED or referral.matures_at is None or referral.matures_at > moment:
        return referral
    if not referral.referrer.is_active:
        return _close(referral, taken=0, shortfall=0, by=by)
    if referral.payment is None or referral.payment.status not in _KEPT:
        return referral
    referral.lot = credits.add(
        wallet_id=wallet.pk,
        type=Transaction.Type.REFERRAL,
        tokens=referral.reward_tokens,
        key=keys.own("referral", referral.pk, "reward"),
        by=by,
        metadata={"referral": str(referral.pk)},
    ).transaction
    referral.state, referral.rewarded_at = Referral.State.REWARDED, moment
    referral.save(update_fields=["state", "lot", "rewarded_at"])
    records.record("billing.referral.rewarded", entity=referral, by=by, tokens=referral.reward_tokens)
    announce(
        "referral.rewarded",
        wallet_id=wallet.pk,
        referral=referral.pk,
        referred=referral.referred_id,
        tokens=referral.reward_tokens,
    )
    return referral


@operation
def reverse(*, payment: Payment, by: Actor) -> Referral | None:
    """
    Take back what a payment that is returned has earned: a reward that waits is never given; of one that was given,
    what is left is taken and the rest becomes the referrer's debt. Again it changes nothing. None: it earned nothing.

    It locks the wallets of payer and referrer; a caller who locks wallets itself does so by
    :func:`billing.locks.wallets_of_payment`, which keeps to their order.
    """
    locks.wallets_of_payment(payment.pk)
    referral = Referral.objects.select_for_update(no_key=True).filter(payment=payment).first()
    if referral is None or referral.state == Referral.State.REVERSED:
        return referral
    taken = shortfall = 0
    if referral.lot is not None:
        taken = _take_back(referral.lot, key=keys.own("referral", referral.pk, "reversed", referral.lot.pk), by=by)
        shortfall = referral.reward_tokens - taken
        if shortfall:
            Wallet.objects.filter(pk=referral.lot.wallet_id).update(debt_tokens=F("debt_tokens") + shortfall)
    return _close(referral, taken=taken, shortfall=shortfall, by=by)


@operation
def restore(*, payment: Payment, by: Actor) -> Referral | None:
    """
    Undo :func:`reverse` for a payment whose money stays after all: a reward that was not given yet waits again; one
    that was is given back whole, which repays the debt that taking it back has left. Again it changes nothing. None:
    the payment earned nothing.

    It locks as :func:`reverse` does.
    """
    locks.wallets_of_payment(payment.pk)
    referral = Referral.objects.select_for_update(no_key=True).filter(payment=payment).first()
    if referral is None or referral.state != Referral.State.REVERSED:
        return referral
    if referral.lot is None:
        referral.state = Referral.State.QUALIFIED
    else:
        referral.state = Referral.State.REWARDED
        referral.lot = credits.add(
            wallet_id=referral.lot.wallet_id,
            type=Transaction.Type.ADJUSTMENT,
            tokens=referral.reward_tokens,
            key=keys.own("referral", referral.pk, "restored", referral.lot.pk),
            by=by,
            metadata={"referral": str(referral.pk), "given_back": referral.reward_tokens},
        ).transaction
    referral.reversed_at = None
    referral.save(update_fields=["state", "lot", "reversed_at"])
    records.record("billing.referral.restored", entity=referral, by=by, tokens=referral.reward_tokens)
    return referral


def sweep(*, by: Actor) -> int:
    """
    Give every reward that is due, each in a transaction of its own.

    :returns: how many were looked at
    """
    due = list_due()
    for referral_id in due:
        mature(referral_id=referral_id, by=by)
    return len(due)


def list_due(limit: int = _BATCH) -> list[UUID]:
    """Referrals whose reward is due, the longest waiting first."""
    due = Referral.objects.filter(
        state=Referral.State.QUALIFIED, matures_at__lte=clock.now(), payment__status__in=_KEPT
    ).order_by("matures_at")
    return list(due.values_list("pk", flat=True)[:limit])


def _left_today(referrer_id: UUID, moment: datetime) -> int:
    """What a referrer may still earn in this day of the house's time zone; nobody else earns for them meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s::text, 0))", [f"billing_referral:{referrer_id}"]
        )
    zone = ZoneInfo(settings.TIME_ZONE)
    midnight = datetime.combine(moment.astimezone(zone).date(), time.min, tzinfo=zone)
    earned = Referral.objects.filter(referrer=referrer_id, qualified_at__gte=midnight).aggregate(
        tokens=Sum("reward_tokens", default=0)
    )
    return REFERRAL_DAILY_CAP_TOKENS.get() - int(earned["tokens"])


def _referrers_wallet(referral_id: UUID) -> Wallet:
    # A referral never changes its people, so that reading them before the lock is safe.
    referrer_id = Referral.objects.values_list("referrer", flat=True).filter(pk=referral_id).first()
    wallet_id = Wallet.objects.values_list("pk", flat=True).filter(user=referrer_id).first() if referrer_id else None
    if wallet_id is None:
        raise errors.WalletNotFound(str(referral_id))
    return locks.wallet(wallet_id)


def _locked(referral_id: UUID) -> Referral:
    return (
        Referral.objects.select_for_update(no_key=True, of=("self",))
        .select_related("referrer", "payment")
        .get(pk=referral_id)
    )


def _take_back(lot: Transaction, *, key: str, by: Actor) -> int:
    """Take what is left of a reward; what has repaid a debt is not there any more."""
    taken_before = -sum(lot.reversals.exclude(type=Transaction.Type.EXPIRATION).values_list("tokens_delta", flat=True))
    if taken_before >= lot.tokens_delta:
        return 0
    return credits.reverse(
        lot_id=lot.pk, tokens=lot.tokens_delta - taken_before, type=Transaction.Type.ADJUSTMENT, key=key, by=by
    ).tokens


def _close(referral: Referral, *, taken: int, shortfall: int, by: Actor) -> Referral:
    referral.state, referral.reversed_at = Referral.State.REVERSED, clock.now()
    referral.save(update_fields=["state", "reversed_at"])
    records.record("billing.referral.reversed", entity=referral, by=by, tokens=taken, shortfall=shortfall)
    return referral
