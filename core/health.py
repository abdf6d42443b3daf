"""
Whether the parts that the service needs are alive, asked so that a hanging part cannot hang the one who asks.

Only without its database can it do nothing: that alone makes it unwell. Of the other parts it tells, and goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from functools import partial
from tempfile import TemporaryFile
from time import monotonic
from typing import Any, Final, Generic, TypeVar

from celery import current_app
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error as DatabaseFailure

T = TypeVar("T")

DEADLINE_SECONDS: Final = 2
# A job that has been due for longer means that no worker, or no beat, is there.
LATE_SECONDS: Final = 300
# What is told besides the database is asked no more often than this, however often somebody knocks.
KEPT_SECONDS: Final = 5.0

_OPTIONS: Final = f"-c statement_timeout={DEADLINE_SECONDS}s -c lock_timeout={DEADLINE_SECONDS}s"
_LATE: Final = """
    SELECT EXISTS (
        SELECT FROM core_job WHERE state = 'queued' AND run_at <= core_now() - make_interval(secs => %s::float8)
    )
"""


class Probe(Generic[T]):
    """
    A question that may hang, asked by one thread for everybody.

    :param ask: the question; it may hang
    :param deadline_seconds: how long its answer is waited for
    :param kept_seconds: for how long an answer is good enough for the next who asks
    """

    def __init__(
        self, ask: Callable[[], T], *, deadline_seconds: float = DEADLINE_SECONDS, kept_seconds: float = 0
    ) -> None:
        self._ask = ask
        self._deadline_seconds = deadline_seconds
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None
        self._answered_at = -kept_seconds

    def begin(self) -> Future[T]:
        """
        The answer that will come. Those who ask at once share one thread, so however long the part hangs, no more than
        one waits for it.
        """
        with self._lock:
            if self._asked is None or (self._asked.done() and monotonic() - self._answered_at >= self._kept_seconds):
                self._asked = Future()
                threading.Thread(target=self._run, args=(self._asked,), name="health", daemon=True).start()
            return self._asked

    def result(self) -> T | None:
        """The answer, or None where it does not come in time."""
        try:
            return self.begin().result(timeout=self._deadline_seconds)
        except TookTooLong:
            return None

    def answers(self) -> bool:
        """Whether the part is well, known in time."""
        return self.result() is True

    def _run(self, answer: Future[T]) -> None:
        try:
            said = self._ask()
        except BaseException as error:  # whoever waits must hear of it, in the own thread
            self._answered_at = monotonic()
            answer.set_exception(error)
        else:
            self._answered_at = monotonic()
            answer.set_result(said)


def database_answers(settings: Mapping[str, Any] | None = None) -> bool:
    """
    Whether the database answers on a fresh connection. It may hang: ask a :class:`Probe`.

    :param settings: another server's, as in ``DATABASES``
    """
    connection = _fresh(settings or {})
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseFailure:
        return False
    finally:
        connection.close()
    return True


def jobs_are_done() -> bool:
    """Whether no job has been due for long: somebody works."""
    connection = _fresh({})
    try:
        with connection.cursor() as cursor:
            cursor.execute(_LATE, [LATE_SECONDS])
            return not cursor.fetchone()[0]
    finally:
        connection.close()


def broker_answers() -> bool:
    """Whether workers can be woken."""
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=DEADLINE_SECONDS)
    except Exception:  # each transport raises its own kinds
        return False
    return True


def storage_takes_files() -> bool:
    """Whether exports can be written."""
    try:
        settings.EXPORTS_FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=settings.EXPORTS_FOLDER) as file:
            file.write(b"x")
            file.flush()
    except OSError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Probes:
    """
    The parts that the service needs, each with the question that is asked of it.

    :param deadline_seconds: how long all of them are waited for together
    """

    database: Probe[bool] = field(default_factory=partial(Probe, database_answers))
    jobs: Probe[bool] = field(default_factory=partial(Probe, jobs_are_done, kept_seconds=KEPT_SECONDS))
    broker: Probe[bool] = field(default_factory=partial(Probe, broker_answers, kept_seconds=KEPT_SECONDS))
    storage: Probe[bool] = field(default_factory=partial(Probe, storage_takes_files, kept_seconds=KEPT_SECONDS))
    deadline_seconds: float = DEADLINE_SECONDS

    def parts(self) -> dict[str, str]:
        """
        Each part with ``ok``, or what is wrong with it. All are asked at once; it takes no longer than the slowest may.
        """
        asked = {
            "database": (self.database.begin(), "down", "down"),
            "jobs": (self.jobs.begin(), "late", "unknown"),
            "broker": (self.broker.begin(), "down", "unknown"),
            "storage": (self.storage.begin(), "read-only", "unknown"),
        }
        end = monotonic() + self.deadline_seconds
        told = {}
        for name, (answer, if_not, if_silent) in asked.items():
            try:
                told[name] = "ok" if answer.result(timeout=max(0.0, end - monotonic())) else if_not
            except (TookTooLong, DatabaseFailure):
                told[name] = if_silent
        return told


def _fresh(chosen: Mapping[str, Any]) -> BaseDatabaseWrapper:
    """A connection of its own: those of the requests may all be hanging."""
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    known = {**connection.settings_dict, **chosen}
    connection.settings_dict = {
        **known,
        "OPTIONS": {**known["OPTIONS"], "connect_timeout": DEADLINE_SECONDS, "options": _OPTIONS},
    }
    return connection
