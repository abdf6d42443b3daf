"""A real server of somebody else's, that takes webhooks or misbehaves as it is told, and endpoints that lead to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import time_machine
from django.test import override_settings
from standardwebhooks.webhooks import Webhook

from billing.models import WebhookDelivery
from billing.operations import webhook_deliveries, webhook_endpoints
from billing.operations.announcements import announce
from billing.operations.webhook_endpoints import Secretive
from billing.tests.factories import TESTER, WalletFactory, WebhookDeliveryFactory

# Addresses of this machine, without TLS: where the tests' receivers are.
REACHABLE: Final = override_settings(WEBHOOK_ALLOW_HTTP=True, WEBHOOK_ALLOW_PRIVATE=True)


@dataclass(frozen=True)
class Received:
    """A message as it came over the wire."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """What it says, if it was signed with this secret, as whoever gets it would verify it then and there."""
        with time_machine.travel(float(self.headers["webhook-timestamp"]), tick=False):
            return Webhook(secret).verify(self.body, dict(self.headers))


@dataclass
class Receiver:
    """
    :param answers: what is in store, one for each request: a status, or ``hang``, ``huge``, ``drip``, ``cut``
    :param always: what is answered when nothing is in store
    """

    url: str
    answers: list[int | str] = field(default_factory=list)
    always: int = 204
    location: str = ""
    received: list[Received] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    # Set when a request has come; the test lets a hanging one go by `over`.
    knocked: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            there.received.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            there.knocked.set()
            answer = there.answers.pop(0) if there.answers else there.always
            if isinstance(answer, int):
                self._answer(answer)
            else:
                getattr(self, f"_{answer}")()

        def do_GET(self) -> None:
            """What a client does that follows a redirect."""
            self.do_POST()

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if there.location:
                self.send_header("Location", there.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _hang(self) -> None:
            there.over.wait(60)
            self._answer(204)

        def _cut(self) -> None:
            self.connection.close()

        def _huge(self) -> None:
            self.send_response(200)
            self.end_headers()
            self._write_until_refused(b"x" * 65_536, pause=0)

        def _drip(self) -> None:
            self.wfile.write(b"HTTP/1.1 2")
            self._write_until_refused(b"0", pause=0.2)

        def _write_until_refused(self, part: bytes, *, pause: float) -> None:
            try:
                while not there.over.wait(pause):
                    self.wfile.write(part)
                    self.wfile.flush()
            except OSError:
                pass
            self.close_connection = True

        def log_message(self, *_what: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    there = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hooks")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield there
    finally:
        there.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def endpoint(url: str = "https://shop.example/hooks", *events: str) -> Secretive:
    """An endpoint that is told of low balances, or of what ``events`` say."""
    return webhook_endpoints.create(url=url, events=events or ("wallet.low",), by=TESTER)


def announced(type: str = "wallet.low", **facts: Any) -> None:
    """Something has happened to somebody's wallet."""
    announce(type, wallet_id=WalletFactory.create().pk, **facts)


def delivery(**narrowed: object) -> WebhookDelivery:
    return WebhookDelivery.objects.get(**narrowed)


def dead_delivery() -> WebhookDelivery:
    """A delivery that was given up, to an endpoint that is switched on."""
    row: WebhookDelivery = WebhookDeliveryFactory.create()
    attempt = webhook_deliveries.begin(delivery_id=row.pk, by=TESTER)
    assert attempt is not None
    webhook_deliveries.note(attempt=attempt, status=410, error="The receiver answered 410", by=TESTER)
    webhook_endpoints.change(endpoint_id=row.endpoint_id, is_active=True, by=TESTER)
    return WebhookDelivery.objects.get(pk=row.pk)
