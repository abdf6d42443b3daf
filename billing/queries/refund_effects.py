"""What a refund does to the time that was paid for, and to the reward of whoever brought the payer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from billing.models import Payment, Referral, Refund, SubscriptionPeriod


class PeriodEffect(StrEnum):
    """What becomes of a period."""

    REMOVED = "removed"
    STAYS = "stays"


class RewardEffect(StrEnum):
    """What becomes of a referrer's reward: it is taken back, or never given, or stays as it is."""

    GOES_BACK = "goes_back"
    NOT_GIVEN = "not_given"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class OnPeriod:
    """
    :param starts_at: of the period, as it lies now
    :param ends_at: of the same
    :param moved_up: how many later periods begin earlier for it
    """

    effect: PeriodEffect
    starts_at: datetime
    ends_at: datetime
    moved_up: int


@dataclass(frozen=True, slots=True)
class OnReferral:
    """
    :param referrer_id: who brought the payer
    :param reward_tokens: that the payment has earned them
    """

    effect: RewardEffect
    referrer_id: UUID
    reward_tokens: int


@dataclass(frozen=True, slots=True)
class Effects:
    """
    :param period: None where the payment bought none, or it was taken back before
    :param referral: None where the payment has earned nobody anything, or it was taken back before
    """

    period: OnPeriod | None
    referral: OnReferral | None


def foresee(payment: Payment, *, policy: Refund.Policy, amount: int, moment: datetime) -> Effects:
    """
    What follows from a refund when its money is there, as ``operations.payment_events`` has it follow: with all of the
    money goes all that it bought, and with what was not used the time.

    :param amount: that goes back, minor units
    :param moment: by the database's clock
    """
    is_gone = payment.refunded_amount + amount >= payment.amount
    return Effects(
        period=_on_period(payment, is_removed=is_gone or policy == Refund.Policy.UNSPENT, moment=moment),
        referral=_on_referral(payment, is_gone=is_gone),
    )


def find_period(payment: Payment) -> SubscriptionPeriod | None:
    """The period that a payment bought; None where it bought none, or it was taken back."""
    if payment.outcome != Payment.Outcome.CREDITED:
        return None
    return SubscriptionPeriod.objects.filter(invoice=payment.invoice_id, removed_at=None).first()


def find_referral(payment: Payment) -> Referral | None:
    """The referral that a payment has earned a reward for; None where it earned none, or it was taken back."""
    earned = Referral.objects.filter(payment=payment).exclude(state=Referral.State.REVERSED)
    return earned.select_related("referrer").first()


def _on_period(payment: Payment, *, is_removed: bool, moment: datetime) -> OnPeriod | None:
    period = find_period(payment)
    if period is None:
        return None
    moved_up = 0
    if is_removed and period.ends_at > moment:
        later = SubscriptionPeriod.objects.filter(subscription=period.subscription_id, removed_at=None)
        moved_up = later.filter(starts_at__gte=period.ends_at).count()
    effect = PeriodEffect.REMOVED if is_removed else PeriodEffect.STAYS
    return OnPeriod(effect, period.starts_at, period.ends_at, moved_up)


def _on_referral(payment: Payment, *, is_gone: bool) -> OnReferral | None:
    referral = find_referral(payment)
    if referral is None:
        return None
    effect = RewardEffect.STAYS
    if is_gone:
        effect = RewardEffect.GOES_BACK if referral.state == Referral.State.REWARDED else RewardEffect.NOT_GIVEN
    return OnReferral(effect, referral.referrer_id, referral.reward_tokens)
