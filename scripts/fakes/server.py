"""
What all made-up services share: a real HTTP server, faults on demand, a log of calls.

Beside the services' own addresses, each under its name (``/telegram``, ``/yookassa`` …), it answers to
``POST /_script`` (one script or a list of them, see :mod:`scripts.fakes.faults`), ``GET /_calls`` and ``POST /_reset``.
"""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from scripts.fakes.faults import CannotScriptError, Fault, Script, Scripts

LARGEST_BODY: Final = 10_000_000
REMEMBERED_CALLS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Request:
    """
    :param path: below the service's name: ``/v3/payments``
    :param headers: by their names in lower case
    :param host: as the caller calls this server: ``http://127.0.0.1:8010``
    :param fault: what is to go wrong, for the faults that the service itself does
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    host: str
    fault: Fault | None = None

    def json(self) -> Any:
        """
        The body's value.

        :raises ValueError: it is not JSON
        """
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """The fields of a form, as browsers and many clients send them."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: object, *, status: int = 200, **headers: str) -> Answer:
        return cls(json.dumps(value, ensure_ascii=False).encode(), status, headers=headers)

    @classmethod
    def page(cls, html: str, *, status: int = 200) -> Answer:
        return cls(html.encode(), status, "text/html; charset=utf-8")

    @classmethod
    def elsewhere(cls, address: str) -> Answer:
        """What a browser gets after a form: go and look there."""
        return cls(status=303, content_type="text/plain", headers={"Location": address})


Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """
    :param path: a regular expression of the whole path; its named groups are given to the handler
    :param handler: takes the :class:`Request` and the groups by keyword
    """

    method: str
    path: str
    handler: Handler


class Service:
    """
    One made-up service. Whoever writes one gives it a name, routes and its own words for errors; it is called by many
    threads at once and locks what it keeps.
    """

    name: str = ""

    def routes(self) -> Sequence[Route]:
        raise NotImplementedError

    def refusal(self, fault: Fault) -> Answer:
        """An error of a certain status as this service words it."""
        return Answer.json({"error": fault.says or "made up"}, status=fault.status)

    def reset(self) -> None:
        """Forget everything."""

    def close(self) -> None:
        """End the threads of its own. Nothing is asked of it after this."""


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the log of calls."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]
    status: int | None
    fault: str | None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("method", "path", "body", "headers", "status", "fault")}


class House(ThreadingHTTPServer):
    """All made-up services of one process behind one port."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], services: Sequence[Service]) -> None:
        self.services = {service.name: service for service in services}
        self.scripts = Scripts()
        self.closing = Event()
        self._calls: deque[Call] = deque(maxlen=REMEMBERED_CALLS)
        self._lock = Lock()
        super().__init__(address, _Handler)

    @property
    def address(self) -> str:
        """``http://127.0.0.1:8010``; a service's base address is this, a slash and its name."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def calls(self, match: str = "") -> list[Call]:
        """What was asked so far; those whose ``POST /path`` matches a regular expression."""
        with self._lock:
            return [call for call in self._calls if re.search(match, f"{call.method} {call.path}")]

    def script(self, match: str, *, times: int = 1, after: int = 0, **fault: Any) -> None:
        """Have calls go wrong: ``script("sendMessage", kind="status", status=429, retry_after=3)``."""
        self.scripts.add(Script(re.compile(match), Fault(**fault), times, after))

    def reset(self) -> None:
        """Forget scripts, calls and what the services keep."""
        self.scripts.clear()
        with self._lock:
            self._calls.clear()
        for service in self.services.values():
            service.reset()

    def note(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def close(self) -> None:
        """Stop answering, and wake up whoever hangs."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        for service in self.services.values():
            service.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Callers that give up while we hang are what we are for.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: House

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_what: object) -> None:
        """Say nothing: the log of calls is better."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            self._send(Answer.json({"error": "too large"}, status=413))
            return
        body = self.rfile.read(length)
        if own := self._own(url.path, body):
            self._send(own)
            return
        fault = self.server.scripts.take(f"{self.command} {url.path}")
        name, _slash, below = url.path.lstrip("/").partition("/")
        headers = {key.lower(): value for key, value in self.headers.items()}
        host = f"http://{headers.get('host', '')}"
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        request = Request(self.command, f"/{below}", query, headers, body, host, fault)
        self._answer(self.server.services.get(name), request, url.path)

    def _answer(self, service: Service | None, request: Request, path: str) -> None:
        fault = request.fault
        if service is None:
            said = Answer.json({"error": "no such service"}, status=404)
        elif fault and fault.kind == "status":
            said = service.refusal(fault)
        else:
            # Nothing is done only where the script says so; what the caller hears of it is another thing.
            is_done = fault is None or fault.performed
            said = _routed(service, request) if is_done else Answer.json({})
        answer = self._spoilt(said, fault)
        status = answer.status if answer else None
        kind = fault.kind if fault else None
        self.server.note(Call(request.method, path, _readable(request), request.headers, status, kind))
        if answer is not None:
            self._send(answer, cut=fault is not None and fault.kind == "truncate")

    def _spoilt(self, answer: Answer, fault: Fault | None) -> Answer | None:
        match fault:
            case Fault(kind="hang"):
                self.server.closing.wait(fault.seconds)
                self.close_connection = True
                return None
            case Fault(kind="drop"):
                self.close_connection = True
                return None
            case Fault(kind="html"):
                return Answer.page("<!DOCTYPE html><title>Sorry</title><h1>Bad gateway</h1>", status=fault.status)
            case Fault(kind="huge"):
                return Answer(b'{"ok": true, "result": "' + b"x" * LARGEST_BODY + b'"}')
        return answer

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        if cut:
            self.close_connection = True

    def _own(self, path: str, body: bytes) -> Answer | None:
        match self.command, path:
            case "GET", "/_calls":
                return Answer.json([call.as_json() for call in self.server.calls()])
            case "POST", "/_reset":
                self.server.reset()
                return Answer.json({"ok": True})
            case "POST", "/_script":
                try:
                    said = json.loads(body)
                    scripts = [Script.read(each) for each in (said if isinstance(said, list) else [said])]
                except (ValueError, CannotScriptError) as error:
                    return Answer.json({"error": str(error)}, status=400)
                self.server.scripts.add(*scripts)
                return Answer.json({"ok": True})
        return None


@contextmanager
def running(*services: Service, port: int = 0, host: str = "127.0.0.1") -> Iterator[House]:
    """
    Have services answer while the block runs.

    :param port: 0 for any that is free
    """
    house = House((host, port), services)
    thread = Thread(target=house.serve_forever, kwargs={"poll_interval": 0.05}, name="fakes", daemon=True)
    thread.start()
    try:
        yield house
    finally:
        house.close()
        thread.join()


def _routed(service: Service, request: Request) -> Answer:
    for route in service.routes():
        if route.method == request.method and (found := re.fullmatch(route.path, request.path)):
            return route.handler(request, **found.groupdict())
    return service.refusal(Fault("status", status=404, says="Not Found"))


def _readable(request: Request) -> Any:
    try:
        return request.json()
    except ValueError:
        return request.body.decode("utf-8", "replace")
