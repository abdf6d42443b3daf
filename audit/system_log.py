"""
A logging handler that keeps warnings and errors in the table ``audit_systemlog``.

Whoever logs only puts a record into a bounded queue: nothing here can block or break a request. A thread of its own,
with a connection of its own, writes what is queued. While the database is away it holds on to what it has and tries
again; what does not fit into the queue meanwhile is dropped and counted, and the count is written when writing works
again. Every record also leaves as a line of JSON, whatever becomes of it here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from core.actors import circumstances
from core.logs import masked

QUEUED: Final = 1000
BATCH: Final = 100
_LONGEST_MESSAGE: Final = 2000
_LONGEST_EXCEPTION: Final = 8000
_LONGEST_CONTEXT: Final = 16_000
# Between two tries while the database is away, and between two looks at whether the process ends.
_PAUSE_SECONDS: Final = 1.0
_LOOK_UP_SECONDS: Final = 0.5
_OPTIONS: Final = "-c statement_timeout=5s -c lock_timeout=2s"
# What logging or structlog add to each record, and other columns tell.
_KNOWN: Final = frozenset({"event", "level", "logger", "timestamp"})

_INSERT: Final = """
    INSERT INTO audit_systemlog (level, source, message, fingerprint, context)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[])
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it is stored."""

    level: str
    source: str
    message: str
    fingerprint: str
    context: Mapping[str, object]


class SystemLogHandler(logging.Handler):
    """
    :param queued: how many records wait at most
    """

    def __init__(self, level: int | str = logging.WARNING, *, queued: int = QUEUED) -> None:
        super().__init__(level)
        self._size = queued
        self._begin()
        # A forked process has the parent's queue and none of its threads.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._queue: queue.Queue[Entry] = queue.Queue(self._size)
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._dropped = 0
        self._untold = 0

    @property
    def dropped(self) -> int:
        """How many records this process has lost."""
        return self._dropped

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record. It never waits and never raises."""
        if threading.current_thread() is self._thread:
            return
        try:
            self._queue.put_nowait(_entry(record))
            self._keep_writing()
        except Exception:  # a log that cannot be kept must not break what is logged
            self._drop(1)

    def flush(self) -> None:
        """Nothing waits to be flushed: the thread writes at once."""

    def wait_until_written(self, seconds: float) -> bool:
        """:returns: whether everything queued so far was written, or dropped, in time"""
        with self._queue.all_tasks_done:
            return self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, seconds)

    def close(self) -> None:
        """Give what is queued two seconds to be written."""
        self._stop.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(2)
        super().close()

    def _keep_writing(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._guard:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._write_all, name="system log", daemon=True)
                    self._thread.start()

    def _drop(self, many: int) -> None:
        with self._guard:
            self._dropped += many
            self._untold += many

    def _write_all(self) -> None:
        connection = _connect()
        while batch := self._next_batch(connection):
            self._write(connection, batch)
            for _written in batch:
                self._queue.task_done()
        connection.close()

    def _next_batch(self, connection: BaseDatabaseWrapper) -> list[Entry]:
        """What is queued, at most :data:`BATCH`; nothing when all is written and the process ends."""
        batch: list[Entry] = []
        while not batch:
            try:
                batch.append(self._queue.get(timeout=_LOOK_UP_SECONDS))
            except queue.Empty:
                if self._stop.is_set():
                    return []
                # Whoever has nothing to say for a while keeps no connection open.
                connection.close()
        with contextlib.suppress(queue.Empty):
            while len(batch) < BATCH:
                batch.append(self._queue.get_nowait())
        return batch

    def _write(self, connection: BaseDatabaseWrapper, batch: list[Entry]) -> None:
        while True:
            untold = self._untold
            told = [*batch, _told_of(untold)] if untold else batch
            try:
                _insert(connection, told)
            except (OperationalError, InterfaceError):
                # The database is away, or the table is locked: hold on to it. The queue fills meanwhile.
                connection.close()
                if self._stop.wait(_PAUSE_SECONDS):
                    self._drop(len(batch))
                    return
            except Exception:  # what cannot be stored now will not be stored later
                connection.close()
                self._drop(len(batch))
                return
            else:
                with self._guard:
                    self._untold -= untold
                return


def _connect() -> BaseDatabaseWrapper:
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    settings = connection.settings_dict
    connection.settings_dict = {
        **settings,
        "OPTIONS": {**settings["OPTIONS"], "connect_timeout": 5, "options": _OPTIONS, "application_name": "dvorik-log"},
    }
    return connection


def _insert(connection: BaseDatabaseWrapper, entries: list[Entry]) -> None:
    columns = (
        [entry.level for entry in entries],
        [entry.source for entry in entries],
        [entry.message for entry in entries],
        [entry.fingerprint for entry in entries],
        [json.dumps(entry.context) for entry in entries],
    )
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, columns)


def _told_of(dropped: int) -> Entry:
    return Entry(
        level="warning",
        source=__name__,
        message=f"{dropped} records were dropped: they came faster than they could be written",
        fingerprint=_fingerprint("warning", __name__, "dropped", ""),
        context={"dropped": dropped},
    )


def _entry(record: logging.LogRecord) -> Entry:
    # structlog leaves the whole event where the standard library has a text with placeholders.
    event: dict[str, Any] = dict(record.msg) if isinstance(record.msg, dict) else {}
    template = str(event.get("event", "")) if event else str(record.msg)
    around = circumstances()
    context: dict[str, object] = {name: value for name, value in event.items() if name not in _KNOWN}
    if around.request_id:
        context.setdefault("request_id", around.request_id)
    if around.actor is not None:
        context.setdefault("actor", str(around.actor))
    kind = ""
    if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
        kind = record.exc_info[0].__qualname__
        context["exception"] = "".join(traceback.format_exception(*record.exc_info))[-_LONGEST_EXCEPTION:]
    level = record.levelname.lower()
    message = (template if event else record.getMessage())[:_LONGEST_MESSAGE]
    return Entry(
        level=level,
        source=_storable(record.name),
        message=_storable(str(masked("message", message))),
        fingerprint=_fingerprint(level, record.name, template, kind),
        context=_bounded({name: masked(name, _plain(value)) for name, value in context.items()}),
    )


def _fingerprint(level: str, source: str, template: str, kind: str) -> str:
    return sha256("\0".join((level, source, template, kind)).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _bounded(context: Mapping[str, object]) -> Mapping[str, object]:
    text = json.dumps(context)
    return context if len(text) <= _LONGEST_CONTEXT else {"cut": text[:_LONGEST_CONTEXT]}


def _plain(value: object) -> object:
    """A value as jsonb can keep it; what is no JSON becomes text."""
    match value:
        case None | bool() | int():
            return value
        case Mapping():
            return {_storable(str(name)): _plain(inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
    return _storable(str(value))


def _storable(text: str) -> str:
    """A text without what PostgreSQL refuses: NUL and lone surrogates."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
