"""A web server of the tests' own, as production runs it, and a client that says what no HTTP library would."""

from __future__ import annotations

import http.client
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from core.tests import interpreters
from core.tests.processes import environment

# Longer than stalled requests may hold the server up.
_PATIENCE_SECONDS: Final = 60


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass(frozen=True)
class Answer:
    """One answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class WebServer:
    """
    Gunicorn with ``config/gunicorn.py``: two workers of four threads, on the tests' database.

    :param elsewhere: variables that point it at another database
    """

    home: Path
    port: int = field(default_factory=_free_port)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    _process: interpreters.Process | None = None

    def start(self) -> None:
        """Start it and wait until it answers, be it well or not."""
        (self.home / "static").mkdir()
        with self.log.open("wb") as log:
            self._process = interpreters.start(
                ["-m", "gunicorn", "--config=python:config.gunicorn"],
                environment=environment(self.home) | {"PORT": str(self.port)} | dict(self.elsewhere),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError):
                self.ask(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return
            time.sleep(0.1)
        raise AssertionError(f"the web server does not answer:\n{self.log.read_text()}")

    def stop(self) -> None:
        """End it and its workers."""
        if self._process is not None:
            for process in (psutil.Process(self._process.pid), *self.workers()):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait(timeout=10)
            self._process = None

    @property
    def log(self) -> Path:
        """What it says."""
        return self.home / "web.log"

    def workers(self) -> list[psutil.Process]:
        """Its workers that live now."""
        assert self._process is not None
        return psutil.Process(self._process.pid).children()

    def memory(self) -> int:
        """How much memory its workers hold, in bytes."""
        return sum(worker.memory_info().rss for worker in self.workers())

    def connect(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_SECONDS)

    def ask(self, *parts: bytes | Iterable[bytes], ends: bool = False) -> Answer:
        """
        Send bytes as they are, and read the answer.

        :param ends: say afterwards that nothing more will come
        """
        with self.connect() as client:
            # A server that has said no may close before everything is sent; its answer is there all the same.
            with suppress(BrokenPipeError, ConnectionResetError):
                for part in parts:
                    for piece in (part,) if isinstance(part, bytes) else part:
                        client.sendall(piece)
                if ends:
                    client.shutdown(socket.SHUT_WR)
            return read_answer(client)


def read_answer(client: socket.socket) -> Answer:
    """Read one answer."""
    response = http.client.HTTPResponse(client)
    response.begin()
    body = response.read()
    return Answer(response.status, dict(response.getheaders()), body)


def read_all(client: socket.socket) -> bytes:
    """Everything that the server says until it closes the connection."""
    said = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(65536):
            said += piece
    return said
