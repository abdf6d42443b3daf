"""The container's health check, against a server that answers what it is told to."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from config import health_check


class Web(ThreadingHTTPServer):
    """Answers every request with ``status`` and remembers by which name it was asked."""

    status = 200
    asked_as: str | None = None


class Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.asked_as = self.headers["Host"]
        self.send_response(self.server.status if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with Web(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("BIND", f"0.0.0.0:{server.server_port}")
        monkeypatch.setenv("ALLOWED_HOSTS", ".office.example,other.example")
        yield server
        server.shutdown()


def test_is_well_when_the_server_is(web: Web) -> None:
    assert health_check.main() == 0
    assert web.asked_as == "office.example", "a name that ALLOWED_HOSTS lets in"


def test_is_ill_when_the_server_is(web: Web) -> None:
    web.status = 503
    assert health_check.main() == 1


def test_is_ill_when_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIND", "0.0.0.0:1")
    assert health_check.main() == 1
