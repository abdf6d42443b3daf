"""Finding what was lost: wake-ups, workers, periods. Every statement is a set, and two sweepers share the work."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from core.jobs import registry, wake_ups
from core.jobs.dead_letters import announce
from core.jobs.registry import DeadLetter

logger = logging.getLogger(__name__)

_LOST_WORKER: Final = "The worker was lost: its lease ended before it said how the attempt went."

_RECLAIM: Final = """
    WITH lost AS (
        SELECT id FROM core_job
        WHERE state = 'running' AND lease_expires_at <= core_now()
        ORDER BY lease_expires_at LIMIT 1000
        FOR UPDATE SKIP LOCKED
    )
    UPDATE core_job AS job
    SET state = CASE WHEN attempts < max_attempts THEN 'queued' ELSE 'dead' END,
        finished_at = CASE WHEN attempts < max_attempts THEN NULL ELSE core_now() END,
        run_at = core_now(), wake_at = core_now(),
        lease_token = NULL, lease_expires_at = NULL, last_error = %s::text
    FROM lost WHERE job.id = lost.id
    RETURNING job.id, job.name, job.key, job.attempts, job.state
"""

# The longer a job has waited, the rarer its wake-ups, down to one in ten minutes: a long queue must not flood the
# broker. The oldest are woken first.
_WAKE: Final = """
    WITH waiting AS (
        SELECT id FROM core_job
        WHERE state = 'queued' AND wake_at <= core_now()
        ORDER BY wake_at LIMIT 1000
        FOR UPDATE SKIP LOCKED
    )
    UPDATE core_job AS job
    SET wake_at = core_now()
                + greatest(least(core_now() - run_at, interval '10 minutes'), make_interval(secs => %s::float8))
    FROM waiting WHERE job.id = waiting.id
    RETURNING job.run_at, job.id
"""

_WAKE_SOON: Final = """
    UPDATE core_job SET wake_at = core_now() WHERE id = ANY(%s::uuid[]) AND state = 'queued'
"""

# The key is the period's beginning, so two beats make one job of it. Periods to catch up on begin after the latest
# known one; a thousand at a time.
_PERIODS: Final = """
    WITH schedule AS (
        SELECT each.*, to_timestamp(floor(extract(epoch FROM core_now()) / every) * every) AS latest_period,
               make_interval(secs => every) AS step
        FROM unnest(%s::text[], %s::int[], %s::bool[], %s::int[], %s::int[])
             AS each (name, every, catch_up, max_attempts, lease_seconds)
    ), known AS (
        SELECT schedule.*, (
            SELECT max(key)::timestamptz FROM core_job WHERE core_job.name = schedule.name AND key IS NOT NULL
        ) AS last_seen
        FROM schedule
    ), due AS (
        SELECT known.*, period, to_char(period AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS key
        FROM known, generate_series(
            CASE WHEN catch_up AND last_seen < latest_period THEN last_seen + step ELSE latest_period END,
            CASE WHEN catch_up THEN least(latest_period, last_seen + 1000 * step) ELSE latest_period END,
            step
        ) AS period
        WHERE catch_up OR NOT EXISTS (
            SELECT FROM core_job
            WHERE core_job.name = known.name AND core_job.state IN ('queued', 'running')
        )
    )
    INSERT INTO core_job (
        id, name, key, args, state, attempts, max_attempts, lease_seconds, last_error, enqueued_by, run_at
    )
    SELECT core_uuid7(), name, key, CASE WHEN catch_up THEN jsonb_build_object('period', key) ELSE '{}' END,
           'queued', 0, max_attempts, lease_seconds, '', '{"kind": "job", "id": "core.tick", "label": "core.tick"}',
           period
    FROM due
    ON CONFLICT (name, key) WHERE key IS NOT NULL DO NOTHING
"""


def tick() -> None:
    """Everything that has to happen every few seconds. Two at once do no harm."""
    reclaim()
    enqueue_periods()
    wake()


def reclaim() -> int:
    """Queue the jobs whose leases have ended again; those without attempts left die. Returns how many there were."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_RECLAIM, [_LOST_WORKER])
        rows = cursor.fetchall()
        for job_id, name, key, attempts, state in rows:
            logger.warning("The worker of job %s %s was lost in attempt %s", name, job_id, attempts)
            if state == "dead":
                announce(DeadLetter(job_id=job_id, name=name, key=key, attempts=attempts, error=_LOST_WORKER))
    return len(rows)


def enqueue_periods(*, only: Collection[str] | None = None) -> int:
    """
    Queue each periodic job's period that has begun. Returns how many were new.

    :param only: the jobs to queue; all by default
    """
    jobs = [job for job in registry.periodic_jobs() if only is None or job.name in only]
    with connection.cursor() as cursor:
        cursor.execute(
            _PERIODS,
            [
                [job.name for job in jobs],
                [job.every_seconds for job in jobs],
                [job.catch_up for job in jobs],
                [job.max_attempts for job in jobs],
                [job.lease_seconds for job in jobs],
            ],
        )
        new: int = cursor.rowcount
    return new


def wake() -> int:
    """Send wake-ups for due jobs that nobody has taken. Returns how many were sent."""
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, [settings.JOBS_WAKE_AGAIN_SECONDS])
        waiting: list[UUID] = [job_id for _run_at, job_id in sorted(cursor.fetchall())]
    for sent, job_id in enumerate(waiting):
        try:
            wake_ups.send(job_id)
        except Exception:  # each transport raises its own kinds
            logger.warning("The broker is away with %s jobs waiting", len(waiting) - sent, exc_info=True)
            with connection.cursor() as cursor:
                cursor.execute(_WAKE_SOON, [waiting[sent:]])
            return sent
    return len(waiting)
