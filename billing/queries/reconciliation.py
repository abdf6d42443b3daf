"""
The invariants of the books, each as one question to the database (BILLING: truth).

Each question is a single statement, so that it sees one snapshot and a busy house raises no false alarm. It answers
with the rows that diverge, the first ones first; no row means that the invariant holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from billing.models import LotCheckpoint, Wallet
from billing.queries.invariants import QUESTIONS
from billing.queries.lots import as_fields, as_lot, ledger_rows_within
from billing.rules.lots import LedgerOverdrawn, LedgerRow, Lot, expiry, replay
from core import clock

# As many divergent rows as anybody reads.
SHOWN: Final = 20
_WALLETS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Divergence:
    """
    A row that contradicts an invariant.

    :param invariant: ``I1`` … ``I13``
    :param subject: what diverges, with its id
    :param facts: how
    """

    invariant: str
    subject: str
    facts: Mapping[str, object]

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.invariant} {self.subject}: {facts}"


def list_divergences() -> list[Divergence]:
    """The first divergent rows of each invariant that does not follow from a single wallet's ledger."""
    found: list[Divergence] = []
    with connection.cursor() as cursor:
        for invariant, subject, question in QUESTIONS:
            cursor.execute(f"{question} LIMIT {SHOWN}")
            names = [column.name for column in cursor.description or ()]
            for first, *rest in cursor.fetchall():
                facts = dict(zip(names[1:], rest, strict=True))
                found.append(Divergence(invariant, f"{subject} {first}", facts))
    return found


@dataclass(frozen=True, slots=True)
class Judged:
    """
    What the replay of a wallet's ledger has shown.

    :param sequence: the last row that the replay knows of
    :param lots: those with something left after it
    :param rows_read: how many rows were read for it
    :param rows_since_checkpoint: how many rows the next replay has to read, as long as no checkpoint is left
    :param divergences: what contradicts invariant I13
    """

    wallet_id: UUID
    sequence: int
    lots: Sequence[Lot]
    rows_read: int
    rows_since_checkpoint: int
    divergences: tuple[Divergence, ...]


def judge_lots(wallet_ids: Sequence[UUID], *, from_checkpoint: bool) -> Iterator[Judged]:
    """
    Invariant I13: replay ledgers and judge the lots: none below zero, none expired with anything left unless it is
    about to be swept or a hold protects it, and a whole replay agrees with the wallet's checkpoint.

    :param from_checkpoint: False replays from the first row, and judges the checkpoint itself
    """
    moment = clock.now()
    for start in range(0, len(wallet_ids), _WALLETS_AT_ONCE):
        chunk = wallet_ids[start : start + _WALLETS_AT_ONCE]
        # Checkpoints first: the wallets, read next, have then reached whatever row theirs stands at.
        kept = {each.wallet_id: each for each in LotCheckpoint.objects.filter(wallet_id__in=chunk)}
        wallets = {wallet.pk: wallet for wallet in Wallet.objects.filter(pk__in=chunk)}
        since = kept if from_checkpoint else {}
        # A row that commits meanwhile lies beyond the wallet's version as read.
        spans = {
            pk: (since[pk].sequence if pk in since else 0, wallet.balance_version) for pk, wallet in wallets.items()
        }
        ledgers: dict[UUID, list[LedgerRow]] = defaultdict(list)
        for wallet_id, row in ledger_rows_within(spans):
            ledgers[wallet_id].append(row)
        for pk, wallet in wallets.items():
            yield _judge(wallet, ledgers[pk], kept.get(pk), moment, from_checkpoint=from_checkpoint)


def _judge(
    wallet: Wallet,
    ledger: list[LedgerRow],
    checkpoint: LotCheckpoint | None,
    moment: datetime,
    *,
    from_checkpoint: bool,
) -> Judged:
    at = checkpoint.sequence if checkpoint else 0
    lots: list[Lot] = []
    found: list[Divergence] = []
    try:
        if checkpoint and from_checkpoint:
            lots = [as_lot(fields) for fields in checkpoint.lots]
        elif checkpoint:
            lots = replay(row for row in ledger if row.sequence <= at)
            if [as_fields(lot) for lot in lots] != checkpoint.lots:
                found.append(Divergence("I13", f"checkpoint of wallet {wallet.pk}", {"sequence": at}))
        lots = replay((row for row in ledger if row.sequence > at), lots)
    except LedgerOverdrawn as contradiction:
        found.append(Divergence("I13", f"wallet {wallet.pk}", {"ledger": str(contradiction)}))
    else:
        found += _judge_balance(wallet, lots, moment)
    if at > wallet.balance_version:
        facts = {"sequence": at, "version": wallet.balance_version}
        found.append(Divergence("I13", f"checkpoint of wallet {wallet.pk}", facts))
    last = ledger[-1].sequence if ledger else at
    return Judged(wallet.pk, last, lots, len(ledger), last - at, tuple(found))


def _judge_balance(wallet: Wallet, lots: list[Lot], moment: datetime) -> Iterator[Divergence]:
    left = sum(lot.remaining for lot in lots)
    due = expiry(lots, held=wallet.held_tokens, moment=moment)
    overlooked = due.tokens and (wallet.next_expiry_at is None or wallet.next_expiry_at > moment)
    if left != wallet.token_balance or overlooked:
        facts = {"lots": left, "balance": wallet.token_balance, "overlooked": due.tokens if overlooked else 0}
        yield Divergence("I13", f"wallet {wallet.pk}", facts)
