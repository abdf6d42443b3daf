"""Prepared statements on Django's connection: faster than its cursor, and otherwise the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError
from pytest_django import DjangoAssertNumQueries

from core import prepared
from core.database_roles import as_owner
from core.tests.racing import race

_ECHO = """
    SELECT %(id)s::uuid, %(number)s::bigint, %(text)s::text, %(document)s::jsonb, %(bytes)s::bytea,
        '2026-01-31 12:00:00.5+03'::timestamptz, NULL::timestamptz, true
"""
_ASKED: dict[str, Any] = {
    "id": UUID("018f0000-0000-7000-8000-000000000001"),
    "number": 2**62,
    "text": "a 'brief', %s",
    "document": '{"a": [1, null, "я"]}',
    "bytes": b"\x00\xff",
}


def _by_django(statement: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


def _pid() -> int:
    row = prepared.fetch_one("SELECT pg_backend_pid()", {})
    assert row is not None
    return int(row[0])


@pytest.mark.django_db
def test_gives_what_djangos_cursor_gives() -> None:
    row = prepared.fetch_one(_ECHO, _ASKED)
    assert row is not None
    assert row == _by_django(_ECHO, _ASKED)
    assert row[5] == datetime(2026, 1, 31, 9, 0, 0, 500_000, tzinfo=UTC)
    assert row[5].tzinfo is UTC


@pytest.mark.django_db
def test_gives_none_where_there_is_no_row() -> None:
    assert prepared.fetch_one("SELECT 1 WHERE %(number)s::int = 0", {"number": 1}) is None


@pytest.mark.django_db
def test_gives_each_calls_own_row() -> None:
    rows = [prepared.fetch_one("SELECT %(number)s::int", {"number": number}) for number in range(5)]
    assert rows == [(0,), (1,), (2,), (3,), (4,)]


@pytest.mark.django_db
def test_is_prepared_at_once() -> None:
    statement = f"SELECT {uuid4().int % 10**9}, %(number)s::int"
    prepared.fetch_one(statement, {"number": 1})
    kept = _by_django(
        "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %(like)s::text",
        {"like": f"{statement[:16]}%"},
    )
    assert kept == (1,)


@pytest.mark.django_db
def test_is_heard_by_query_logs(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1) as log:
        prepared.fetch_one(_ECHO, _ASKED)
    assert "SELECT" in log.captured_queries[0]["sql"]


@pytest.mark.django_db
def test_is_heard_by_execute_wrappers() -> None:
    heard: list[str] = []

    def listen(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        heard.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(listen):
        prepared.fetch_one(_ECHO, _ASKED)
    assert heard == [_ECHO]


@pytest.mark.django_db
def test_raises_djangos_exceptions() -> None:
    # A group's name is unique, and PostgreSQL names the constraint.
    twice = "INSERT INTO auth_group (name) SELECT 'one' FROM generate_series(1, 2)"
    with pytest.raises(IntegrityError) as violation, transaction.atomic():
        prepared.fetch_one(twice, {})
    assert violation.value.__cause__.diag.constraint_name  # type: ignore[union-attr]  # psycopg's own stands behind it


@pytest.mark.django_db
def test_refuses_a_broken_transaction() -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            prepared.fetch_one("SELECT 1", {})


@pytest.mark.django_db
def test_belongs_to_its_callers_transaction() -> None:
    with transaction.atomic():
        prepared.fetch_one("INSERT INTO auth_group (name) VALUES ('short-lived') RETURNING id", {})
        transaction.set_rollback(True)
    assert _by_django("SELECT count(*) FROM auth_group WHERE name = 'short-lived'", {}) == (0,)


@pytest.mark.django_db(transaction=True)
def test_follows_django_to_a_new_connection() -> None:
    before = _pid()
    connection.close()
    assert _pid() != before


@pytest.mark.django_db(transaction=True)
def test_tells_django_that_a_connection_is_lost() -> None:
    before = _pid()
    with pytest.raises(OperationalError), as_owner():
        prepared.fetch_one("SELECT pg_terminate_backend(pg_backend_pid())", {})
    # This is what Django does between requests.
    connection.close_if_unusable_or_obsolete()
    assert _pid() != before


def _after_its_server_went_away(*, has_answered: bool) -> bool:
    """Whether a statement still gets through, on a connection that is killed as if it had rested between requests."""
    connection.ensure_connection()
    if has_answered:
        prepared.fetch_one("SELECT 1", {})
    killed = connection.connection.info.backend_pid
    # As Django leaves it at the start of a request.
    connection.health_check_enabled = True  # type: ignore[attr-defined]  # the stubs do not know it
    connection.health_check_done = False  # type: ignore[attr-defined]  # the stubs do not know it
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [killed])
    try:
        return prepared.fetch_one("SELECT 1", {}) == (1,)
    except OperationalError:
        return False


@pytest.mark.django_db(transaction=True)
def test_asks_a_connection_that_has_rested_whether_it_is_there() -> None:
    assert race(lambda: _after_its_server_went_away(has_answered=False)) == [True]


@pytest.mark.django_db(transaction=True)
def test_believes_a_connection_that_has_just_answered() -> None:
    assert race(lambda: _after_its_server_went_away(has_answered=True)) == [False]


@pytest.mark.django_db(transaction=True)
def test_gives_each_thread_its_own_answer() -> None:
    def ask(number: int) -> Callable[[], list[tuple[Any, ...] | None]]:
        return lambda: [prepared.fetch_one("SELECT %(number)s::int", {"number": number}) for _time in range(50)]

    assert race(*[ask(number) for number in range(4)]) == [[(number,)] * 50 for number in range(4)]
