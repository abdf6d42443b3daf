"""Doing something once, however often it is asked for, and answering each time what was answered first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable, QueryCanceled

from core.actors import Actor
from core.database import operation
from core.errors import IdempotencyInProgress, IdempotencyMismatch

# How long a request waits for its twin.
WAIT_SECONDS: Final = 5
RETRY_SECONDS: Final = 1
KEPT_DAYS: Final = 30
PURGE_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """
    An answer as it is kept and given again.

    :param status: of HTTP
    :param body: the exact text
    """

    status: int
    body: str


@operation
def run_once(
    *,
    caller: str,
    key: str,
    request_hash: str,
    route: str,
    effect: Callable[[], StoredAnswer],
    wait_seconds: float = WAIT_SECONDS,
    by: Actor,
) -> tuple[StoredAnswer, bool]:
    """
    Run ``effect`` unless the caller has used the key before, in one transaction with the key's reservation.

    If the effect refuses, nothing is remembered: the reservation is taken back with everything else.

    :param caller: who asks, as stable text (``api_key:<id>``); each caller has keys of their own
    :param request_hash: tells equal requests from different ones
    :param route: the request's method and path, for people who look into the table
    :param effect: does the work and says what to answer
    :param wait_seconds: how long a first request that is still running is waited for
    :returns: the answer, and whether it is an earlier one
    :raises core.errors.IdempotencyMismatch: the key came with another request before
    :raises core.errors.IdempotencyInProgress: the first request has not ended in that time
    """
    record = _reserve(caller, key, request_hash, route, wait_seconds)
    if record is None:
        return _first_answer(caller, key, request_hash), True
    answer = effect()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_idempotencyrecord SET status = %s, body = %s WHERE id = %s",
            [answer.status, answer.body, record],
        )
    return answer, False


@operation
def purge_old(*, by: Actor) -> int:
    """Delete some of the records older than :data:`KEPT_DAYS`, and say how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM core_idempotencyrecord WHERE id IN (
                SELECT id FROM core_idempotencyrecord
                WHERE created_at < core_now() - make_interval(days => %s)
                ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED
            )
            """,
            [KEPT_DAYS, PURGE_BATCH],
        )
        deleted: int = cursor.rowcount
    return deleted


def _reserve(caller: str, key: str, request_hash: str, route: str, wait_seconds: float) -> int | None:
    """Insert the record and give its id, or None where there is one already. A twin waits here for the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, true)", [f"{wait_seconds}s"]
        )
        before = cursor.fetchone()[0]
        try:
            cursor.execute(
                """
                INSERT INTO core_idempotencyrecord (caller, key, request_hash, route, body)
                VALUES (%s, %s, %s, %s, '') ON CONFLICT (caller, key) DO NOTHING RETURNING id
                """,
                [caller, key, request_hash, route],
            )
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable | QueryCanceled):
                raise IdempotencyInProgress(retry_after=RETRY_SECONDS) from error
            raise
        inserted = cursor.fetchone()
        # The effect waits for its own locks as long as anybody else does.
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])
    return inserted[0] if inserted else None


def _first_answer(caller: str, key: str, request_hash: str) -> StoredAnswer:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT request_hash, status, body FROM core_idempotencyrecord WHERE caller = %s AND key = %s",
            [caller, key],
        )
        found = cursor.fetchone()
    if found is None:
        # Purged between the two statements: the key is free again.
        raise IdempotencyInProgress(retry_after=RETRY_SECONDS)
    first_hash, status, body = found
    if first_hash != request_hash:
        raise IdempotencyMismatch
    return StoredAnswer(status, body)
