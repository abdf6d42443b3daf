"""
Checking the books, and remembering how far they were found true.

Incremental: only ledger rows since a wallet's checkpoints are folded, one statement for all wallets, and replayed.
Running it twice, or twice at once, only moves checkpoints to where the ledger was found to agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_noop

from audit.operations import alerts
from billing.models import ReconciliationCheckpoint
from billing.operations import ledger
from billing.queries.reconciliation import (
    SHOWN,
    Divergence,
    Judged,
    judge_lots,
    list_divergences,
)
from core.actors import Actor
from core.database import operation

# A wallet found clean gets a lot checkpoint when a replay would read more rows than this. Writing one costs about as
# much as replaying four rows, and leaves a dead row behind: below a few times that it does not pay. Without one, the
# next check reads at most so many rows again.
LOT_CHECKPOINT_AFTER: Final = 16


@dataclass(frozen=True, slots=True)
class Report:
    """
    :param wallets: how many wallets had ledger rows to check
    :param rows: how many ledger rows were folded
    :param divergences: what contradicts the invariants; empty when the books are true
    """

    wallets: int
    rows: int
    divergences: tuple[Divergence, ...]

    @property
    def is_clean(self) -> bool:
        return not self.divergences


@operation
def run(*, by: Actor, full: bool = False) -> Report:
    """
    Check the invariants, and raise an alert for what diverges. A clean wallet gets its checkpoints.

    :param full: fold every ledger from its first row, and replay every lot; otherwise only what has changed
    """
    if full:
        ReconciliationCheckpoint.objects.all().delete()
    checked, rows, found = _fold()
    agreeing = {wallet_id for wallet_id, is_true in checked.items() if is_true}
    found += list_divergences()
    grown: list[Judged] = []
    for judged in judge_lots(list(checked), from_checkpoint=not full):
        found += judged.divergences
        is_clean = judged.wallet_id in agreeing and not judged.divergences
        if is_clean and judged.rows_since_checkpoint > LOT_CHECKPOINT_AFTER:
            grown.append(judged)
    for divergence in found:
        alerts.raise_alert(
            f"billing.reconciliation:{divergence.invariant}:{divergence.subject}",
            severity="critical",
            title=gettext_noop("The books do not agree"),
            body=str(divergence),
            invariant=divergence.invariant,
            subject=divergence.subject,
        )
    # Last: whoever books an expiry and leaves a checkpoint, too, would wait for as long as these are not committed.
    ledger.keep_checkpoints([(each.wallet_id, each.sequence, each.lots) for each in grown])
    return Report(len(checked), rows, tuple(found))


def _fold() -> tuple[dict[UUID, bool], int, list[Divergence]]:
    """I1 and I3 over every wallet that has moved since its checkpoint; by wallet, whether they hold."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLD)
        verdicts = cursor.fetchall()
    diverging = [
        Divergence("I1" if kind == "sum" else "I3", f"wallet {wallet_id}", facts)
        for wallet_id, kind, _rows, facts in _with_facts(verdicts)
    ]
    return {row[0]: row[2] for row in verdicts}, sum(row[1] for row in verdicts), diverging[:SHOWN]


def _with_facts(verdicts: list[tuple[object, ...]]) -> list[tuple[object, str, object, dict[str, object]]]:
    described = []
    for wallet_id, rows, is_true, balance, version, folded, last, first_wrong in verdicts:
        if is_true:
            continue
        facts = {"balance": balance, "ledger": folded, "version": version, "last": last, "first_wrong": first_wrong}
        kind = "sum" if balance != folded else "chain"
        described.append((wallet_id, kind, rows, facts))
    return described


# For each wallet that moved: do its rows since the checkpoint follow one another without a gap, does each balance_after
# continue the sum, and does the sum end at the wallet's balance? Wallets found true get their checkpoint here.
_FOLD: Final = """
    WITH moved AS (
        SELECT w.id, w.token_balance, w.balance_version,
            coalesce(c.sequence, 0) AS base, coalesce(c.balance, 0) AS base_balance
        FROM billing_wallet w LEFT JOIN billing_reconciliationcheckpoint c ON c.wallet_id = w.id
        WHERE w.balance_version <> coalesce(c.sequence, 0) OR w.token_balance <> coalesce(c.balance, 0)
    ), chained AS (
        SELECT m.id, t.sequence, t.tokens_delta,
            t.balance_after = m.base_balance + sum(t.tokens_delta) OVER walk
                AND t.sequence = m.base + row_number() OVER walk AS follows
        FROM moved m JOIN billing_transaction t ON t.wallet_id = m.id AND t.sequence > m.base
        WINDOW walk AS (PARTITION BY m.id ORDER BY t.sequence)
    ), folded AS (
        SELECT id, count(*) AS rows, sum(tokens_delta) AS delta, max(sequence) AS last,
            min(sequence) FILTER (WHERE NOT follows) AS first_wrong
        FROM chained GROUP BY id
    ), verdict AS (
        SELECT m.id, coalesce(f.rows, 0) AS rows, m.token_balance, m.balance_version,
            m.base_balance + coalesce(f.delta, 0) AS folded, coalesce(f.last, m.base) AS last, f.first_wrong,
            f.first_wrong IS NULL AND m.base_balance + coalesce(f.delta, 0) = m.token_balance
                AND coalesce(f.last, m.base) = m.balance_version AS is_true
        FROM moved m LEFT JOIN folded f ON f.id = m.id
    ), kept AS (
        INSERT INTO billing_reconciliationcheckpoint AS c (wallet_id, sequence, balance, verified_at)
        SELECT id, balance_version, token_balance, core_now() FROM verdict WHERE is_true ORDER BY id
        ON CONFLICT (wallet_id) DO UPDATE
            SET sequence = excluded.sequence, balance = excluded.balance, verified_at = excluded.verified_at
    )
    SELECT id, rows::bigint, is_true, token_balance, balance_version, folded::bigint, last, first_wrong
    FROM verdict ORDER BY id
"""
