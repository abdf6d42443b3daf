"""Many callers at one moment, each with a connection of its own, and what became of each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg
from django.db import connection, models, transaction

from core.errors import DomainError
from core.tests.racing import race, without

__all__ = ["Outcomes", "lined_up", "outcomes", "turn", "without"]

R = TypeVar("R")

# More connections than this at once, and test processes take turns: a server has a hundred.
_FEW = 8
_TURN = 2_026_001


@dataclass(frozen=True, slots=True)
class Outcomes(Generic[R]):
    """
    :param results: what the successful ones returned
    :param refusals: how the others were refused
    """

    results: list[R]
    refusals: list[DomainError]

    @property
    def codes(self) -> Counter[str]:
        """How often each error was the answer."""
        return Counter(refusal.code for refusal in self.refusals)


def outcomes(*runners: Callable[[], R]) -> Outcomes[R]:
    """Run the functions at once. A refusal is an outcome; any other exception is a defect and is raised."""

    def told(runner: Callable[[], R]) -> Callable[[], R | DomainError]:
        def run() -> R | DomainError:
            try:
                return runner()
            except DomainError as refusal:
                return refusal

        return run

    with turn(len(runners)):
        each = race(*[told(runner) for runner in runners])
    return Outcomes(
        [one for one in each if not isinstance(one, DomainError)],
        [one for one in each if isinstance(one, DomainError)],
    )


@contextmanager
def turn(connections: int) -> Iterator[None]:
    """Within the block, this test process alone may open so many connections, if they are more than a few."""
    if connections <= _FEW:
        yield
        return
    parameters = connection.get_connection_params()
    # Advisory locks are a database's own; the test processes share this one.
    address = {name: parameters[name] for name in ("host", "port", "user", "password") if parameters.get(name)}
    with psycopg.connect(**address, dbname="postgres", autocommit=True) as shared:
        shared.execute("SELECT pg_advisory_lock(%s)", [_TURN])
        yield


def lined_up(row: models.Model, *runners: Callable[[], R]) -> Outcomes[R]:
    """
    Run the functions at once, and hold a row's lock until every one of them waits for it: what each had read before
    that is old by the time it goes on. Fails where one does not come to wait, which proves that all take the lock.

    :param row: what all of them lock or change, before anything else that they change
    """
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            type(row)._default_manager.select_for_update().get(pk=row.pk)
            running = pool.submit(outcomes, *runners)
            _until_waiting(len(runners))
        return running.result(60)


def _until_waiting(connections: int) -> None:
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            # Within a transaction the first look at who is connected is kept: those who came later would stay unseen.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE NOT granted AND datname = current_database()"
            )
            if cursor.fetchone()[0] == connections:
                return
    raise AssertionError("not everybody waits for the lock")
