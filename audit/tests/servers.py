"""Real servers on the loopback address, for what leaves the house, that misbehave as they are told."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

# How a server may misbehave at one request.
Fault = str
MESSAGE_TAKEN: Final = {"ok": True, "result": {"message_id": 1}}


@dataclass
class BotApi:
    """
    A Bot API that answers as Telegram does, or with the faults that are in store, one per request.

    :param faults: ``html``, ``array``, ``cut`` (no answer), ``hang``, ``huge``, ``drip``, ``redirect``, or a status
    """

    base: str
    faults: list[Fault] = field(default_factory=list)
    # Path and body of every request.
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    # Whether there has been one.
    heard: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def texts(self) -> list[str]:
        return [body["text"] for _path, body in self.asked]


@contextmanager
def bot_api() -> Iterator[BotApi]:
    """A Bot API for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            api.asked.append((self.path, body))
            api.heard.set()
            fault = api.faults.pop(0) if api.faults else ""
            answer = _MISBEHAVIOURS.get(fault)
            if answer:
                answer(self, api)
            elif fault:
                _answer(self, int(fault), {"ok": False, "error_code": int(fault), "description": "Refused"})
            else:
                _answer(self, 200, MESSAGE_TAKEN)

        def log_message(self, *_what: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    api = BotApi(f"http://127.0.0.1:{server.server_address[1]}")
    with _served(server):
        try:
            yield api
        finally:
            api.over.set()


def _answer(handler: BaseHTTPRequestHandler, status: int, body: object, content: bytes | None = None) -> None:
    told = json.dumps(body).encode() if content is None else content
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(told)))
    handler.end_headers()
    handler.wfile.write(told)


def _too_many(handler: BaseHTTPRequestHandler, _api: BotApi) -> None:
    _answer(handler, 429, {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 35}})


def _cut(handler: BaseHTTPRequestHandler, _api: BotApi) -> None:
    handler.connection.close()
    handler.close_connection = True


def _hang(_handler: BaseHTTPRequestHandler, api: BotApi) -> None:
    api.over.wait(30)


def _huge(handler: BaseHTTPRequestHandler, _api: BotApi) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _part in range(10_000):
            handler.wfile.write(b" " * 10_000)
    except OSError:
        pass
    handler.close_connection = True


def _drip(handler: BaseHTTPRequestHandler, api: BotApi) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while not api.over.wait(0.05):
            handler.wfile.write(b" " * 4096)
            handler.wfile.flush()
    except OSError:
        pass
    handler.close_connection = True


def _redirect(handler: BaseHTTPRequestHandler, api: BotApi) -> None:
    handler.send_response(302)
    handler.send_header("Location", f"{api.base}/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


_MISBEHAVIOURS: Final[dict[Fault, Callable[[BaseHTTPRequestHandler, BotApi], None]]] = {
    "429": _too_many,
    "html": lambda handler, _api: _answer(handler, 502, None, b"<html>Bad gateway</html>"),
    "array": lambda handler, _api: _answer(handler, 200, [1]),
    "cut": _cut,
    "hang": _hang,
    "huge": _huge,
    "drip": _drip,
    "redirect": _redirect,
}


@dataclass
class Smtp:
    """
    A mail server that takes messages, or answers with what is in store: a reply for a command (``{"RCPT": "550 no"}``),
    ``cut`` or ``hang``.
    """

    port: int
    faults: list[dict[str, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def smtp() -> Iterator[Smtp]:
    """A mail server for the length of the block."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            faults = mail.faults.pop(0) if mail.faults else {}
            if not self._reply(faults.get("CONNECT", "220 ready")):
                return
            while line := self.rfile.readline().decode().strip():
                command = line.split()[0].upper()
                if not self._reply(faults.get(command, _REPLIES.get(command, "250 fine"))):
                    return
                if command == "DATA" and "DATA" not in faults:
                    self._take(faults)
                if command == "QUIT":
                    return

        def _take(self, faults: dict[str, str]) -> None:
            lines = []
            while (line := self.rfile.readline().decode()) != ".\r\n":
                lines.append(line)
            mail.messages.append("".join(lines))
            self._reply(faults.get("END", "250 taken"))

        def _reply(self, reply: str) -> bool:
            if reply == "hang":
                mail.over.wait(30)
            if reply in {"hang", "cut"}:
                return False
            self.wfile.write(f"{reply}\r\n".encode())
            return True

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    mail = Smtp(server.server_address[1])
    with _served(server):
        try:
            yield mail
        finally:
            mail.over.set()


_REPLIES: Final = {"DATA": "354 go on", "QUIT": "221 bye"}


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
