"""Hostile requests over real connections to the real web server: each is answered, and the next client is served."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from accounts.api.authentication import BELIEVED_SECONDS
from accounts.operations import api_keys
from accounts.rules import keys
from accounts.scopes import SCOPES
from accounts.tests.factories import api_key_header
from core.actors import SYSTEM
from core.api.worker import STALL_SECONDS
from core.database_roles import as_owner
from tests.fuzz.wire import Answer, WebServer, read_all, read_answer

pytestmark = pytest.mark.setup

MEGABYTE: Final = 2**20
# Two workers of four threads.
THREADS: Final = 8

BODIES: Final = {
    "100 000 levels": b"[" * 100_000 + b"]" * 100_000,
    "100 000 levels, never closed": b'{"a":' * 100_000,
    "NUL": b'{"description": "a\x00b"}',
    "escaped NUL": b'{"description": "a\\u0000b"}',
    "half a surrogate pair": b'{"description": "\\ud800"}',
    "key twice": b'{"tokens": 1, "tokens": 1000}',
    "not UTF-8": b'{"description": "\xff"}',
    "a number of 400 digits": b'{"tokens": 1' + b"0" * 400 + b"}",
    "NaN": b'{"tokens": NaN}',
    "Infinity": b'{"tokens": Infinity}',
    "-Infinity": b'{"tokens": -Infinity}',
    "null": b"null",
    "a list": b"[]",
    "nothing": b"",
}

FRAMINGS: Final[Mapping[str, tuple[str, bytes]]] = {
    "two lengths": ("Content-Length: 2\r\nContent-Length: 3\r\n", b"{} "),
    "a length below zero": ("Content-Length: -1\r\n", b"{}"),
    "a length with a sign": ("Content-Length: +2\r\n", b"{}"),
    "a length that is no number": ("Content-Length: two\r\n", b"{}"),
    "chunks and a length": ("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "chunked twice": ("Transfer-Encoding: chunked, chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "chunked in two headers": ("Transfer-Encoding: chunked\r\n" * 2, b"2\r\n{}\r\n0\r\n\r\n"),
    "chunked before another": ("Transfer-Encoding: chunked, gzip\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "a coding that is none": ("Transfer-Encoding: xchunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size that is none": ("Transfer-Encoding: chunked\r\n", b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size below zero": ("Transfer-Encoding: chunked\r\n", b"-2\r\n{}\r\n0\r\n\r\n"),
    "a chunk longer than it said": ("Transfer-Encoding: chunked\r\n", b"2\r\n{} {}\r\n0\r\n\r\n"),
    "another expectation": ("Expect: tea\r\nContent-Length: 2\r\n", b"{}"),
    "a folded header": ("Content-Length:\r\n 2\r\n", b"{}"),
    "a space before the colon": ("Content-Length : 2\r\n", b"{}"),
}

REQUESTS: Final = {
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
    "another HTTP": (b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
    "a method that is none": (b"G\x01T /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a method that nobody knows": (b"BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    "a host that is not ours": (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
    "8-bit letters in the path": (b"GET /api/v1/tariffs/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "NUL in the query": (b"GET /health?a=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "half a surrogate pair in the query": (b"GET /health?a=%ED%A0%80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "an endless query": (b"GET /health?a=" + b"a" * 5_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "a deep query": (b"GET /health?" + b"a[" * 1_500 + b"=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "2 000 parameters": (b"GET /health?" + b"a&" * 2_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a header of 9 000 bytes": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9_000 + b"\r\n\r\n", 431),
    "500 headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: 1\r\n" * 500 + b"\r\n", 431),
}


CODES: Final = {
    400: {"common.bad_request", "common.validation_error"},
    405: {"common.method_not_allowed"},
    414: {"common.uri_too_long"},
    431: {"common.headers_too_large"},
}


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebServer]:
    """One server for all: it must outlive each of them."""
    made = WebServer(tmp_path_factory.mktemp("web"))
    try:
        with django_db_blocker.unblock():
            made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def key(server: WebServer, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The header line of a caller who may do everything."""
    with django_db_blocker.unblock():
        header = api_key_header(*SCOPES)["Authorization"]
        yield f"Authorization: {header}\r\n"
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE accounts_apikey, accounts_user, audit_auditlog CASCADE")
        connection.close()


@pytest.fixture
def alive(server: WebServer) -> Iterator[None]:
    """Whatever a test did, the same processes serve the next client."""
    before = {worker.pid for worker in server.workers()}
    yield
    assert server.ask(_get("/health")).status == 200
    assert {worker.pid for worker in server.workers()} == before


@pytest.mark.usefixtures("alive")
class TestBodies:
    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
    @pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "in chunks"])
    def test_that_cannot_be_kept_are_refused(self, server: WebServer, key: str, body: bytes, is_chunked: bool) -> None:
        if is_chunked:
            framed = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            answer = server.ask(_post(key, "Transfer-Encoding: chunked\r\n"), framed + b"0\r\n\r\n")
        else:
            answer = server.ask(_post(key, f"Content-Length: {len(body)}\r\n"), body)
        assert_problem(answer, 400)

    def test_of_sixty_megabytes_are_refused_and_not_kept(self, server: WebServer, key: str) -> None:
        server.ask(_get("/health"))
        before = server.memory()
        part = b"x" * MEGABYTE
        answer = server.ask(_post(key, f"Content-Length: {60 * MEGABYTE}\r\n"), (part for _ in range(60)))
        assert_problem(answer, 413)
        chunk = b"%x\r\n%b\r\n" % (len(part), part)
        answer = server.ask(_post(key, "Transfer-Encoding: chunked\r\n"), (chunk for _ in range(60)), b"0\r\n\r\n")
        assert_problem(answer, 413)
        assert server.memory() < before + 20 * MEGABYTE

    def test_of_any_length_are_refused_by_their_length_alone(self, server: WebServer, key: str) -> None:
        assert_problem(server.ask(_post(key, f"Content-Length: {'9' * 30}\r\n"), ends=True), 413)

    @pytest.mark.parametrize(
        ("framing", "sent"),
        [("Content-Length: 1000\r\n", b'{"tokens": '), ("Transfer-Encoding: chunked\r\n", b"5\r\n{}")],
        ids=["with a length", "in chunks"],
    )
    def test_that_end_too_early_are_refused(self, server: WebServer, key: str, framing: str, sent: bytes) -> None:
        assert_problem(server.ask(_post(key, framing), sent, ends=True), 400)

    def test_that_are_compressed_are_refused(self, server: WebServer, key: str) -> None:
        answer = server.ask(_post(key, "Content-Encoding: gzip\r\nContent-Length: 2\r\n"), b"{}")
        assert_problem(answer, 415)

    def test_that_are_right_are_taken_either_way(self, server: WebServer, key: str) -> None:
        # The control: it is what the others say that is refused, and not how this client speaks.
        body = b'{"first_name": "Anna"}'
        put = f"PUT /api/v1/users/by-telegram/700000001 HTTP/1.1\r\nHost: localhost\r\n{key}"
        head = f"{put}Content-Type: application/json\r\n"
        answer = server.ask(f"{head}Content-Length: {len(body)}\r\n\r\n".encode(), body)
        assert answer.status == 201
        chunks = b"".join(b"1\r\n%c\r\n" % letter for letter in body)
        answer = server.ask(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), chunks + b"0\r\n\r\n")
        assert answer.status == 200
        assert json.loads(answer.body)["first_name"] == "Anna"


@pytest.mark.usefixtures("alive")
class TestFraming:
    @pytest.mark.parametrize(("framing", "body"), FRAMINGS.values(), ids=FRAMINGS.keys())
    def test_that_two_servers_could_read_in_two_ways_ends_the_connection(
        self, server: WebServer, key: str, framing: str, body: bytes
    ) -> None:
        with server.connect() as client:
            client.sendall(_post(key, framing) + body + _get("/smuggled"))
            said = read_all(client)
        head, _, written = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"application/problem+json" in head
        assert said.count(b"HTTP/1.1 ") == 1, "what came behind the body was taken for another request"
        assert json.loads(written)["code"] == "common.bad_request"

    def test_that_is_plain_keeps_the_connection_for_the_next_request(self, server: WebServer, key: str) -> None:
        # The control: a connection does serve a second request where the first was framed well.
        with server.connect() as client:
            client.sendall(_post(key, "Content-Length: 2\r\n") + b"{}")
            assert read_answer(client).status == 400
            client.sendall(_get("/health"))
            assert read_answer(client).status == 200


@pytest.mark.usefixtures("alive")
class TestRequests:
    @pytest.mark.parametrize(("request_", "status"), REQUESTS.values(), ids=REQUESTS.keys())
    def test_that_make_no_sense_are_answered_all_the_same(
        self, server: WebServer, request_: bytes, status: int
    ) -> None:
        answer = server.ask(request_)
        assert_problem(answer, status)
        assert json.loads(answer.body)["code"] in CODES[status]

    @pytest.mark.parametrize("length", [256, 8_000])
    def test_with_too_long_a_key_are_refused(self, server: WebServer, key: str, length: int) -> None:
        body = b'{"telegram_id": 1, "tokens": 1}'
        given = f"Idempotency-Key: {'k' * length}\r\nContent-Length: {len(body)}\r\n"
        answer = server.ask(_post(key, given), body)
        assert_problem(answer, 400)
        assert json.loads(answer.body)["code"] == "common.idempotency_key_invalid"

    def test_that_stop_in_the_middle_hold_a_thread_for_a_bounded_time(self, server: WebServer, key: str) -> None:
        with ExitStack() as opened:
            clients = [opened.enter_context(server.connect()) for _ in range(THREADS)]
            for number, client in enumerate(clients):
                # Half of them stop within their headers, half within their bodies.
                client.sendall(_post(key, "Content-Length: 10\r\n")[: None if number % 2 else 40] + b"{" * (number % 2))
            begun = time.monotonic()
            assert server.ask(_get("/health")).status == 200
            # One worker may have taken all of them, and serves them in two rounds.
            assert time.monotonic() - begun < 2 * STALL_SECONDS + 5
            for client in clients[1::2]:
                assert_problem(read_answer(client), 400)


class TestKeys:
    def test_that_are_revoked_are_refused_by_every_worker_within_a_second(
        self, server: WebServer, key: str, django_db_blocker: DjangoDbBlocker
    ) -> None:
        def ask() -> int:
            return server.ask(_get("/api/v1/users?limit=1", f"Authorization: Api-Key {shown}\r\n")).status

        with django_db_blocker.unblock():
            row, shown = api_keys.create(name="Leaky", scopes=["users:read"], by=SYSTEM)
            assert {ask() for _ in range(20)} == {200}
            api_keys.revoke(key_id=row.pk, by=SYSTEM, reason="leaked")
        end = time.monotonic() + BELIEVED_SECONDS
        refused = 0
        while refused < 20:
            asked_at = time.monotonic()
            status = ask()
            assert status == 401 or (status == 200 and asked_at < end), "still let in"
            refused += status == 401


@pytest.fixture(params=["refuses", "is silent"])
def lost(request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[WebServer]:
    """A web server whose database refuses connections, or takes them and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if request.param == "refuses":
            listener.close()
        made = WebServer(tmp_path, elsewhere={"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(port)})
        try:
            with django_db_blocker.unblock():
                made.start()
            yield made
        finally:
            made.stop()


class TestWithoutADatabase:
    def test_says_so_soon_and_goes_on_with_what_needs_none(self, lost: WebServer) -> None:
        begun = time.monotonic()
        answer = lost.ask(_get("/health"))
        # Two seconds are the database's; the rest is a slow machine's.
        assert time.monotonic() - begun < 2 + 3
        assert_problem(answer, 503)
        parts = json.loads(answer.body)["parts"]
        assert (parts["database"], parts["jobs"]) == ("down", "unknown")
        assert int(answer.headers["Retry-After"]) > 0
        assert lost.ask(_get("/")).status == 200
        assert lost.ask(_get("/api/v1/errors")).status == 200
        shown = f"Authorization: Api-Key {keys.new()}\r\n"
        answer = lost.ask(_get("/api/v1/users", shown))
        assert_problem(answer, 503)
        assert json.loads(answer.body)["code"] == "common.unavailable"


def _get(path: str, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def _post(key: str, headers: str) -> bytes:
    idempotent = "" if "Idempotency-Key" in headers else "Idempotency-Key: wire\r\n"
    line = "POST /api/v1/charges HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{line}{key}{idempotent}{headers}\r\n".encode()


def assert_problem(answer: Answer, status: int) -> None:
    """The answer is a problem document of this status, with the id of its request."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = json.loads(answer.body)
    assert told["status"] == status
    assert told["title"]
    assert told["request_id"] == answer.headers["X-Request-ID"]
