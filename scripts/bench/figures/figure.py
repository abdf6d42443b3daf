"""What a figure is, and what measuring it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, Protocol

from scripts.bench.house import House


@dataclass(frozen=True, slots=True)
class Reach:
    """What a figure should come to."""

    sign: Literal["≥", "≤", "="]
    value: float

    def is_reached_by(self, measured: float) -> bool:
        """Whether the number is good enough."""
        if self.sign == "=":
            return measured == self.value
        return measured >= self.value if self.sign == "≥" else measured <= self.value

    def __str__(self) -> str:
        return f"{self.sign} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Measured:
    """
    One line of the table.

    :param what: what was compared
    :param each: the number of each round; the median of them counts
    :param note: what a reader must know to believe it
    """

    what: str
    reach: Reach
    each: Sequence[float]
    note: str = ""

    @property
    def value(self) -> float:
        return median(self.each)

    @property
    def is_reached(self) -> bool:
        return self.reach.is_reached_by(self.value)

    @property
    def spread(self) -> str:
        """``0.97 (0.93–1.02)``; a number that cannot vary stands alone."""
        if len(self.each) == 1:
            return f"{self.value:g}"
        return f"{_short(self.value)} ({_short(min(self.each))}–{_short(max(self.each))})"


@dataclass(frozen=True, slots=True)
class Missing:
    """A line that could not be measured, and why."""

    what: str
    reach: Reach
    why: str


Line = Measured | Missing


@dataclass(frozen=True, slots=True)
class Scale:
    """
    How much is measured.

    :param rounds: how often each pair takes turns
    :param seconds: how long one turn lasts
    :param rows: how long the long ledger is
    :param clients: how many connections work at once
    """

    rounds: int = 7
    seconds: float = 1.0
    rows: int = 10_000_000
    clients: int = 8
    callers: int = 16


QUICK = Scale(rounds=5, seconds=0.3, rows=200_000)


class Figure(Protocol):
    """A module of this package: its number and how it is measured."""

    NUMBERS: tuple[int, ...]

    def measure(self, house: House, scale: Scale) -> Sequence[Line]: ...


def counted(number: int) -> str:
    """``10 000 000``."""
    return f"{number:,}".replace(",", " ")


def _short(number: float) -> str:
    return f"{number:.3g}" if number < 100 else f"{number:.0f}"
