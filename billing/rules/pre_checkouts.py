"""Whether somebody may pay an invoice in Telegram, as Telegram asks before it takes the money."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from core.money import Money


class Refusal(StrEnum):
    """Why not."""

    UNKNOWN = "unknown"
    NOT_YOURS = "not_yours"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    OTHER_PRICE = "other_price"
    NOT_SOLD = "not_sold"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Quote:
    """
    What is known of an invoice.

    :param status: its state
    :param is_due: whether its time has passed
    :param prices: each amount that pays it
    :param payers: the Telegram ids of those who may
    :param is_sold: whether its tariff is on sale
    """

    status: str
    is_due: bool
    prices: Collection[Money]
    payers: Collection[int | None]
    is_sold: bool


_CLOSED = {"expired": Refusal.EXPIRED, "cancelled": Refusal.CANCELLED}


def judge(quote: Quote, *, payer: int, amount: Money) -> Refusal | None:
    """
    Why money must not be taken; None where it may.

    :param payer: a Telegram id
    :param amount: what Telegram would take
    """
    # Strangers learn nothing about it.
    if payer not in quote.payers:
        return Refusal.NOT_YOURS
    if quote.status != "pending":
        return _CLOSED.get(quote.status, Refusal.PAID)
    if quote.is_due:
        return Refusal.EXPIRED
    if amount not in quote.prices:
        return Refusal.OTHER_PRICE
    return None if quote.is_sold else Refusal.NOT_SOLD
