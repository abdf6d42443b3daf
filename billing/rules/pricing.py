"""Prices and discounts, with integers only."""

from __future__ import annotations

from dataclasses import dataclass

from core.money import Money, round_half_up


@dataclass(frozen=True, slots=True)
class Price:
    """
    A quote: ``amount = list_price - discount``, never negative.

    :param amount_stars: the same quote in Telegram Stars; None when not sold for Stars
    :param bonus_tokens: tokens on top, from a bonus code
    """

    list_price: Money
    discount: Money
    amount: Money
    amount_stars: int | None = None
    bonus_tokens: int = 0


def percent_off(price: Money, percent: int) -> Money:
    """``round_half_up(price × percent / 100)``, once, on the total."""
    return Money(round_half_up(price.amount * percent, 100), price.currency)


def fixed_off(price: Money, off: Money) -> Money:
    """
    The discount, at most the price.

    :raises core.money.CurrencyMismatch: another currency
    """
    return min(off, price)


def in_stars(price_stars: int, *, list_price: Money, amount: Money) -> int:
    """
    The price in Stars, lowered in the same proportion: ``round_half_up(stars × amount / list_price)``, at least one
    Star while anything is left to pay.
    """
    if not amount:
        return 0
    return max(1, round_half_up(price_stars * amount.amount, list_price.amount))


def quoted(
    list_price: Money, *, discount: Money | None = None, price_stars: int | None = None, bonus_tokens: int = 0
) -> Price:
    """Put a quote together."""
    off = discount or Money(0, list_price.currency)
    amount = list_price - off
    stars = None if price_stars is None else in_stars(price_stars, list_price=list_price, amount=amount)
    return Price(list_price, off, amount, stars, bonus_tokens)
