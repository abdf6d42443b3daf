"""
Limits on how often, exact however many processes count: the row in PostgreSQL is the only counter.

A hit counts even if what it was counted for is refused afterwards. So it must not stand in that request's
transaction, which would take it back: call :func:`hit` before the operation, from the door, in autocommit.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from django.db import connection

from core.actors import Actor
from core.database import operation
from core.errors import RateLimited

PURGE_BATCH: Final = 5000
_MAX_SUBJECT: Final = 200

# In one statement, so that the row's lock makes simultaneous hits stand in line. A hit that does not fit updates
# nothing and returns nothing; the second half then tells how long to wait.
#
# Whoever waited for the row began before those who were counted meanwhile. It counts from the last one's moment: from
# its own, the last attempt that fits would not quite have grown back.
_HIT: Final = """
    WITH hit AS (
        INSERT INTO core_throttle AS bucket (scope, subject, empty_at, counted_at)
        VALUES (%(scope)s, %(subject)s, core_now() + %(each)s::interval, core_now())
        ON CONFLICT (scope, subject) DO UPDATE
            SET empty_at = greatest(bucket.empty_at, core_now()) + %(each)s::interval,
                counted_at = greatest(bucket.counted_at, core_now())
            WHERE bucket.empty_at + %(each)s::interval - %(window)s::interval
                <= greatest(bucket.counted_at, core_now())
        RETURNING 1
    )
    SELECT
        EXISTS (SELECT FROM hit),
        (
            SELECT ceil(extract(epoch FROM empty_at + %(each)s::interval - %(window)s::interval - core_now()))::int
            FROM core_throttle WHERE scope = %(scope)s AND subject = %(subject)s
        )
"""


def hit(*, scope: str, subject: str, limit: int, per_seconds: int) -> None:
    """
    Count one attempt: at most ``limit`` at once, which grow back evenly over ``per_seconds``.

    :param scope: what is limited (``auth.login``)
    :param subject: who is limited: an address, a user's id; a long one is hashed
    :raises core.errors.RateLimited: the limit is reached; this attempt was not counted
    :raises RuntimeError: a transaction is open, which could take the hit back
    """
    # Django's own test of a durable block; the transaction that wraps a test does not count.
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise RuntimeError("a throttle is hit outside of transactions")
    # Any: Django's stubs do not know that psycopg takes timedeltas.
    bucket: dict[str, Any] = {
        "scope": scope,
        "subject": subject if len(subject) <= _MAX_SUBJECT else sha256(subject.encode()).hexdigest(),
        "each": timedelta(microseconds=per_seconds * 1_000_000 // limit),
        "window": timedelta(seconds=per_seconds),
    }
    with connection.cursor() as cursor:
        cursor.execute(_HIT, bucket)
        fits, wait = cursor.fetchone()
    if not fits:
        raise RateLimited(retry_after=max(1, wait or 1))


@operation
def purge_empty(*, by: Actor) -> int:
    """Delete some of the rows that limit nobody any more, and say how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM core_throttle WHERE id IN (
                SELECT id FROM core_throttle WHERE empty_at < core_now() LIMIT %s FOR UPDATE SKIP LOCKED
            )
            """,
            [PURGE_BATCH],
        )
        deleted: int = cursor.rowcount
    return deleted
