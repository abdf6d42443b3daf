"""
What is taken back of a purchase when its money goes back.

Pure: what the ledger says of the purchase and who claims what of it, in; what to book next, out. Only the claims count
and not the order in which they came, so that every order of events ends in the same state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.rules.periods import Rate, Stretch


@dataclass(frozen=True, slots=True)
class Purchase:
    """
    What became of the tokens of one payment.

    :param given: credited for it, bonus included
    :param remaining: left in its lots and not held
    :param expired: ran out unused
    :param taken: taken back by refunds and disputes, less what was given back
    :param debt: booked as the wallet's debt, since it had been spent
    """

    given: int
    remaining: int
    expired: int
    taken: int
    debt: int

    @property
    def spent(self) -> int:
        """Used by the customer, or held for a use."""
        return self.given - self.remaining - self.expired - self.taken


@dataclass(frozen=True, slots=True)
class Given:
    """
    A period that an invoice gave.

    :param removed_at: when it was taken back; None while it is in force
    """

    stretch: Stretch
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Time:
    """
    What became of the time that a payment bought.

    :param used: seconds of it that have passed
    :param bought: seconds, all of them
    :param unspent: what is left, of ``sold``
    :param sold: all of it, in the same measure: seconds or, where they were converted, their value
    """

    used: int = 0
    bought: int = 0
    unspent: int = 0
    sold: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """
    Tokens to move.

    :param take: out of the purchase's lots
    :param owe: to book as a debt
    :param give_back: into the wallet again
    :param forgive: of the debt booked before
    """

    take: int = 0
    owe: int = 0
    give_back: int = 0
    forgive: int = 0


def next_step(purchase: Purchase, *, claimed: int, frozen: bool) -> Step:
    """
    Bring what is taken to what is claimed.

    :param claimed: tokens that go back for good, with refunds and lost disputes: what of them is spent becomes a debt
    :param frozen: whether a dispute is open: what is left is then out of the customer's reach, and nothing is owed
    """
    # What ran out unused can neither be taken nor owed.
    takeable = purchase.given - purchase.expired
    claimed = min(claimed, takeable)
    wanted = takeable if frozen else claimed
    taken = min(wanted, purchase.taken + purchase.remaining)
    debt = max(0, claimed - taken)
    return Step(
        take=max(0, taken - purchase.taken),
        owe=max(0, debt - purchase.debt),
        give_back=max(0, purchase.taken - taken),
        forgive=max(0, purchase.debt - debt),
    )


def is_settled(*, given: int, taken: int, debt: int, claimed: int, frozen: bool) -> bool:
    """
    Whether nothing is to be moved, whatever became of the rest of the purchase: what is taken is what is claimed, or
    all of it while a dispute is open, and nothing is owed. Without it, the ledger has to be asked (:func:`next_step`).
    """
    return not debt and taken == (given if frozen else claimed)


def share(tokens: int, *, part: int, whole: int) -> int:
    """
    Tokens that belong to a part of the money, rounded down. The shares of parts that come one after another are
    differences of this, so that together they are exactly the tokens.

    :param part: minor units
    :param whole: minor units
    """
    return tokens * part // whole if whole else tokens


def time_of(given: Sequence[Given], *, price: Rate, moment: datetime) -> Time:
    """
    How much of the time that a payment bought has passed, wherever its period lies by now: one that is still to come is
    unused, one that is over is used, and of one that was taken back nothing is left.

    :param given: the periods of one invoice, in the order in which they were given: each but the last was taken back,
        and the next one is what was left of it
    :param price: what the invoice asked, for how long
    """
    if not given:
        return Time()
    last = given[-1]
    passed = [_passed(each.stretch, each.removed_at or moment) for each in given]
    used, bought = sum(passed), sum(passed[:-1]) + last.stretch.seconds
    if last.removed_at is not None:
        return Time(used, bought, unspent=0, sold=bought)
    worth = Rate(last.stretch.rate_amount, last.stretch.rate_seconds)
    if not used or worth == price:
        return Time(used, bought, unspent=bought - used, sold=bought)
    # Converted seconds are those of another tariff: only their value tells what is left of the price.
    sold = price.amount * worth.seconds
    return Time(used, bought, unspent=min(sold, worth.amount * (bought - used)), sold=sold)


def _passed(stretch: Stretch, moment: datetime) -> int:
    return min(stretch.seconds, max(0, int((moment - stretch.starts_at).total_seconds())))


def unspent_money(amount: int, *, unspent: int, sold: int) -> int:
    """
    The money of what was not used, rounded half up to the minor unit. Where nothing was sold, none.

    :param amount: paid, minor units
    :param unspent: tokens, or time of a subscription, not used
    :param sold: tokens, or time in the same measure, that the amount bought
    """
    return (2 * amount * unspent + sold) // (2 * sold) if sold else 0
