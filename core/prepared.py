"""
One statement that PostgreSQL has prepared, sent with as little as can be between it and the caller: for hot paths.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.pq import Format

# Django reads moments in Python to set their zone; on its connections, which speak UTC, this one gives the same.
_MOMENTS: Final = psycopg.adapters.get_loader(psycopg.adapters.types["timestamptz"].oid, Format.TEXT)

# How long a connection that has answered is believed to be there. Django would ask it before each request, which is
# one round trip more; a server that went away within this time is an answer 503, to be tried again.
BELIEVED_SECONDS: Final = 1.0


class _Kept(threading.local):
    """The cursor that each thread uses again: making one costs a fifth of what sending the statement does."""

    cursor: psycopg.Cursor[tuple[Any, ...]] | None = None
    answered_at: float = 0.0


_kept = _Kept()


def fetch_one(statement: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """
    Execute a statement on Django's connection and give its first row.

    It does what Django's own cursor does: opens and checks the connection, minds threads and broken transactions, and
    raises Django's exceptions. Where somebody listens to statements (a query log, an execute wrapper), Django's cursor
    runs it; what is left out otherwise is the making of three objects for each call.

    :param statement: its parameters are cast, since they are bound by the server
    :raises django.db.Error: as Django's cursor would
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as listened:
            listened.execute(statement, parameters)
            row: tuple[Any, ...] | None = listened.fetchone()
            return row
    if monotonic() - _kept.answered_at > BELIEVED_SECONDS:
        connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_thread_sharing()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        cursor = _kept.cursor
        if cursor is None or cursor.connection is not connection.connection:
            cursor = _kept.cursor = _cursor(connection.connection)
        _kept.answered_at = 0.0
        row = cursor.execute(statement, parameters, prepare=True).fetchone()
        _kept.answered_at = monotonic()
        return row


def _cursor(connection: psycopg.Connection[tuple[Any, ...]]) -> psycopg.Cursor[tuple[Any, ...]]:
    cursor = connection.cursor()
    if _MOMENTS is not None and connection.info.parameter_status("TimeZone") == "UTC":
        cursor.adapters.register_loader("timestamptz", _MOMENTS)
    return cursor
