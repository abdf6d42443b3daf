"""Amounts as providers write them, and back. There are no floats anywhere near it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from core.money import EXPONENTS, MAX_MINOR_UNITS, Money

_DECIMAL: Final = re.compile(r"\d{1,15}(?:\.\d{1,6})?", re.ASCII)


def as_decimal(money: Money) -> str:
    """``149.00``, ``0.05``; yen without a point."""
    return f"{money.major:f}"


def from_decimal(value: object, currency: object) -> Money:
    """
    Read ``149.00`` of ``RUB``.

    :raises ValueError: it is no amount of a currency that is known here
    """
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueError(f"{value!r} is no amount")
    code = _known(currency)
    minor = Decimal(value).scaleb(EXPONENTS[code])
    if minor != int(minor):
        raise ValueError(f"{value} has more digits than {code}")
    return from_minor(int(minor), code)


def from_minor(amount: object, currency: object) -> Money:
    """
    Read ``14900`` of ``rub``.

    :raises ValueError: it is no amount of a currency that is known here
    """
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= MAX_MINOR_UNITS:
        raise ValueError(f"{amount!r} is no amount")
    return Money(amount, _known(currency))


def _known(currency: object) -> str:
    if not isinstance(currency, str) or currency.upper() not in EXPONENTS:
        raise ValueError(f"{currency!r} is no currency that is known here")
    return currency.upper()
