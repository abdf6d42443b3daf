"""What became of the tokens and the time that a payment bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, Sum

from billing.models import Payment, Refund, SubscriptionPeriod, Transaction, Wallet
from billing.queries.balances import balance_of
from billing.queries.subscriptions import as_stretch
from billing.rules.periods import Length, Rate
from billing.rules.taking_back import Given, Purchase, Time, share, time_of


@dataclass(frozen=True, slots=True)
class Bought:
    """
    :param purchase: the sums
    :param lots: (ledger row of the credit, tokens left in it), the oldest first; those with nothing left, too
    """

    purchase: Purchase
    lots: tuple[tuple[Transaction, int], ...]

    @property
    def unspent_of_purchase(self) -> int:
        """What is left of what was paid for, without the bonus."""
        return sum(left for lot, left in self.lots if lot.type != Transaction.Type.BONUS)


def get_bought(wallet: Wallet, payment: Payment) -> Bought:
    """
    The tokens of a payment that was credited. Of one that was not, there are none.

    :param wallet: as read; locked, where something is decided by it
    """
    if payment.outcome != Payment.Outcome.CREDITED:
        return Bought(Purchase(given=0, remaining=0, expired=0, taken=0, debt=0), ())
    credits = list(Transaction.objects.filter(invoice_id=payment.invoice_id, tokens_delta__gt=0).order_by("sequence"))
    shown = balance_of(wallet)
    left: dict[UUID, int] = {lot.id: lot.remaining for lot in shown.lots}
    lots = tuple((credit, left.get(credit.pk, 0)) for credit in credits)
    remaining = sum(tokens for _lot, tokens in lots)
    unbooked = sum(shown.unbooked.get(credit.pk, 0) for credit in credits)
    expired = Transaction.objects.filter(
        reverses__in=[credit.pk for credit in credits], type=Transaction.Type.EXPIRATION
    ).aggregate(tokens=Sum("tokens_delta"))["tokens"]
    purchase = Purchase(
        given=payment.invoice.tokens + payment.invoice.bonus_tokens,
        # Held tokens are promised to somebody.
        remaining=min(remaining, shown.available_tokens),
        expired=unbooked - (expired or 0),
        taken=payment.taken_tokens,
        debt=payment.debt_tokens,
    )
    return Bought(purchase, lots)


def get_time(payment: Payment, moment: datetime) -> Time:
    """
    The time of a subscription that a payment bought. One that was not credited bought none.

    :param moment: by the database's clock
    """
    if payment.outcome != Payment.Outcome.CREDITED:
        return Time()
    invoice = payment.invoice
    # Each was taken back before the next one was given.
    rows = SubscriptionPeriod.objects.filter(invoice=invoice).order_by(F("removed_at").asc(nulls_last=True), "pk")
    given = [Given(as_stretch(row), row.removed_at) for row in rows]
    price = Rate(invoice.amount, Length.of(days=invoice.subscription_days).seconds)
    return time_of(given, price=price, moment=moment)


def claim_of_full(payment: Payment, amount: int) -> int:
    """
    The tokens that belong to this part of the money, after those of the full refunds before it.

    :param amount: minor units
    """
    if payment.outcome != Payment.Outcome.CREDITED:
        return 0
    given = payment.invoice.tokens + payment.invoice.bonus_tokens
    earlier = payment.refunds.filter(policy=Refund.Policy.FULL).exclude(state=Refund.State.FAILED)
    before = int(earlier.aggregate(money=Sum("amount"))["money"] or 0)
    return share(given, part=before + amount, whole=payment.amount) - share(given, part=before, whole=payment.amount)
