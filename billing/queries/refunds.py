"""What a refund would do, before anybody presses anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from billing import errors
from billing.gateways import providers
from billing.models import Dispute, Payment, Referral, Refund, SubscriptionPeriod, Wallet
from billing.queries import refund_effects
from billing.queries.purchases import Bought, claim_of_full, get_bought, get_time
from billing.queries.refund_effects import OnPeriod, OnReferral
from billing.rules.periods import DAY
from billing.rules.taking_back import Purchase, Time, unspent_money
from core import clock
from core.errors import DomainError
from core.money import Money

REFUNDABLE = (Payment.Status.SUCCEEDED, Payment.Status.PARTIALLY_REFUNDED)


@dataclass(frozen=True, slots=True)
class Calculation:
    """
    :param policy: by which it was computed
    :param amount: that would go back
    :param refundable: that could go back at the most
    :param tokens_left: of this purchase, not spent and not held
    :param tokens_spent: of this purchase
    :param tokens_expired: of this purchase
    :param tokens_reversed: that would be taken back
    :param shortfall_tokens: that would become a debt
    :param claimed_tokens: both together, by the policy
    :param days_used: of the subscription that it paid for
    :param days_bought: of the subscription that it paid for
    :param promo_code: that made it cheaper; its use is not given back
    :param period: what becomes of the period that it paid for; None where there is none to lose
    :param referral: what becomes of the reward that it earned; None where there is none to lose
    :param refunds_parts: whether the provider can send back less than the whole
    """

    policy: Refund.Policy
    amount: Money
    refundable: Money
    tokens_left: int
    tokens_spent: int
    tokens_expired: int
    tokens_reversed: int
    shortfall_tokens: int
    claimed_tokens: int
    days_used: int
    days_bought: int
    promo_code: str | None
    period: OnPeriod | None
    referral: OnReferral | None
    refunds_parts: bool

    @property
    def fingerprint(self) -> str:
        """Everything that somebody agrees to who agrees to it."""
        said = self.amount
        effects = (each.effect if each else "-" for each in (self.period, self.referral))
        tokens = f"{self.tokens_reversed} {self.shortfall_tokens}"
        return f"{self.policy} {said.amount} {said.currency} {tokens} {' '.join(effects)}"


@dataclass(frozen=True, slots=True)
class Desk:
    """
    A payment as it lies on the refund desk.

    :param purchase: what became of its tokens
    :param refundable: that could go back at the most
    :param days_used: of the subscription that it paid for
    :param days_bought: of the subscription that it paid for
    :param promo_code: that made it cheaper; its use is not given back
    :param period: that it paid for; None where there is none to lose
    :param referral: that it earned a reward for; None where there is none to lose
    :param sends_refunds: whether the provider can be asked to send money back
    :param refunds_parts: whether the provider can send back less than the whole
    :param options: what each policy would do, or why it cannot be
    """

    purchase: Purchase
    refundable: Money
    days_used: int
    days_bought: int
    promo_code: str | None
    period: SubscriptionPeriod | None
    referral: Referral | None
    sends_refunds: bool
    refunds_parts: bool
    options: Mapping[Refund.Policy, Calculation | DomainError]


def lay_out(payment_id: UUID) -> Desk:
    """
    A payment with what a refund of all that can go back would do, by each policy.

    :raises errors.PaymentNotFound: there is no such payment
    """
    payment = _get_payment_to_refund(payment_id)
    wallet = payment.invoice.wallet
    time, provider = get_time(payment, clock.now()), providers.get(payment.provider)
    return Desk(
        purchase=get_bought(wallet, payment).purchase,
        refundable=payment.amount_money - payment.refunded_money,
        days_used=time.used // DAY,
        days_bought=time.bought // DAY,
        promo_code=payment.invoice.promo_code.code if payment.invoice.promo_code else None,
        period=refund_effects.find_period(payment),
        referral=refund_effects.find_referral(payment),
        sends_refunds=provider.sends_refunds,
        refunds_parts=provider.refunds_parts,
        options={policy: _option(wallet, payment, policy) for policy in Refund.Policy},
    )


def _option(wallet: Wallet, payment: Payment, policy: Refund.Policy) -> Calculation | DomainError:
    try:
        return calculate(wallet, payment, policy=policy)
    except DomainError as refusal:
        return refusal


def preview(payment_id: UUID, *, policy: Refund.Policy, amount: Money | None = None) -> Calculation:
    """
    The calculation of a refund, as things stand.

    :raises errors.PaymentNotFound: there is no such payment; also what :func:`calculate` raises
    """
    payment = _get_payment_to_refund(payment_id)
    return calculate(payment.invoice.wallet, payment, policy=policy, amount=amount)


def _get_payment_to_refund(payment_id: UUID) -> Payment:
    payment = Payment.objects.select_related("invoice__wallet", "invoice__promo_code").filter(pk=payment_id).first()
    if payment is None:
        raise errors.PaymentNotFound(str(payment_id))
    return payment


def calculate(wallet: Wallet, payment: Payment, *, policy: Refund.Policy, amount: Money | None = None) -> Calculation:
    """
    What a refund would send back, and what it would take. What was bought with nothing credited takes nothing.

    :param amount: less than everything; not with ``unspent``, which computes it
    :raises errors.PaymentNotCaptured: its money is not here: it has not come, or is gone
    :raises errors.PaymentDisputed: the payer contests it
    :raises errors.RefundPending: another one is on its way
    :raises errors.RefundExceedsPayment: less is left than was asked for
    :raises errors.NothingToRefund: nothing is left by this policy
    :raises errors.RefundMadeElsewhere: the provider takes no refunds from us
    :raises errors.PartialRefundNotPossible: the provider refunds whole payments only
    :raises errors.RefundAmountNotYours: an amount together with ``unspent``
    """
    _refuse(payment)
    moment = clock.now()
    bought, time = get_bought(wallet, payment), get_time(payment, moment)
    refundable = payment.amount - payment.refunded_amount
    provider = providers.get(payment.provider)
    if not provider.sends_refunds:
        raise errors.RefundMadeElsewhere()
    wanted = _wanted(payment, bought, time, policy=policy, amount=amount)
    if not provider.refunds_parts and wanted != payment.amount:
        raise errors.PartialRefundNotPossible(
            amount={"amount": wanted, "currency": payment.currency},
            whole={"amount": payment.amount, "currency": payment.currency},
        )
    claimed = _claimed(payment, bought, wanted, policy=policy)
    purchase = bought.purchase
    effects = refund_effects.foresee(payment, policy=policy, amount=wanted, moment=moment)
    reversed_tokens = min(claimed, purchase.remaining)
    owed = min(claimed, purchase.given - purchase.expired - purchase.taken - purchase.debt) - reversed_tokens
    return Calculation(
        policy=policy,
        amount=Money(wanted, payment.currency),
        refundable=Money(refundable, payment.currency),
        tokens_left=purchase.remaining,
        tokens_spent=purchase.spent,
        tokens_expired=purchase.expired,
        tokens_reversed=reversed_tokens,
        shortfall_tokens=max(0, owed) if policy == Refund.Policy.FULL else 0,
        claimed_tokens=claimed,
        days_used=time.used // DAY,
        days_bought=time.bought // DAY,
        promo_code=payment.invoice.promo_code.code if payment.invoice.promo_code else None,
        period=effects.period,
        referral=effects.referral,
        refunds_parts=provider.refunds_parts,
    )


def _refuse(payment: Payment) -> None:
    if payment.disputes.filter(state=Dispute.State.OPEN).exists():
        raise errors.PaymentDisputed()
    if payment.refunds.filter(state=Refund.State.PENDING).exists():
        raise errors.RefundPending()
    if payment.status not in REFUNDABLE:
        raise errors.PaymentNotCaptured(payment_status=payment.status)


def _wanted(payment: Payment, bought: Bought, time: Time, *, policy: Refund.Policy, amount: Money | None) -> int:
    refundable = payment.amount - payment.refunded_amount
    if policy == Refund.Policy.UNSPENT:
        if amount is not None:
            raise errors.RefundAmountNotYours(fields={"amount": [errors.RefundAmountNotYours.title]})
        wanted = min(refundable, _unspent(payment, bought, time))
    elif amount is None:
        wanted = refundable
    elif amount.currency != payment.currency or not 0 < amount.amount <= refundable:
        raise errors.RefundExceedsPayment(
            fields={"amount": [errors.RefundExceedsPayment.title]},
            remaining={"amount": refundable, "currency": payment.currency},
        )
    else:
        wanted = amount.amount
    if not wanted:
        raise errors.NothingToRefund()
    return wanted


def _unspent(payment: Payment, bought: Bought, time: Time) -> int:
    """By tokens where tokens were sold, by time where only a subscription was."""
    invoice = payment.invoice
    if payment.outcome != Payment.Outcome.CREDITED:
        return payment.amount
    if invoice.tokens:
        unspent = min(bought.unspent_of_purchase, bought.purchase.remaining)
        return unspent_money(payment.amount, unspent=unspent, sold=invoice.tokens)
    return unspent_money(payment.amount, unspent=time.unspent, sold=time.sold)


def _claimed(payment: Payment, bought: Bought, amount: int, *, policy: Refund.Policy) -> int:
    if policy == Refund.Policy.GOODWILL:
        return 0
    if policy == Refund.Policy.UNSPENT:
        return bought.purchase.remaining
    return claim_of_full(payment, amount)
