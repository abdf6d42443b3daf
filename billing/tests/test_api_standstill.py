"""
RELIABILITY C17: a table is locked, and thirty requests knock on a web server of eight threads. All are answered 503
with ``Retry-After`` within five seconds, and other routes are answered meanwhile.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Final

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from accounts.tests.factories import api_key_header
from billing.models import Transaction
from billing.tests.callers import ALL_SCOPES, PROBLEM
from billing.tests.factories import funded_wallet, new_key
from billing.tests.servers import Reply, Server, web_server

pytestmark = pytest.mark.django_db(transaction=True)

REQUESTS: Final = 30
WITHIN_SECONDS: Final = 5.0
# As production has it by default: two processes of four threads, and the usual limits.
THREADS: Final = 8
LOCK_SECONDS: Final = 1.0
OTHERS: Final = ("/api/v1/tariffs", "/health", "/api/v1/errors")


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    with django_db_blocker.unblock(), web_server(threads=4, WEB_WORKERS="2", API_TIME_LIMITS="5,1,10") as started:
        yield started


@dataclass(frozen=True)
class Timed:
    reply: Reply
    seconds: float


def timed(server: Server, method: str, path: str, body: object = None, *, headers: Mapping[str, str]) -> Timed:
    send = server.prepared(method, path, body, headers=headers)
    began = time.monotonic()
    return Timed(send(), time.monotonic() - began)


def test_is_answered_in_time_and_leaves_the_other_routes_alive(server: Server) -> None:
    wallet = funded_wallet(tokens=100)
    key = api_key_header(*ALL_SCOPES)
    body = {"user": str(wallet.user_id), "tokens": 1}
    before = Transaction.objects.count()
    # Connections are open and the key is known: what is measured is the standstill.
    for _each in range(16):
        assert server.send("GET", "/api/v1/tariffs", headers=key).status == 200
    together = threading.Barrier(REQUESTS + 1)

    def charge() -> Timed:
        together.wait(timeout=30)
        return timed(server, "POST", "/api/v1/charges", body, headers={**key, "Idempotency-Key": new_key()})

    others: list[Timed] = []
    with ThreadPoolExecutor(REQUESTS) as pool, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE billing_wallet IN ACCESS EXCLUSIVE MODE")
        charges = [pool.submit(charge) for _each in range(REQUESTS)]
        together.wait(timeout=30)
        # They have begun to wait for the lock before anybody else asks.
        until_they_wait(THREADS // 2)
        # From then on until the last charge is answered, others come one after another.
        while not all(each.done() for each in charges):
            others += [timed(server, "GET", path, headers=key) for path in OTHERS]
        answers = [each.result(timeout=60) for each in charges]

    assert [each.reply.status for each in answers] == [503] * REQUESTS
    for each in answers:
        assert each.reply.headers["Content-Type"] == PROBLEM
        assert each.reply.headers["Retry-After"] == "1"
        assert each.reply.json()["code"] == "common.unavailable"
    assert max(each.seconds for each in answers) < WITHIN_SECONDS
    assert {each.reply.status for each in others} == {200}
    # The first ones stand behind charges that use up their time for a lock; whoever comes later finds a thread.
    # In a line behind all thirty, at eight a second, they would wait for four.
    assert max(each.seconds for each in others) < 3 * LOCK_SECONDS
    assert median(each.seconds for each in others) < LOCK_SECONDS + 0.5
    assert Transaction.objects.count() == before

    again = timed(server, "POST", "/api/v1/charges", body, headers={**key, "Idempotency-Key": new_key()})
    assert again.reply.status == 201, "it is over as soon as the lock is gone"


def test_would_stand_still_as_a_whole_without_limits(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The control: four requests that wait for ever take all four threads, and nobody else is answered."""
    wallet = funded_wallet(tokens=100)
    key = api_key_header(*ALL_SCOPES)
    body = {"user": str(wallet.user_id), "tokens": 1}
    with django_db_blocker.unblock(), web_server(threads=4, API_TIME_LIMITS="0,0,0") as unlimited:
        charges = [
            unlimited.prepared("POST", "/api/v1/charges", body, headers={**key, "Idempotency-Key": new_key()})
            for _each in range(4)
        ]
        with ThreadPoolExecutor(4) as pool:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE billing_wallet IN ACCESS EXCLUSIVE MODE")
                replies = [pool.submit(each) for each in charges]
                until_they_wait(4)
                line = http.client.HTTPConnection("127.0.0.1", unlimited.port, timeout=2)
                line.request("GET", "/api/v1/errors")
                with pytest.raises(TimeoutError):
                    line.getresponse()
                line.close()
            assert [reply.result(60).status for reply in replies] == [201] * 4


def until_they_wait(wanted: int) -> None:
    deadline = time.monotonic() + 30
    waiting = 0
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE NOT granted AND datname = current_database()"
            )
            (waiting,) = cursor.fetchone()
            if waiting >= wanted:
                return
    raise AssertionError(f"{waiting} of {wanted} wait")
