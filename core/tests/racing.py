"""Several threads, each with a connection of its own, that meet at one moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

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
