"""A Sentry that listens on the loopback address."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

KEY: Final = "0123456789abcdef0123456789abcdef"


@dataclass
class Ingest:
    """
    :param envelopes: what has arrived, as it was sent
    """

    port: int
    envelopes: list[str] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    @property
    def dsn(self) -> str:
        return f"http://{KEY}@127.0.0.1:{self.port}/7"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events among them."""
        found = []
        for envelope in self.envelopes:
            _head, *rest = envelope.splitlines()
            for head, item in zip(rest[::2], rest[1::2], strict=True):
                assert json.loads(head)["type"] == "event"
                found.append(json.loads(item))
        return found

    def take(self, envelope: str) -> None:
        with self._arrived:
            self.envelopes.append(envelope)
            self._arrived.notify_all()

    def wait_for(self, many: int) -> list[dict[str, Any]]:
        """The events, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.events) >= many, 30), self.envelopes
        return self.events


@contextmanager
def ingest() -> Iterator[Ingest]:
    """A Sentry for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            is_ours = self.path == "/api/7/envelope/" and KEY in self.headers.get("X-Sentry-Auth", "")
            if is_ours:
                sentry.take(body.decode())
            self.send_response(200 if is_ours else 403)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_what: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    sentry = Ingest(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield sentry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
