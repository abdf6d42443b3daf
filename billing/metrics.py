"""What Prometheus is told of the books."""

from __future__ import annotations

from typing import Final

from core.metrics import Gauge, Reader, register

# What the last round found is known by the alerts that it raised or repeated.
_STATEMENT: Final = """
    WITH round AS (
        SELECT started_at, finished_at FROM core_job
        WHERE name = 'billing.reconcile' AND state = 'done' ORDER BY id DESC LIMIT 1
    )
    SELECT 'dvorik_ledger_divergences', ARRAY[]::text[], count(DISTINCT fingerprint)::float8 FROM audit_adminalert
    WHERE fingerprint LIKE 'billing.reconciliation:%' AND status <> 'resolved'
        AND last_seen_at >= coalesce((SELECT started_at FROM round), '-infinity')
    UNION ALL
    SELECT 'dvorik_ledger_reconciled_seconds', ARRAY[]::text[], extract(epoch FROM core_now() - finished_at)::float8
    FROM round
"""

BOOKS: Final = register(
    Reader(
        part="books",
        gauges=(
            Gauge("dvorik_ledger_divergences", "Contradictions that the last reconciliation found; 0 is well."),
            Gauge("dvorik_ledger_reconciled_seconds", "How long ago the last reconciliation ended."),
        ),
        statement=lambda: _STATEMENT,
    )
)
