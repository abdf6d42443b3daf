"""
How long PostgreSQL may keep a request waiting, by the door that it came through.

A statement that runs out of time, or waits too long for a lock, is refused by the server; the API answers 503 with
``Retry-After`` and its thread is free again. Commands and shells have no limits: somebody sits in front of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from core.actors import circumstances

_ATTRIBUTE: Final = "_dvorik_time_limits"
# For the session: a connection keeps them from one request to the next.
_SET: Final = """
    SELECT set_config('statement_timeout', %s::text, false), set_config('lock_timeout', %s::text, false),
        set_config('idle_in_transaction_session_timeout', %s::text, false)
"""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """
    In seconds; 0 is none.

    :param statement: how long one statement may take
    :param lock: how long it may wait for each lock
    :param idle: how long a transaction may lie open without a statement
    """

    statement: float = 0
    lock: float = 0
    idle: float = 0


_NONE: Final = TimeLimits()


def of_door(door: str) -> TimeLimits:
    """The limits of what comes through a door; none where it has none."""
    found = settings.TIME_LIMITS.get(door)
    return TimeLimits(*found) if found else _NONE


def keep() -> None:
    """
    Have this thread's connection keep the limits of the present door. It costs a statement only where the connection
    has kept others until now.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    # One that is not open yet is told when it opens. What is set within a transaction would end with it.
    if connection.connection is not None and not connection.in_atomic_block:
        _tell(connection, of_door(circumstances().door))


def connect() -> None:
    """Have each new connection keep its door's limits. Called once, when the application starts."""
    connection_created.connect(_on_connection, dispatch_uid="core.time_limits")


def _on_connection(connection: BaseDatabaseWrapper, **_sent: Any) -> None:
    setattr(connection, _ATTRIBUTE, None)
    _tell(connection, of_door(circumstances().door))


def _tell(connection: BaseDatabaseWrapper, limits: TimeLimits) -> None:
    kept = getattr(connection, _ATTRIBUTE, None)
    # A fresh connection has whatever the server gives to everybody, which commands are not to change.
    if kept == limits or (kept is None and limits == _NONE):
        return
    with connection.cursor() as cursor:
        cursor.execute(_SET, [_milliseconds(each) for each in (limits.statement, limits.lock, limits.idle)])
    setattr(connection, _ATTRIBUTE, limits)


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
