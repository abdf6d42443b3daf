"""Limits: counted exactly in each store, closed or open when they cannot be, and told of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
from django.db import connection, transaction

from core.client_address import network_of
from core.database_roles import as_owner
from core.errors import RateLimited, Unavailable
from core.limits import Limit, on_outage, on_reached, registry
from core.limits.process_store import MOST_BUCKETS, ProcessBuckets
from core.models import Throttle
from core.tests.buckets import forget
from core.tests.racing import race

CALLERS = 32


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    forget()
    yield
    forget()


def limit(tries: int = 10, **how: object) -> Limit:
    fields = {"seconds": 3600, "what": "tries", "whom": "caller", **how}
    return Limit("test.tries", tries, **fields)  # type: ignore[arg-type]  # as many as a test cares for


def passes(count: Callable[[], None]) -> bool:
    try:
        count()
    except RateLimited:
        return False
    return True


@pytest.fixture
def reached(registry_restored: None) -> list[tuple[str, str]]:
    """Which limits a listener hears of, and who has reached them."""
    told: list[tuple[str, str]] = []
    on_reached(lambda limit, subject: told.append((limit.name, subject)))
    return told


@contextmanager
def locked_table() -> Iterator[None]:
    """Another session holds the table of limits, and this one waits for no lock for long."""
    parameters = connection.get_connection_params()
    address = {name: parameters[name] for name in ("host", "port", "user", "password", "dbname") if name in parameters}
    with psycopg.connect(**address) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE core_throttle")
        cursor.execute("SET lock_timeout = '100ms'")
        try:
            yield
        finally:
            cursor.execute("RESET lock_timeout")


@pytest.mark.django_db(transaction=True)
class TestALockedTable:
    def test_closes_what_is_closed(self) -> None:
        with locked_table(), pytest.raises(Unavailable) as refusal:
            limit().count("somebody")
        assert refusal.value.retry_after == 2
        limit().count("somebody")

    def test_opens_what_is_open(self) -> None:
        with locked_table():
            limit(1, when_down="open").count("somebody")
            limit(1).watch("somebody")
        assert not Throttle.objects.exists(), "nobody could be counted"

    def test_is_told_of_once(self, registry_restored: None) -> None:
        told: list[str] = []
        on_outage(lambda store, _limit: told.append(store))
        with locked_table():
            for _try in range(3):
                limit(when_down="open").count("somebody")
        assert told == ["postgresql"]

    def test_that_cannot_be_told_of_is_no_worse(self, registry_restored: None) -> None:
        asked: list[str] = []

        @on_outage
        def ask_the_same_table(store: str, _limit: str) -> None:
            asked.append(store)
            Throttle.objects.exists()

        with locked_table():
            limit(when_down="open").count("somebody")
        assert asked == ["postgresql"]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_gone_closes_what_is_closed() -> None:
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    assert race(lambda: _end(pid)) == [True]
    with pytest.raises(Unavailable):
        limit().count("somebody")
    connection.close()
    limit().count("somebody")


def _end(pid: int) -> bool:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s::int, 5000)", [pid])
        return bool(cursor.fetchone()[0])


class TestInTheProcess:
    def test_lets_exactly_so_many_through_at_once(self) -> None:
        for tries in (1, 7, 31):
            assert _at_once(ProcessBuckets(), tries) == tries

    def test_lets_more_through_where_the_limit_is_higher(self) -> None:
        assert _at_once(ProcessBuckets(), CALLERS) == CALLERS

    def test_would_let_more_through_without_its_lock(self) -> None:
        """The control: looking first and writing later, as somebody might who trusts in the interpreter."""
        together = threading.Barrier(CALLERS)
        used: list[int] = []

        def careless() -> bool:
            is_free = len(used) < 7
            together.wait(30)
            if is_free:
                used.append(1)
            return is_free

        with ThreadPoolExecutor(CALLERS) as pool:
            assert sum(each.result() for each in [pool.submit(careless) for _try in range(CALLERS)]) > 7

    @pytest.mark.parametrize(("tries", "seconds"), [(1, 1), (3, 1), (7, 60), (1000, 7)])
    def test_lets_all_of_an_uneven_limit_through(self, tries: int, seconds: int) -> None:
        buckets = ProcessBuckets(clock=lambda: 12345.678)

        def hit() -> bool:
            return passes(lambda: buckets.hit(scope="x", subject="y", limit=tries, per_seconds=seconds))

        assert [hit() for _try in range(tries + 1)] == [True] * tries + [False]

    def test_grows_back_evenly_and_says_how_long_to_wait(self) -> None:
        now = [0.0]
        buckets = ProcessBuckets(clock=lambda: now[0])

        def hit() -> None:
            buckets.hit(scope="x", subject="y", limit=3, per_seconds=60)

        assert [passes(hit) for _try in range(4)] == [True, True, True, False]
        with pytest.raises(RateLimited) as refusal:
            hit()
        assert refusal.value.retry_after == 20
        now[0] = 20
        assert [passes(hit), passes(hit)] == [True, False]

    def test_forgets_those_that_weigh_on_nobody(self) -> None:
        now = [0.0]
        buckets = ProcessBuckets(clock=lambda: now[0])
        for number in range(MOST_BUCKETS):
            buckets.hit(scope="x", subject=str(number), limit=1, per_seconds=1)
        now[0] = 2
        buckets.hit(scope="x", subject="y", limit=1, per_seconds=1)
        assert list(buckets._empty_at["x"]) == ["y"]

    def test_does_not_let_a_crowd_elsewhere_have_anybody_forgotten(self) -> None:
        buckets = ProcessBuckets(clock=lambda: 0.0)
        buckets.hit(scope="keys", subject="bot", limit=1, per_seconds=60)
        for number in range(MOST_BUCKETS + 1):
            buckets.hit(scope="addresses", subject=str(number), limit=1, per_seconds=60)
        assert len(buckets._empty_at["addresses"]) == 1, "never more than there may be"
        assert not passes(lambda: buckets.hit(scope="keys", subject="bot", limit=1, per_seconds=60))


def _at_once(buckets: ProcessBuckets, tries: int) -> int:
    together = threading.Barrier(CALLERS)

    def hit() -> bool:
        together.wait(30)
        return passes(lambda: buckets.hit(scope="x", subject="y", limit=tries, per_seconds=3600))

    with ThreadPoolExecutor(CALLERS) as pool:
        return sum(each.result() for each in [pool.submit(hit) for _try in range(CALLERS)])


@pytest.mark.django_db
class TestReachingOne:
    def test_is_told_of_once_where_it_is_worth_it(self, reached: list[tuple[str, str]]) -> None:
        for worth in ("", "Somebody tries too often."):
            each = limit(1, alert=worth)
            for _try in range(3):
                passes(partial(each.count, "somebody"))
        assert reached == [("test.tries", "somebody")]

    def test_refuses_nobody_who_is_only_watched(self, reached: list[tuple[str, str]]) -> None:
        for _try in range(3):
            limit(1, alert="Somebody tries too often.").watch("somebody")
        assert reached == [("test.tries", "somebody")]

    def test_counts_only_outside_of_transactions(self) -> None:
        with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
            limit().count("somebody")


def test_a_name_is_registered_once_and_well_formed() -> None:
    taken = next(iter(registry.limits())).name
    for name in (taken, "Loud", "nodot"):
        with pytest.raises(RuntimeError, match="is taken, or is no name"):
            registry.register(name, 1, 1, what="x", whom="y")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("", ""),
    ],
)
def test_of_ipv6_a_whole_network_is_one(address: str, counted: str) -> None:
    assert network_of(address) == counted
