"""Money: integers of minor units, read and written as people do it."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import EXPONENTS, MAX_MINOR_UNITS, CurrencyMismatch, Money, round_half_up

NBSP = "\u00a0"
currencies = st.sampled_from(sorted(EXPONENTS))
amounts = st.integers(0, MAX_MINOR_UNITS)


@pytest.mark.parametrize(
    ("typed", "kopecks"),
    [
        ("149", 14_900),
        ("149,9", 14_990),
        ("149.90", 14_990),
        ("1 499.00", 149_900),
        (f"1{NBSP}499{NBSP}₽", 149_900),
        ("1 499 руб.", 149_900),
        ("1499руб", 149_900),
        ("1499 RUB", 149_900),
        ("1'499", 149_900),
        (" 0,01 ", 1),
        ("007", 700),
        ("0", 0),
        ("149,9000", 14_990),
        ("10000000000000", MAX_MINOR_UNITS),
    ],
)
def test_reads_what_people_type(typed: str, kopecks: int) -> None:
    assert Money.parse(typed, "RUB") == Money(kopecks, "RUB")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "₽",
        "-1",
        "+1",
        "1e3",
        "0x10",
        "NaN",
        "∞",
        "1,2,3",
        "1.",
        ",5",
        "٣",
        "１４９",
        "149 $",
        "149 руб 50 коп",
        "0,001",
        "10000000000000,01",
        "9" * 5000,
    ],
)
def test_refuses_what_is_no_amount(typed: str) -> None:
    with pytest.raises(ValueError, match=r"amount|digits|too much"):
        Money.parse(typed, "RUB")


@pytest.mark.parametrize(
    ("typed", "currency", "amount"),
    [("1,234", "KWD", 1_234), ("5", "XTR", 5), ("5 ⭐", "XTR", 5), ("$5.10".lstrip("$"), "USD", 510), ("7", "JPY", 7)],
)
def test_knows_each_currency_by_its_exponent(typed: str, currency: str, amount: int) -> None:
    assert Money.parse(typed, currency) == Money(amount, currency)


def test_a_star_has_no_parts() -> None:
    with pytest.raises(ValueError, match="XTR has 0 digits"):
        Money.parse("1,5", "XTR")


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(149_900, "RUB"), f"1{NBSP}499{NBSP}₽"),
        (Money(9_983, "RUB"), f"99,83{NBSP}₽"),
        (Money(5, "RUB"), f"0,05{NBSP}₽"),
        (Money(-9_983, "RUB"), f"-99,83{NBSP}₽"),
        (Money(0, "RUB"), f"0{NBSP}₽"),
        (Money(1_005, "KWD"), f"1,005{NBSP}KWD"),
        (Money(250, "XTR"), f"250{NBSP}⭐"),
    ],
)
def test_is_written_as_people_read_it(money: Money, text: str) -> None:
    assert str(money) == text


@given(amounts, currencies)
def test_is_read_back_as_it_was_written(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    assert Money.parse(str(money), currency) == money


@given(amounts, currencies)
def test_is_exact_in_major_units(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    assert money.major * 10 ** EXPONENTS[currency] == amount
    assert Money.parse(f"{money.major:f}", currency) == money


@given(st.integers(0, 10**18), st.integers(1, 10**6))
def test_rounds_halves_away_from_zero(numerator: int, denominator: int) -> None:
    exact = Decimal(numerator) / Decimal(denominator)
    # Decimal divides to 28 digits, which a quotient of these sizes needs to be told from its half.
    assert round_half_up(numerator, denominator) == int(exact.to_integral_value(ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"), [(14_900 * 33, 100, 4_917), (1, 2, 1), (3, 2, 2), (49, 100, 0), (0, 7, 0)]
)
def test_rounds_by_hand_made_examples(numerator: int, denominator: int, rounded: int) -> None:
    assert round_half_up(numerator, denominator) == rounded


def test_adds_subtracts_and_compares() -> None:
    one, two = Money(100, "RUB"), Money(250, "RUB")
    assert one + two == Money(350, "RUB")
    assert two - one == Money(150, "RUB")
    assert one < two
    assert one <= Money(100, "RUB")
    assert one
    assert not Money(0, "RUB")


def test_never_mixes_currencies() -> None:
    roubles, dollars = Money(100, "RUB"), Money(100, "USD")
    assert roubles != dollars
    for mix in (roubles.__add__, roubles.__sub__, roubles.__lt__, roubles.__le__):
        with pytest.raises(CurrencyMismatch):
            mix(dollars)


@pytest.mark.parametrize("amount", [1.0, "1", True, Decimal(1), None])
def test_takes_integers_only(amount: object) -> None:
    with pytest.raises(TypeError):
        Money(amount, "RUB")  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("currency", ["", "rub", "XXX"])
def test_refuses_unknown_currencies(currency: str) -> None:
    with pytest.raises(ValueError, match="unknown currency"):
        Money(1, currency)
