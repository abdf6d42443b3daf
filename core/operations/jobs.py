"""What staff decide about jobs, and what time does to old ones."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from core import errors
from core.actors import Actor
from core.database import operation
from core.jobs import registry, wake_ups
from core.jobs.registry import Decision
from core.models.job import Job

PURGE_BATCH: Final = 5000

_RUN_AGAIN: Final = """
    UPDATE core_job
    SET state = 'queued', attempts = 0, run_at = core_now(), wake_at = core_now(), finished_at = NULL
    WHERE id = %s::uuid AND state = 'dead'
    RETURNING name
"""

_GIVE_UP: Final = """
    UPDATE core_job SET state = 'dead', finished_at = core_now()
    WHERE id = %s::uuid AND state = 'queued'
    RETURNING name
"""

# The last key of each name stays: by it the sweeper knows which period came last.
_PURGE: Final = """
    DELETE FROM core_job WHERE id IN (
        SELECT id FROM core_job AS old
        WHERE state = 'done' AND finished_at < core_now() - make_interval(days => %s::int)
          AND (key IS NULL
               OR EXISTS (SELECT FROM core_job AS newer WHERE newer.name = old.name AND newer.key > old.key))
        ORDER BY finished_at LIMIT %s::int
        FOR UPDATE SKIP LOCKED
    )
"""


@operation
def run_again(*, job_id: UUID, by: Actor, reason: str) -> Job:
    """
    Give a dead job all of its attempts again.

    :raises core.errors.ReasonMissing: no reason was given
    :raises core.errors.NotFound: there is no such job
    :raises core.errors.JobIsNotDead: it is queued, running or done
    """
    job = _decide(_RUN_AGAIN, "run_again", job_id, by, reason, otherwise=errors.JobIsNotDead)
    transaction.on_commit(partial(wake_ups.send_or_leave, job_id))
    return job


@operation
def give_up(*, job_id: UUID, by: Actor, reason: str) -> Job:
    """
    Let a job that waits for its next attempt die. Nobody is alarmed: this was somebody's decision.

    :raises core.errors.ReasonMissing: no reason was given
    :raises core.errors.NotFound: there is no such job
    :raises core.errors.JobIsNotQueued: it is running, done or dead already
    """
    return _decide(_GIVE_UP, "given_up", job_id, by, reason, otherwise=errors.JobIsNotQueued)


@operation
def purge_done(*, older_than_days: int, by: Actor) -> int:
    """
    Delete jobs that were done long ago; the dead stay. Returns how many were deleted.

    :param older_than_days: since their end
    """
    with connection.cursor() as cursor:
        cursor.execute(_PURGE, [older_than_days, PURGE_BATCH])
        deleted: int = cursor.rowcount
    return deleted


def _decide(
    statement: str, deed: str, job_id: UUID, by: Actor, reason: str, *, otherwise: type[errors.DomainError]
) -> Job:
    if not reason.strip():
        raise errors.ReasonMissing
    with connection.cursor() as cursor:
        cursor.execute(statement, [job_id])
        moved = cursor.fetchone()
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        raise errors.NotFound
    if moved is None:
        raise otherwise(state=job.state)
    decision = Decision(job_id=job.pk, name=job.name, deed=deed, reason=reason)
    for listener in registry.listeners_of_decisions():
        listener(decision, by=by)
    return job
