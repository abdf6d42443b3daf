"""The web server as it runs for everybody, over the test's database, and clients that knock at one moment."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection, models, transaction

from billing.tests.races import turn
from core.tests import application, interpreters

ROOT: Final = interpreters.ROOT
_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A gunicorn that listens on a port of its own."""

    port: int

    def send(self, method: str, path: str, body: object = None, *, headers: Mapping[str, str]) -> Reply:
        return self.prepared(method, path, body, headers=headers)()

    def prepared(
        self, method: str, path: str, body: object = None, *, headers: Mapping[str, str]
    ) -> Callable[[], Reply]:
        """A request whose connection is open already: what is left is to send it."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        line.connect()
        sent = None if body is None else json.dumps(body)

        def send() -> Reply:
            try:
                line.request(method, path, sent, {"Content-Type": "application/json", **headers})
                answer = line.getresponse()
                return Reply(answer.status, answer.read(), dict(answer.getheaders()))
            finally:
                line.close()

        return send


def at_once(requests: Sequence[Callable[[], Reply]], *, at: models.Model) -> list[Reply]:
    """
    Send all requests, and hold a row's lock until every one of them waits for it inside PostgreSQL: none of them has
    seen what another did. Fails where one does not come to wait.

    :param at: the row that all of them lock or change
    """
    barrier = threading.Barrier(len(requests))

    def send(request: Callable[[], Reply]) -> Reply:
        barrier.wait(timeout=_SECONDS)
        return request()

    with ThreadPoolExecutor(len(requests)) as pool:
        with transaction.atomic():
            type(at)._base_manager.select_for_update().get(pk=at.pk)
            replies = [pool.submit(send, request) for request in requests]
            _until_all_wait(replies)
        return [reply.result(_SECONDS) for reply in replies]


def _until_all_wait(replies: Sequence[Future[Reply]]) -> None:
    deadline = time.monotonic() + _SECONDS
    waiting = 0
    with connection.cursor() as cursor:
        while time.monotonic() < deadline and not any(reply.done() for reply in replies):
            # Within a transaction the activity is shown as it was first seen.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE NOT granted AND datname = current_database()"
            )
            (waiting,) = cursor.fetchone()
            if waiting == len(replies):
                return
    early = [reply.result() for reply in replies if reply.done()]
    raise AssertionError(f"{waiting} of {len(replies)} wait; answered early: {early}")


def environment() -> dict[str, str]:
    """Of a process that works on the test's database."""
    foreign = {"DJANGO_SETTINGS_MODULE", "PORT", "BIND"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return application.environment(kept) | {
        "ENV": "test",
        # Tests keep requests waiting until all of them wait.
        "API_TIME_LIMITS": "60,60,60",
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def web_server(*, threads: int = 50, **variables: str) -> Iterator[Server]:
    """
    Gunicorn as ``make run`` starts it, but for the number of threads: each request gets one, and with it a connection
    of its own to the database. The connections stay open, so that test processes take turns with such servers.
    """
    # With two workers, one could get more requests than it has threads.
    own = {"LOG_LEVEL": "WARNING", "WEB_WORKERS": "1", "WEB_THREADS": str(threads), **variables}
    # The socket is handed over open, so that nobody can take its port in between.
    with turn(threads), socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        process = interpreters.start(
            ["-m", "gunicorn", "--config=python:config.gunicorn"],
            environment={**environment(), **own, "BIND": f"fd://{listening.fileno()}"},
            pass_fds=[listening.fileno()],
        )
        try:
            server = Server(listening.getsockname()[1])
            _until_it_answers(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=_SECONDS)


def _until_it_answers(server: Server, process: interpreters.Process) -> None:
    # The socket listens already: the first request waits until a worker takes it.
    assert server.send("GET", "/health", headers={}).status == 200
    assert process.poll() is None
