"""What only proxies may say is not believed from clients, by gunicorn as little as by the application; production."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest
from pytest_django import DjangoDbBlocker

from core.api.worker import STALL_SECONDS
from core.tests.processes import ROOT, environment
from tests.fuzz.wire import Answer, WebServer

pytestmark = pytest.mark.setup

TOKEN: Final = "a-token-of-prometheus-of-32-chars"
PRODUCTION: Final = {
    "ENV": "production",
    "SECRET_KEY": "0123456789" * 5,
    "ALLOWED_HOSTS": "office.example",
    "BOT_TOKEN": "",
    "DEBUG": "false",
    "BEHIND_TLS_PROXY": "true",
    "METRICS_TOKEN": TOKEN,
    "LOG_LEVEL": "INFO",
}


def started(home: Path, blocker: DjangoDbBlocker, **variables: str) -> Iterator[WebServer]:
    made = WebServer(home, elsewhere=PRODUCTION | variables)
    try:
        with blocker.unblock():
            made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def far(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebServer]:
    """Its proxies live elsewhere: this client is none of them."""
    yield from started(tmp_path_factory.mktemp("far"), django_db_blocker, TRUSTED_PROXIES="10.0.0.0/8")


@pytest.fixture(scope="module")
def near(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebServer]:
    """This client is its proxy."""
    yield from started(tmp_path_factory.mktemp("near"), django_db_blocker, TRUSTED_PROXIES="127.0.0.0/8")


def ask(server: WebServer, path: str = "/", host: str = "office.example", **headers: str) -> Answer:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return server.ask(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.0.0.1"},
        {"X-Forwarded-Protocol": "ssl", "X-Forwarded-Ssl": "on"},
        {"X_Forwarded_Proto": "https"},
        {"Forwarded": "for=10.0.0.1;proto=https;host=office.example"},
    ],
    ids=str,
)
def test_a_client_does_not_say_over_what_it_came(far: WebServer, headers: dict[str, str]) -> None:
    answer = ask(far, **headers)
    assert answer.status == 301
    assert answer.headers["Location"] == "https://office.example/"
    assert "Strict-Transport-Security" not in answer.headers
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_proxy_does(near: WebServer) -> None:
    answer = ask(near, **{"X-Forwarded-Proto": "https"})
    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert ask(near).status == 301


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "81", "X-Forwarded-Server": "evil.example"},
        {"Forwarded": "host=evil.example"},
        {"SCRIPT_NAME": "/evil", "PATH_INFO": "/evil"},
        {"Script-Name": "/evil", "Path-Info": "/evil", "X-Original-URL": "/evil", "X-Rewrite-URL": "/evil"},
        {"X-HTTP-Method-Override": "DELETE", "X-Forwarded-Prefix": "/evil"},
    ],
    ids=str,
)
def test_nobody_says_which_host_or_path_was_meant(far: WebServer, near: WebServer, headers: dict[str, str]) -> None:
    assert ask(far, "/health", **headers).status == 200
    answer = ask(near, "/admin/", **headers, **{"X-Forwarded-Proto": "https"})
    assert (answer.status, answer.headers["Location"]) == (302, "/admin/login/?next=/admin/")


@pytest.mark.parametrize("host", ["evil.example", "office.example.evil", "", "office.example@evil.example", "[::1"])
def test_a_host_that_is_not_ours_is_refused_as_a_problem(near: WebServer, host: str) -> None:
    answer = ask(near, "/", host, **{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "office.example"})
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.body)["code"] == "common.bad_request"


def test_what_is_no_http_is_answered_with_the_same_headers(far: WebServer) -> None:
    answer = far.ask(b"G\x01T / HTTP/1.1\r\nHost: office.example\r\n\r\n")
    assert answer.status == 400
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def scraped(server: WebServer) -> dict[str, float]:
    answer = ask(server, "/metrics", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200
    lines = (line for line in answer.body.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


HEALTHY: Final = 'dvorik_http_requests_total{method="GET",route="/health",status="200"}'


def test_any_process_tells_what_all_have_counted_also_those_that_died(far: WebServer) -> None:
    before = scraped(far).get(HEALTHY, 0)
    for _each in range(30):
        ask(far, "/health")
    assert {scraped(far)[HEALTHY] for _each in range(10)} == {before + 30}
    gone = far.workers()[0]
    gone.kill()
    psutil.wait_procs([gone], timeout=30)
    for _each in range(10):
        ask(far, "/health")
    assert {scraped(far)[HEALTHY] for _each in range(5)} == {before + 40}
    assert ask(far, "/metrics").status == 401


def test_a_pipe_that_nobody_reads_holds_up_no_request(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> None:
    read, write = os.pipe()
    # A narrow one is full sooner, where the system makes it so.
    room = fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096) if sys.platform == "linux" else 65_536
    server = WebServer(tmp_path, elsewhere=PRODUCTION)
    (tmp_path / "static").mkdir()
    with django_db_blocker.unblock():
        known = environment(tmp_path) | {"PORT": str(server.port), "BEHIND_TLS_PROXY": "false", "SSL_REDIRECT": "false"}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config=python:config.gunicorn"],
        cwd=ROOT,
        env=known | {name: value for name, value in PRODUCTION.items() if name != "BEHIND_TLS_PROXY"},
        stdout=write,
        stderr=write,
        start_new_session=True,
    )
    os.close(write)
    try:
        # It listens once it has said so; from here on nobody reads.
        assert b"Listening" in os.read(read, 65_536) + os.read(read, 65_536)
        # Ten times what the pipe takes, from both workers: each line names the path.
        path = "/" + "x" * 200
        for _each in range(10 * room // len(path)):
            assert ask(server, path).status in {301, 404}
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
        process.wait(timeout=STALL_SECONDS)
        os.close(read)
