"""
How long PostgreSQL may keep a request waiting, by the door that it came through.

A statement that runs out of time, or waits too long for a lock, is refused by the server; the API answers 503 with
``Retry-After`` and its thread is free again. Commands and shells have no limits: somebody sits in front of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import psycopg
import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db import Error as DatabaseFailure
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from core.actors import circumstances

# What a transaction that the server ended had done: lain open without a statement, or gone on for too long.
Ended = Literal["idle", "long"]
OnEnded = Callable[[Ended], object]

_ATTRIBUTE: Final = "_dvorik_time_limits"
# For the session: a connection keeps them from one request to the next.
_SET: Final = "set_config(%s::text, %s::text, false)"
# The first server that ends a transaction for its length, whatever it does meanwhile.
_ENDS_LONG_ONES: Final = 170_000
_STATES: Final[dict[str, Ended]] = {"25P03": "idle", "25P04": "long"}

_on_ended: Final[list[OnEnded]] = []

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """
    In seconds; 0 is none.

    :param statement: how long one statement may take
    :param lock: how long it may wait for each lock
    :param idle: how long a transaction may lie open without a statement
    :param transaction: how long it may go on in all, where the server is PostgreSQL 17 or newer
    """

    statement: float = 0
    lock: float = 0
    idle: float = 0
    transaction: float = 0

    def as_configuration(self, server_version: int) -> dict[str, str]:
        """
        What a server is told.

        :param server_version: as libpq numbers it: ``170002``
        """
        told = {
            "statement_timeout": self.statement,
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.idle,
        }
        if server_version >= _ENDS_LONG_ONES:
            told["transaction_timeout"] = self.transaction
        return {name: f"{round(seconds * 1000)}ms" for name, seconds in told.items()}


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


def on_ended(callback: OnEnded) -> OnEnded:
    """Have a function called with why the server has ended a transaction."""
    _on_ended.append(callback)
    return callback


def tell_of_ended(failure: BaseException) -> None:
    """
    Tell the listeners if a failure means that the server has ended a transaction, which ended its connection, too: they
    are told over another one. It never raises.
    """
    cause = failure if isinstance(failure, psycopg.Error) else failure.__cause__
    ended = _STATES.get(str(cause.sqlstate)) if isinstance(cause, psycopg.Error) else None
    if ended is None:
        return
    try:
        connections[DEFAULT_DB_ALIAS].close_if_unusable_or_obsolete()
        for listener in _on_ended:
            listener(ended)
    except DatabaseFailure as unheard:
        log.warning("transaction_ended_not_told", ended=ended, error=type(unheard).__name__)


def _on_connection(connection: BaseDatabaseWrapper, **_sent: Any) -> None:
    setattr(connection, _ATTRIBUTE, None)
    _tell(connection, of_door(circumstances().door))


def _tell(connection: BaseDatabaseWrapper, limits: TimeLimits) -> None:
    kept = getattr(connection, _ATTRIBUTE, None)
    # A fresh connection has whatever the server gives to everybody, which commands are not to change.
    if kept == limits or (kept is None and limits == _NONE):
        return
    told = limits.as_configuration(connection.connection.info.server_version)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join([_SET] * len(told))}",
            [each for name_and_value in told.items() for each in name_and_value],
        )
    setattr(connection, _ATTRIBUTE, limits)
