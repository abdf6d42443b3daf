"""Prices and discounts, with integers only."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.pricing import Price, fixed_off, in_stars, percent_off, quoted
from core.money import MAX_MINOR_UNITS, CurrencyMismatch, Money

prices = st.integers(1, MAX_MINOR_UNITS).map(lambda amount: Money(amount, "RUB"))


def roubles(text: str) -> Money:
    return Money.parse(text, "RUB")


def test_a_third_off_149_roubles() -> None:
    discount = percent_off(roubles("149"), 33)
    assert discount == Money(4917, "RUB")
    assert quoted(roubles("149"), discount=discount).amount == Money(9983, "RUB")


@pytest.mark.parametrize(
    ("price", "percent", "discount"),
    [
        pytest.param(1, 50, 1, id="half a kopeck is rounded up"),
        pytest.param(1, 49, 0, id="less than half is dropped"),
        pytest.param(3, 50, 2, id="one and a half become two"),
        pytest.param(50, 1, 1, id="exactly half of a kopeck"),
        pytest.param(49, 1, 0, id="a little less than half"),
        pytest.param(14_900, 100, 14_900, id="all of it"),
        pytest.param(MAX_MINOR_UNITS, 99, 990_000_000_000_000, id="no float loses a kopeck"),
    ],
)
def test_rounds_halves_up_once(price: int, percent: int, discount: int) -> None:
    assert percent_off(Money(price, "RUB"), percent) == Money(discount, "RUB")


@given(prices, st.integers(1, 100))
def test_a_percentage_is_what_decimals_say(price: Money, percent: int) -> None:
    exact = Decimal(price.amount) * percent / 100
    assert percent_off(price, percent).amount == int(exact.to_integral_value(ROUND_HALF_UP))


@given(prices, st.integers(1, 100))
def test_a_percentage_never_exceeds_the_price(price: Money, percent: int) -> None:
    discount = percent_off(price, percent)
    assert 0 <= discount.amount <= price.amount
    assert (discount == price) >= (percent == 100)


@given(prices, prices)
def test_a_fixed_discount_never_makes_the_price_negative(price: Money, off: Money) -> None:
    price_after = quoted(price, discount=fixed_off(price, off))
    assert price_after.amount.amount == max(0, price.amount - off.amount)


def test_a_fixed_discount_needs_the_same_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        fixed_off(roubles("10"), Money(100, "USD"))


@given(prices, st.integers(0, 100), st.integers(1, 10**6))
def test_a_quote_adds_up(price: Money, percent: int, stars: int) -> None:
    quote = quoted(price, discount=percent_off(price, percent) if percent else None, price_stars=stars)
    assert quote.amount == quote.list_price - quote.discount
    assert quote.amount_stars is not None
    assert 0 <= quote.amount_stars <= stars
    assert bool(quote.amount_stars) == bool(quote.amount)


def test_stars_fall_in_the_same_proportion() -> None:
    assert in_stars(100, list_price=roubles("149"), amount=roubles("99,83")) == 67


def test_costs_at_least_a_star_while_anything_is_left_to_pay() -> None:
    assert in_stars(1, list_price=roubles("149"), amount=Money(1, "RUB")) == 1


def test_costs_no_star_when_nothing_is_left_to_pay() -> None:
    assert in_stars(100, list_price=roubles("149"), amount=Money(0, "RUB")) == 0


def test_bonus_tokens_leave_the_price_alone() -> None:
    assert quoted(roubles("149"), bonus_tokens=5) == Price(
        roubles("149"), Money(0, "RUB"), roubles("149"), None, bonus_tokens=5
    )
