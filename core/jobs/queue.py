"""Asking for work to be done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core.actors import as_database_context, circumstances
from core.ids import uuid7
from core.jobs import registry, wake_ups
from core.models.job import Job

MAX_ARGS_LENGTH: Final = 8192

# One statement finds or inserts. What another transaction commits meanwhile is in neither half: ask again.
_ENQUEUE: Final = """
    WITH due AS (
        SELECT coalesce(%(run_at)s::timestamptz, core_now() + make_interval(secs => %(delay)s::float8)) AS at
    ), fresh AS (
        INSERT INTO core_job (id, name, key, args, state, attempts, max_attempts, lease_seconds, last_error,
                              enqueued_by, run_at, wake_at)
        SELECT %(id)s::uuid, %(name)s::text, %(key)s::text, %(args)s::jsonb, 'queued', 0,
               %(max_attempts)s::int, %(lease_seconds)s::int, '', %(enqueued_by)s::jsonb, at,
               CASE WHEN at <= core_now() THEN core_now() + make_interval(secs => %(wake_again)s::float8)
                    ELSE at END
        FROM due
        ON CONFLICT (name, key) WHERE key IS NOT NULL DO NOTHING
        RETURNING *
    )
    SELECT fresh.*, run_at <= core_now() AS is_due FROM fresh
    UNION ALL
    SELECT core_job.*, false FROM core_job
    WHERE name = %(name)s::text AND key = %(key)s::text AND NOT EXISTS (SELECT FROM fresh)
"""


def enqueue(
    name: str,
    *,
    key: str | None = None,
    run_at: datetime | None = None,
    delay: timedelta = timedelta(0),
    **args: object,
) -> Job:
    """
    Have a job run once the caller's transaction is committed; nothing happens if it is rolled back.

    The row joins the transaction, and the broker is only told of it afterwards: a broker that is away costs
    nothing but time.

    :param key: a second job of the same name and key is the first one, whatever has become of it
    :param run_at: not before this moment
    :param delay: not before this long from now
    :param args: the handler's keyword arguments: ids and other plain values
    :raises core.jobs.UnknownJob: there is no such handler
    :raises TypeError: the handler does not take these arguments, or a value is not plain
    :raises ValueError: a value is too long or cannot be stored, or ``run_at`` has no time zone
    """
    definition = registry.definition(name)
    if key is not None and definition.every_seconds is not None:
        raise ValueError(f"{name} is periodic: its keys are its periods")
    if key is not None and not 1 <= len(key) <= 255:
        raise ValueError("a key has 1 to 255 characters")
    if run_at is not None and timezone.is_naive(run_at):
        raise ValueError("run_at has no time zone")
    definition.check(args)
    parameters = {
        "name": name,
        "key": key,
        "args": as_plain_json(args),
        "max_attempts": definition.max_attempts,
        "lease_seconds": definition.lease_seconds,
        "enqueued_by": as_database_context(None, circumstances()) or "{}",
        "run_at": run_at,
        "delay": delay.total_seconds(),
        "wake_again": settings.JOBS_WAKE_AGAIN_SECONDS,
    }
    for _ in range(3):
        for job in Job.objects.raw(_ENQUEUE, parameters | {"id": uuid7()}):
            # A column of the statement, not of the table.
            if vars(job)["is_due"]:
                transaction.on_commit(partial(wake_ups.send_or_leave, job.id))
            return job
    raise RuntimeError(f"the job {name} {key} comes and goes")


def as_plain_json(args: Mapping[str, object]) -> str:
    """
    The arguments as JSON: strings, integers, booleans, UUIDs, nothing, and lists of them.

    :raises TypeError: a value is something else
    :raises ValueError: they are too long, or hold a character that PostgreSQL cannot store
    """
    text = json.dumps({name: _plain(value) for name, value in args.items()}, ensure_ascii=False)
    if len(text) > MAX_ARGS_LENGTH:
        raise ValueError(f"a job's arguments have at most {MAX_ARGS_LENGTH} characters: pass ids")
    return text


def _plain(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        # PostgreSQL stores neither NUL nor half a surrogate pair.
        if "\x00" in value or any("\ud800" <= each <= "\udfff" for each in value):
            raise ValueError("a job's arguments hold a character that cannot be stored")
        return str(value)
    if value is None or isinstance(value, int):
        return value
    raise TypeError(f"{type(value).__name__} is not a plain value: pass an id and read the row in the job")
