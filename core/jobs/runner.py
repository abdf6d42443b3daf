"""Running jobs: claim by lease, run, finish by the lease's token."""

from __future__ import annotations

import json
import logging
import random
import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from core import time_limits
from core.actors import Actor, under
from core.jobs import lease, registry
from core.jobs.dead_letters import announce
from core.jobs.registry import DeadLetter, Postponed
from core.rules import backoff

logger = logging.getLogger(__name__)

_KEPT_ERROR_LENGTH: Final = 4000
_UNKNOWN_JOB_BACKOFF_SECONDS: Final = 30.0

# Either one given job or the next that is due; an expired lease is as good as none. A row that somebody else is
# just claiming is skipped, and after the lock PostgreSQL looks at the conditions again.
_CLAIM: Final = """
    WITH due AS (
        SELECT id FROM core_job
        WHERE (%(job_id)s::uuid IS NULL OR id = %(job_id)s::uuid)
          AND (state = 'queued' AND run_at <= core_now() OR state = 'running' AND lease_expires_at <= core_now())
          AND attempts < max_attempts
        ORDER BY run_at, id LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
    UPDATE core_job AS job
    SET state = 'running', attempts = attempts + 1, started_at = core_now(), lease_token = gen_random_uuid(),
        lease_expires_at = core_now() + make_interval(secs => lease_seconds)
    FROM due WHERE job.id = due.id
    RETURNING job.id, job.name, job.key, job.args, job.attempts, job.lease_token, job.lease_seconds,
              job.enqueued_by
"""

_DONE: Final = """
    UPDATE core_job
    SET state = 'done', finished_at = core_now(), lease_token = NULL, lease_expires_at = NULL
    WHERE id = %s::uuid AND state = 'running' AND lease_token = %s::uuid
"""

_FAILED: Final = """
    UPDATE core_job
    SET state = CASE WHEN attempts < max_attempts THEN 'queued' ELSE 'dead' END,
        finished_at = CASE WHEN attempts < max_attempts THEN NULL ELSE core_now() END,
        run_at = core_now() + make_interval(secs => %(pause)s::float8),
        wake_at = core_now() + make_interval(secs => %(pause)s::float8),
        lease_token = NULL, lease_expires_at = NULL, last_error = %(error)s::text
    WHERE id = %(job_id)s::uuid AND state = 'running' AND lease_token = %(token)s::uuid
    RETURNING state
"""


# The attempt was counted when it began; what did not begin is none.
_POSTPONED: Final = """
    UPDATE core_job
    SET state = 'queued', attempts = attempts - 1,
        run_at = core_now() + make_interval(secs => %(pause)s::float8),
        wake_at = core_now() + make_interval(secs => %(pause)s::float8),
        lease_token = NULL, lease_expires_at = NULL, last_error = %(error)s::text
    WHERE id = %(job_id)s::uuid AND state = 'running' AND lease_token = %(token)s::uuid
"""


class Outcome(StrEnum):
    DONE = "done"
    RETRY = "retry"
    # It could not begin yet, and did not count.
    POSTPONED = "postponed"
    DEAD = "dead"
    # Not due, done already, or at work elsewhere: what a duplicate wake-up meets.
    NOT_TAKEN = "not_taken"
    # Finished after its lease had passed to another worker, whose word counts.
    LEASE_LOST = "lease_lost"


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this process may run until its lease ends."""

    job_id: UUID
    name: str
    key: str | None
    args: dict[str, object]
    attempt: int
    token: UUID
    lease_seconds: int
    enqueued_by: dict[str, str]

    @property
    def actor(self) -> Actor:
        """The job as an actor, with the person behind it where there is one."""
        return Actor(kind="job", id=self.name, label=self.name, user_id=self.enqueued_by.get("user_id"))


def claim(job_id: UUID | None = None) -> Claim | None:
    """Take a job that is due, or the next one when none is named. None: there is nothing to take."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"job_id": job_id})
        row = cursor.fetchone()
    if row is None:
        return None
    found_id, name, key, args, attempt, token, lease_seconds, enqueued_by = row
    return Claim(
        job_id=found_id,
        name=name,
        key=key,
        args=json.loads(args),
        attempt=attempt,
        token=token,
        lease_seconds=lease_seconds,
        enqueued_by=json.loads(enqueued_by),
    )


def run(job_id: UUID) -> Outcome:
    """Run one job if it is due and free. Safe to call twice, or twice at once."""
    claimed = claim(job_id)
    return Outcome.NOT_TAKEN if claimed is None else run_claimed(claimed)


def run_claimed(claimed: Claim) -> Outcome:
    """Run what was claimed and write down how it ended."""
    pause_after_first = _UNKNOWN_JOB_BACKOFF_SECONDS
    try:
        # A name unknown here may be known to newer workers during a deployment: that is a failure like others.
        definition = registry.definition(claimed.name)
        pause_after_first = definition.backoff_seconds
        with (
            under(
                door="job",
                actor=claimed.actor,
                request_id=claimed.enqueued_by.get("request_id", str(claimed.job_id)),
                reason=claimed.enqueued_by.get("reason", ""),
                ip="",
            ),
            lease.kept(claimed.job_id, claimed.token, claimed.lease_seconds),
        ):
            time_limits.keep()
            definition.handler(**claimed.args, by=claimed.actor)
    except Postponed as pause:
        return _postponed(claimed, pause)
    except Exception as error:  # whatever a handler raises counts as a failed attempt
        logger.warning("Job %s %s failed, attempt %s", claimed.name, claimed.job_id, claimed.attempt, exc_info=True)
        return _failed(claimed, error, pause_after_first)
    return _done(claimed)


def _done(claimed: Claim) -> Outcome:
    with connection.cursor() as cursor:
        cursor.execute(_DONE, [claimed.job_id, claimed.token])
        if cursor.rowcount == 1:
            logger.info("Job %s %s is done, attempt %s", claimed.name, claimed.job_id, claimed.attempt)
            return Outcome.DONE
    logger.warning("Job %s %s was finished without its lease", claimed.name, claimed.job_id)
    return Outcome.LEASE_LOST


def _postponed(claimed: Claim, pause: Postponed) -> Outcome:
    seconds = max(pause.seconds, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            _POSTPONED,
            {"job_id": claimed.job_id, "token": claimed.token, "error": _storable(str(pause)), "pause": seconds},
        )
        if cursor.rowcount == 1:
            logger.info("Job %s %s is postponed by %s s: %s", claimed.name, claimed.job_id, seconds, pause)
            return Outcome.POSTPONED
    return Outcome.LEASE_LOST


def _failed(claimed: Claim, error: Exception, pause_after_first: float) -> Outcome:
    # The handler may have failed because the server went away.
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    with under(door="job", actor=claimed.actor):
        time_limits.tell_of_ended(error)
    text = _storable("".join(traceback.format_exception(error)))
    chance = random.random()  # noqa: S311 (jitter needs no secrecy)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _FAILED,
            {
                "job_id": claimed.job_id,
                "token": claimed.token,
                "error": text,
                "pause": backoff.pause(attempt=claimed.attempt, first=pause_after_first, chance=chance),
            },
        )
        row = cursor.fetchone()
        if row is None:
            return Outcome.LEASE_LOST
        if row[0] == "queued":
            return Outcome.RETRY
        announce(
            DeadLetter(
                job_id=claimed.job_id,
                name=claimed.name,
                key=claimed.key,
                attempts=claimed.attempt,
                error=text,
            )
        )
        return Outcome.DEAD


def _storable(text: str) -> str:
    """The end of a text, which says most, without what PostgreSQL refuses: NUL and lone surrogates."""
    kept = text[-_KEPT_ERROR_LENGTH:].replace("\x00", "\\x00")
    return kept.encode("utf-8", "backslashreplace").decode("utf-8")
