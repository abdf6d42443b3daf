"""What is left of a wallet's credits, read from the ledger since its last checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
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


def ledger_rows_within(spans: Mapping[UUID, tuple[int, int]]) -> Iterator[tuple[UUID, LedgerRow]]:
    """
    The same rows of many wallets, of each only those of its span.

    :param spans: by wallet, the sequence after which to read and the last one to read
    """
    wallets, after, last = list(spans), [span[0] for span in spans.values()], [span[1] for span in spans.values()]
    with connection.chunked_cursor() as cursor:
        cursor.execute(_ROWS_WITHIN, [wallets, after, last])
        while rows := cursor.fetchmany(5_000):
            for wallet_id, *fields in rows:
                yield wallet_id, LedgerRow(*fields)


# The inner ORDER BY keeps the planner from joining the whole ledger: each wallet's span is read from the index on
# (wallet, sequence).
_ROWS_WITHIN: Final = """
    SELECT asked.wallet_id, t.id, t.sequence, t.type, t.tokens_delta, t.reverses_id, t.expires_at
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS asked (wallet_id, after, last)
    CROSS JOIN LATERAL (
        SELECT * FROM billing_transaction
        WHERE wallet_id = asked.wallet_id AND sequence > asked.after AND sequence <= asked.last
        ORDER BY sequence
    ) t
    ORDER BY asked.wallet_id, t.sequence
"""


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
