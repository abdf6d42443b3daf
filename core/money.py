"""Money: an integer number of minor units, with its currency. There are no floats anywhere near it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

# Digits after the point, ISO 4217; XTR is Telegram Stars.
EXPONENTS: Final = {"RUB": 2, "USD": 2, "EUR": 2, "KZT": 2, "BYN": 2, "UAH": 2, "JPY": 0, "KWD": 3, "XTR": 0}
SYMBOLS: Final = {"RUB": "₽", "USD": "$", "EUR": "€", "KZT": "₸", "XTR": "⭐"}
# A column is a bigint; a quintillion minor units leaves room for sums.
MAX_MINOR_UNITS: Final = 10**15

_SPACES: Final = re.compile(r"[\s\u00a0\u202f_']")
_TYPED: Final = re.compile(r"(?P<whole>\d+)(?:[.,](?P<part>\d+))?")


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies met."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """
    :param amount: minor units (kopecks, cents; whole Stars)
    :param currency: an ISO 4217 code, or ``XTR``
    """

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int):
            raise TypeError("an amount is an integer of minor units")
        if self.currency not in EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other).amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other).amount

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other).amount

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        """As people read it: ``1 499 ₽``, ``99,83 ₽``."""
        exponent = EXPONENTS[self.currency]
        whole, part = divmod(abs(self.amount), 10**exponent)
        text = f"{whole:,}".replace(",", "\u00a0")
        if part:
            text += f",{part:0{exponent}d}"
        sign = "-" if self.amount < 0 else ""
        return f"{sign}{text}\u00a0{SYMBOLS.get(self.currency, self.currency)}"

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return other

    @property
    def major(self) -> Decimal:
        """The amount in roubles, dollars …, exact."""
        return Decimal(self.amount).scaleb(-EXPONENTS[self.currency])

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """
        Read an amount as people type it: ``149``, ``149,9``, ``1 499.00``, ``1 499 ₽``.

        :raises ValueError: it is not an amount, is negative, or has more digits than the currency
        """
        cleaned = _SPACES.sub("", text).removesuffix(SYMBOLS.get(currency, "")).removesuffix("руб.")
        cleaned = cleaned.removesuffix("руб").removesuffix(currency)
        typed = _TYPED.fullmatch(cleaned)
        exponent = EXPONENTS[currency]
        if typed is None or not cleaned.isascii():
            raise ValueError(f"{text!r} is not an amount of money")
        part = (typed["part"] or "").rstrip("0")
        if len(part) > exponent:
            raise ValueError(f"{currency} has {exponent} digits after the point")
        amount = int(typed["whole"]) * 10**exponent + int(part.ljust(exponent, "0") or 0)
        if amount > MAX_MINOR_UNITS:
            raise ValueError(f"{text!r} is too much")
        return cls(amount, currency)


def round_half_up(numerator: int, denominator: int) -> int:
    """
    ``numerator / denominator`` of non-negative integers, halves away from zero, with integers only.

    Source: ⌊(2n + d) / 2d⌋.
    """
    return (2 * numerator + denominator) // (2 * denominator)
