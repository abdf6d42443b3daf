"""Each door's connections keep its time limits, from one request to the next."""

from __future__ import annotations

from collections.abc import Iterator
from select import select

import pytest
from django.db import InternalError, OperationalError, connection, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from core import time_limits
from core.actors import Door, under
from core.api.exceptions import as_domain_error
from core.database_roles import as_owner
from core.errors import Unavailable
from core.tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

LIMITS = {"api": (5, 1, 10), "admin": (30, 2, 30), "job": (60, 5, 60)}


@pytest.fixture(autouse=True)
def fresh_connection() -> Iterator[None]:
    connection.close()
    with override_settings(TIME_LIMITS=LIMITS):
        yield
    connection.close()


@pytest.fixture
def server_ends_long_ones() -> None:
    with connection.cursor():
        if connection.connection.info.server_version < 170_000:
            pytest.skip("PostgreSQL 17 was the first to end transactions for their length")


def kept() -> tuple[str, ...]:
    """What the connection says itself."""
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
        found: tuple[str, ...] = cursor.fetchone()
    return found


NONE = ("0", "0", "0")
OF_API = ("5s", "1s", "10s")


@pytest.mark.parametrize(
    ("door", "wanted"),
    [
        ("api", OF_API),
        ("admin", ("30s", "2s", "30s")),
        ("job", ("1min", "5s", "1min")),
        ("command", NONE),
        ("shell", NONE),
        ("", NONE),
    ],
)
def test_a_new_connection_keeps_those_of_its_door(door: Door, wanted: tuple[str, ...]) -> None:
    with under(door=door):
        assert kept() == wanted


def test_an_open_connection_follows_its_door() -> None:
    assert kept() == NONE
    doors: list[tuple[Door, tuple[str, ...]]] = [("api", OF_API), ("admin", ("30s", "2s", "30s")), ("api", OF_API)]
    for door, wanted in doors:
        with under(door=door):
            time_limits.keep()
            assert kept() == wanted


def test_the_same_door_again_costs_nothing() -> None:
    with under(door="api"):
        kept()
        with CaptureQueriesContext(connection) as captured:
            time_limits.keep()
        assert captured.captured_queries == []
    with under(door="admin"), CaptureQueriesContext(connection) as captured:
        time_limits.keep()
    assert len(captured.captured_queries) == 1


def test_what_a_rolled_back_transaction_would_take_back_is_not_set_in_it() -> None:
    with under(door="api"):
        kept()
    with under(door="admin"), transaction.atomic():
        time_limits.keep()
        assert kept() == OF_API
        transaction.set_rollback(True)
    with under(door="admin"):
        time_limits.keep()
        assert kept() == ("30s", "2s", "30s")


def test_a_transaction_has_a_limit_where_the_server_knows_of_it() -> None:
    limits = time_limits.TimeLimits(5, 1, 10, 30)
    of_all = {
        "statement_timeout": "5000ms",
        "lock_timeout": "1000ms",
        "idle_in_transaction_session_timeout": "10000ms",
    }
    assert limits.as_configuration(150_014) == limits.as_configuration(160_009) == of_all
    assert limits.as_configuration(170_000) == of_all | {"transaction_timeout": "30000ms"}


@pytest.mark.usefixtures("server_ends_long_ones")
def test_a_connection_follows_the_limit_of_transactions_as_well() -> None:
    doors: list[tuple[Door, str]] = [("api", "30s"), ("admin", "0"), ("api", "30s"), ("shell", "0")]
    with override_settings(TIME_LIMITS={"api": (5, 1, 10, 30), "admin": (30, 2, 30)}):
        for door, wanted in doors:
            with under(door=door), connection.cursor() as cursor:
                time_limits.keep()
                cursor.execute("SHOW transaction_timeout")
                assert cursor.fetchone()[0] == wanted, door


def test_requests_keep_those_of_their_door(client: Client) -> None:
    kept()
    client.get("/api/v1/tariffs", headers={"Authorization": "Api-Key nothing"})
    assert kept() == OF_API
    client.get("/admin/login/")
    assert kept() == ("30s", "2s", "30s")


def test_a_lost_connection_is_replaced(client: Client) -> None:
    kept()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    assert race(lambda: _end(pid)) == [True]
    # As at the beginning of a request: Django looks at the connection before it uses it again.
    connection.close_if_unusable_or_obsolete()
    with under(door="api"):
        time_limits.keep()
        assert kept() == OF_API


def _end(pid: int) -> bool:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s::int, 5000)", [pid])
        return bool(cursor.fetchone()[0])


def test_a_statement_that_takes_too_long_is_cancelled() -> None:
    with (
        override_settings(TIME_LIMITS={"api": (0.05, 1, 10)}),
        under(door="api"),
        pytest.raises(OperationalError, match="statement timeout"),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_sleep(30)")
    connection.close()
    with override_settings(TIME_LIMITS={}), under(door="api"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.06)")


def test_a_transaction_that_idles_is_ended() -> None:
    with override_settings(TIME_LIMITS={"api": (5, 1, 0.05)}), under(door="api"):
        transaction.set_autocommit(False)
        kept()
        # The server says goodbye by itself: nothing is asked until then.
        assert select([connection.connection.pgconn.socket], [], [], 10)[0]
        with pytest.raises(InternalError, match="idle-in-transaction timeout") as ended:
            kept()
        refusal = as_domain_error(ended.value)
        assert isinstance(refusal, Unavailable)


@pytest.mark.parametrize("door", ["api", "admin", "job"])
def test_one_that_idles_keeps_no_old_rows_alive(door: Door) -> None:
    """RELIABILITY C18: while a transaction looks at the past, nothing that it could see is cleaned away."""
    with override_settings(TIME_LIMITS={door: (5, 1, 0.2)}), under(door=door):
        transaction.set_autocommit(False)
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        assert race(lambda: _horizon_of(pid)) == [1], "it holds the horizon back"
        assert select([connection.connection.pgconn.socket], [], [], 10)[0]
        with pytest.raises(InternalError, match="idle-in-transaction timeout"):
            kept()
        assert race(lambda: _horizon_of(pid)) == [0]


def test_one_that_idles_without_limits_stays() -> None:
    """The control: nobody ends what a person in a shell has begun."""
    with override_settings(TIME_LIMITS={"api": (5, 1, 0.05)}), under(door="shell"):
        transaction.set_autocommit(False)
        kept()
        assert not select([connection.connection.pgconn.socket], [], [], 0.5)[0]
        assert kept() == NONE
        transaction.rollback()
        transaction.set_autocommit(True)


def _horizon_of(pid: int) -> int:
    """How many transactions of a process keep what is old from being cleaned away."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s::int AND backend_xmin IS NOT NULL", [pid])
        return int(cursor.fetchone()[0])
