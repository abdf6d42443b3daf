"""What Prometheus is told of alerts, of the messages about them, and of the seals."""

from __future__ import annotations

from typing import Final

from audit.models import Seal
from audit.sealing import sealed_tables
from core.metrics import Gauge, Reader, register

# Messages are given up within hours, so those of the last day, which an index finds, are all that can be on their way.
_ALERTS: Final = """
    SELECT 'dvorik_alerts_open', ARRAY[grave.name], count(alert.id)::float8
    FROM unnest(ARRAY['info', 'warning', 'critical']) AS grave (name)
    LEFT JOIN audit_adminalert AS alert ON alert.severity = grave.name AND alert.status = 'open'
    GROUP BY grave.name
    UNION ALL
    SELECT told.name, ARRAY[kind.name], CASE told.name WHEN 'dvorik_deliveries_pending' THEN count(waiting.id)::float8
        ELSE greatest(extract(epoch FROM core_now() - min(waiting.created_at)), 0)::float8 END
    FROM unnest(ARRAY['alert', 'head']) AS kind (name)
    CROSS JOIN unnest(ARRAY['dvorik_deliveries_pending', 'dvorik_deliveries_lag_seconds']) AS told (name)
    LEFT JOIN audit_delivery AS waiting ON waiting.kind = kind.name AND waiting.state = 'pending'
        AND waiting.created_at > core_now() - interval '1 day'
    GROUP BY told.name, kind.name
"""


def _of_seals() -> str:
    # One row of each table: the first that no seal covers. The names are the registry's.
    seals = Seal._meta.db_table
    parts = []
    for each in sealed_tables():
        sealed = f"SELECT until FROM {seals} WHERE chain = '{each.chain}' ORDER BY number DESC LIMIT 1"  # noqa: S608 (of the registry)
        first = (
            f"SELECT created_at FROM {each.table} WHERE {each.ordering} > coalesce(({sealed}), 0) "  # noqa: S608 (of the registry)
            f"ORDER BY {each.ordering} LIMIT 1"
        )
        # A row that was written while the question was on its way is younger than its moment.
        lag = f"greatest(extract(epoch FROM core_now() - ({first})), 0)::float8"
        parts.append(f"SELECT 'dvorik_seals_lag_seconds', ARRAY['{each.chain}'], {lag}")
    return " UNION ALL ".join(parts)


ALERTS: Final = register(
    Reader(
        part="alerts",
        gauges=(
            Gauge("dvorik_alerts_open", "Alerts that nobody looks after yet.", ("severity",)),
            Gauge("dvorik_deliveries_pending", "Messages that have not got through yet.", ("kind",)),
            Gauge("dvorik_deliveries_lag_seconds", "For how long the oldest of them has been waiting.", ("kind",)),
        ),
        statement=lambda: _ALERTS,
    )
)
SEALS: Final = register(
    Reader(
        part="seals",
        gauges=(Gauge("dvorik_seals_lag_seconds", "The age of the oldest row that no seal covers yet.", ("chain",)),),
        statement=_of_seals,
    )
)
