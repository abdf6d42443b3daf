"""What is left of a wallet's credits, read from the ledger since its last checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from billing.models import LotCheckpoint, Transaction
from billing.rules.lots import LedgerRow, Lot, replay


@dataclass(frozen=True, slots=True)
class Replayed:
    """
    :param lots: those with something left, in spending order
    :param sequence: the last ledger row that was replayed
    :param rows_read: how many rows the replay had to read
    """

    lots: list[Lot]
    sequence: int
    rows_read: int


def replay_wallet(wallet_id: UUID, *, up_to: int | None = None, from_checkpoint: bool = True) -> Replayed:
    """
    Replay a wallet's ledger.

    :param up_to: the last sequence to read; all by default
    :param from_checkpoint: False reads the whole ledger, which is how checkpoints are verified
    :raises billing.rules.lots.LedgerOverdrawn: the ledger contradicts itself
    """
    opening: list[Lot] = []
    after = 0
    found = LotCheckpoint.objects.filter(wallet_id=wallet_id).first() if from_checkpoint else None
    if found is not None and (up_to is None or found.sequence <= up_to):
        opening, after = [as_lot(fields) for fields in found.lots], found.sequence
    rows = Transaction.objects.filter(wallet_id=wallet_id, sequence__gt=after)
    if up_to is not None:
        rows = rows.filter(sequence__lte=up_to)
    last = _Last(after)
    lots = replay(last.watch(row for _wallet_id, row in ledger_rows(rows)), opening)
    return Replayed(lots, last.sequence, last.count)


def ledger_rows(rows: QuerySet[Transaction]) -> Iterator[tuple[UUID, LedgerRow]]:
    """Ledger rows as a replay needs them, by wallet and sequence, each with its wallet's id."""
    fields = rows.order_by("wallet_id", "sequence").values_list(
        "wallet_id", "id", "sequence", "type", "tokens_delta", "reverses_id", "expires_at"
    )
    for wallet_id, row_id, sequence, kind, tokens_delta, reverses, expires_at in fields.iterator(chunk_size=5_000):
        yield wallet_id, LedgerRow(row_id, sequence, kind, tokens_delta, reverses, expires_at)


class _Last:
    """Remembers the last row that went by."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.count = 0

    def watch(self, rows: Iterator[LedgerRow]) -> Iterator[LedgerRow]:
        for row in rows:
            self.sequence = row.sequence
            self.count += 1
            yield row


def as_lot(fields: list[object]) -> Lot:
    """A lot as a checkpoint keeps it."""
    lot_id, kind, tokens, remaining, expires_at, sequence = fields
    return Lot(
        id=UUID(str(lot_id)),
        type=str(kind),
        tokens=int(str(tokens)),
        remaining=int(str(remaining)),
        expires_at=datetime.fromisoformat(str(expires_at)) if expires_at else None,
        sequence=int(str(sequence)),
    )


def as_fields(lot: Lot) -> list[object]:
    """The reverse of :func:`as_lot`, as JSON values."""
    expires_at = lot.expires_at.isoformat() if lot.expires_at else None
    return [str(lot.id), lot.type, lot.tokens, lot.remaining, expires_at, lot.sequence]
