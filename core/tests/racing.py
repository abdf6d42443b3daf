"""Several threads, each with a connection of its own, that meet at one moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

from core.database_roles import as_owner

R = TypeVar("R")


def race(*runners: Callable[[], R]) -> list[R]:
    """Run the functions at once and return what they returned, in their order."""
    barrier = threading.Barrier(len(runners))

    def at_once(runner: Callable[[], R]) -> Callable[[], R]:
        def run() -> R:
            # The connection is made before the start, so that the runners meet in the statement itself.
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return runner()

        return with_own_connection(run)

    with ThreadPoolExecutor(len(runners)) as pool:
        return [each.result(60) for each in [pool.submit(at_once(runner)) for runner in runners]]


def held_up(row: models.Model, *runners: Callable[[], R]) -> list[R]:
    """
    Run the functions at once, and hold a row's lock until every one of them waits for it: what each has read before
    that is old by the time it goes on.

    :param row: what all of them lock, change or refer to
    """
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            type(row)._default_manager.select_for_update().get(pk=row.pk)
            running = pool.submit(race, *runners)
            until_somebody_waits(len(runners))
        return running.result(60)


def with_own_connection(function: Callable[[], R]) -> Callable[[], R]:
    """The function, to be run in a thread of its own, whose connection it closes behind itself."""

    def run() -> R:
        try:
            return function()
        finally:
            connection.close()

    return run


def until_somebody_waits(connections: int = 1) -> None:
    """Return once so many other connections wait for a lock; fail after thirty seconds."""
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            # Within a transaction the first look at who is connected is kept: those who came later would stay unseen.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE NOT granted AND datname = current_database()"
            )
            if cursor.fetchone()[0] >= connections:
                return
    raise AssertionError("not everybody waits for a lock")


@contextmanager
def without(table: str, *guards: str) -> Iterator[None]:
    """
    Take constraints, unique indexes and triggers away for the length of the block: the negative control of tests
    that rely on them. The table, and what refers to it, is emptied before they come back.
    """
    with as_owner(), connection.cursor() as cursor:
        ways = [_way(cursor, table, guard) for guard in guards]
        for away, _back in ways:
            cursor.execute(away)
    try:
        yield
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table} CASCADE")
            for _away, back in ways:
                cursor.execute(back)


def _way(cursor: CursorWrapper, table: str, guard: str) -> tuple[str, str]:
    """The statements that take a guard away and bring it back."""
    cursor.execute(
        """
        SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
            format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint
        WHERE conrelid = %(table)s::text::regclass AND conname = %(guard)s::text AND contype <> 't'
        UNION ALL
        SELECT format('DROP INDEX %%I', indexname), indexdef FROM pg_indexes
        WHERE tablename = %(table)s::text AND indexname = %(guard)s::text
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)
        UNION ALL
        SELECT format('ALTER TABLE %%s DISABLE TRIGGER %%I', tgrelid::regclass, tgname),
            format('ALTER TABLE %%s ENABLE TRIGGER %%I', tgrelid::regclass, tgname)
        FROM pg_trigger WHERE tgrelid = %(table)s::text::regclass AND tgname = %(guard)s::text
        """,
        {"table": table, "guard": guard},
    )
    ((away, back),) = cursor.fetchall()
    return away, back
