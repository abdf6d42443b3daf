"""
What is left of each credit: a wallet's ledger, replayed.

Pure: rows in, lots out. Spending takes from the lot that expires soonest, then from the oldest; a row that reverses
a credit takes from that lot only.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What a replay needs of a ledger row. ``tokens_delta`` is signed; a credit opens a lot."""

    id: UUID
    sequence: int
    type: str
    tokens_delta: int
    reverses: UUID | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lot:
    """A credit and what is left of it, in tokens."""

    id: UUID
    type: str
    tokens: int
    remaining: int
    expires_at: datetime | None
    sequence: int

    @property
    def spending_order(self) -> tuple[datetime, int]:
        """Soonest expiry first, then the oldest."""
        return (self.expires_at or _NEVER, self.sequence)

    def is_due(self, moment: datetime) -> bool:
        """Whether it has expired at that moment."""
        return self.expires_at is not None and self.expires_at <= moment


class LedgerOverdrawn(ValueError):
    """A row takes more than its lots have: the ledger contradicts itself (invariant I13)."""


def replay(rows: Iterable[LedgerRow], opening: Sequence[Lot] = ()) -> list[Lot]:
    """
    Replay ledger rows in sequence.

    :param rows: a wallet's rows, ascending by sequence
    :param opening: the lots before the first row (a checkpoint); empty for a whole ledger
    :returns: the lots that have something left, in spending order
    :raises LedgerOverdrawn: a row takes more than there is
    """
    lots = sorted(opening, key=_order)
    for row in rows:
        if row.tokens_delta > 0:
            lot = Lot(row.id, row.type, row.tokens_delta, row.tokens_delta, row.expires_at, row.sequence)
            insort(lots, lot, key=_order)
        elif row.reverses is not None:
            _take_back(lots, row)
        else:
            _spend(lots, row)
    return lots


def _order(lot: Lot) -> tuple[datetime, int]:
    return lot.spending_order


def _take_back(lots: list[Lot], row: LedgerRow) -> None:
    for place, lot in enumerate(lots):
        if lot.id == row.reverses:
            if lot.remaining + row.tokens_delta < 0:
                break
            _shrink(lots, place, -row.tokens_delta)
            return
    raise LedgerOverdrawn(f"row {row.sequence} takes back more than its lot has left")


def _spend(lots: list[Lot], row: LedgerRow) -> None:
    wanted = -row.tokens_delta
    while wanted:
        if not lots:
            raise LedgerOverdrawn(f"row {row.sequence} spends more than the lots have left")
        taken = min(wanted, lots[0].remaining)
        _shrink(lots, 0, taken)
        wanted -= taken


def _shrink(lots: list[Lot], place: int, tokens: int) -> None:
    left = lots[place].remaining - tokens
    if left:
        lots[place] = replace(lots[place], remaining=left)
    else:
        del lots[place]


@dataclass(frozen=True, slots=True)
class Expiry:
    """
    What expiry means for a wallet at a moment.

    :param expiring: (lot, tokens) to book, in spending order
    :param protected: tokens of due lots that open holds keep
    :param next_expiry_at: the soonest expiry still to come, or None
    """

    expiring: tuple[tuple[Lot, int], ...]
    protected: int
    next_expiry_at: datetime | None

    @property
    def tokens(self) -> int:
        return sum(tokens for _lot, tokens in self.expiring)


def expiry(lots: Sequence[Lot], *, held: int, moment: datetime) -> Expiry:
    """
    Judge which tokens have expired. A hold protects the tokens that it would spend, so the held ones are counted
    in spending order, and only what is due beyond them expires.

    :param lots: in spending order
    :param held: tokens in open holds
    """
    expiring: list[tuple[Lot, int]] = []
    protected = 0
    for lot in lots:
        if not lot.is_due(moment):
            break
        kept = min(lot.remaining, held - protected)
        protected += kept
        if lot.remaining > kept:
            expiring.append((lot, lot.remaining - kept))
    coming = [lot.expires_at for lot in lots if lot.expires_at is not None and not lot.is_due(moment)]
    return Expiry(tuple(expiring), protected, min(coming, default=None))
