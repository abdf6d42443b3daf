"""Jobs as their rows tell: what waits, runs, is dead, was done."""

from __future__ import annotations

from typing import Final

from core.metrics.gauges import Gauge, Reader, register

# What is unfinished and what is dead have indexes of their own; of what is done, only the latest is counted.
_STATEMENT: Final = """
    WITH unfinished AS (
        SELECT name, state, count(*) AS many,
            min(run_at) FILTER (WHERE state = 'queued' AND run_at <= core_now()) AS due_since
        FROM core_job WHERE state IN ('queued', 'running') GROUP BY name, state
    )
    SELECT 'dvorik_jobs', ARRAY[name::text, state::text], many::float8 FROM unfinished
    UNION ALL
    SELECT 'dvorik_jobs', ARRAY[name::text, 'dead'], count(*)::float8 FROM core_job WHERE state = 'dead' GROUP BY name
    UNION ALL
    SELECT 'dvorik_jobs_done_in_five_minutes', ARRAY[name::text], count(*)::float8 FROM core_job
    WHERE state = 'done' AND finished_at > core_now() - interval '5 minutes' GROUP BY name
    UNION ALL
    SELECT 'dvorik_jobs_lag_seconds', ARRAY[]::text[],
        coalesce(extract(epoch FROM core_now() - min(due_since)), 0)::float8 FROM unfinished
"""

JOBS: Final = register(
    Reader(
        part="jobs",
        gauges=(
            Gauge("dvorik_jobs", "Jobs that are queued, running or dead.", ("name", "state")),
            Gauge("dvorik_jobs_done_in_five_minutes", "Jobs that workers have done lately.", ("name",)),
            Gauge("dvorik_jobs_lag_seconds", "For how long the job that waits longest has been due."),
        ),
        statement=lambda: _STATEMENT,
    )
)
