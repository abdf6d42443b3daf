"""
Sending one message to somebody else's server, and nowhere inside.

A name is resolved once; every address that it has must be of the outside, and the connection goes to one of these very
addresses: whatever the name means a moment later, nobody asks. Redirects are not followed.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from time import monotonic
from typing import Final

from django.conf import settings
from django.utils.translation import override

from billing.rules.webhook_addresses import Refused, Target, is_outside, parse

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 5.0
LONGEST_ANSWER: Final = 64 * 1024
LONGEST_ERROR: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """
    How a call ended.

    :param status: of the answer; None where none came
    :param error: what went wrong; empty where the other side took the message
    """

    status: int | None
    error: str = ""

    @property
    def is_taken(self) -> bool:
        return not self.error


def send(url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a message once. Outside of transactions; it takes at most some 10 seconds, and whatever a resolver takes."""
    try:
        target = _read(url)
        status = _exchange(target, _addresses(target), body, headers)
    except Refused as refused:
        with override("en"):
            return Answer(None, str(refused.why)[:LONGEST_ERROR])
    except (OSError, http.client.HTTPException, ValueError) as failure:
        return Answer(None, f"{type(failure).__name__}: {failure}"[:LONGEST_ERROR])
    return Answer(status, "" if 200 <= status < 300 else f"The receiver answered {status}")


def _read(url: str) -> Target:
    return parse(url, allow_http=settings.WEBHOOK_ALLOW_HTTP, allow_private=settings.WEBHOOK_ALLOW_PRIVATE)


def _addresses(target: Target) -> list[str]:
    """
    What the name means now.

    :raises Refused: it means something inside, alone or among others
    """
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not settings.WEBHOOK_ALLOW_PRIVATE and not all(is_outside(ip_address(each)) for each in addresses):
        raise Refused(f"{target.host} leads inside, where nothing is sent.")
    return addresses


def _exchange(target: Target, addresses: list[str], body: bytes, headers: Mapping[str, str]) -> int:
    line = http.client.HTTPConnection(target.host, target.port)
    line.sock = _connected(target, addresses)
    try:
        with _ended_after(line.sock, ANSWER_SECONDS):
            line.request("POST", target.path, body, {"Host": target.authority, "Connection": "close", **headers})
            answer = line.getresponse()
            # What it says is of no interest; read, so that a server that checks sees its answer taken.
            answer.read(LONGEST_ANSWER)
            return answer.status
    finally:
        line.close()


def _connected(target: Target, addresses: list[str]) -> socket.socket:
    """
    A connection to the first of the addresses that answers.

    :raises OSError: none does, or whoever answers cannot show that they are the host
    """
    deadline = monotonic() + CONNECT_SECONDS
    failure = OSError("The name means nothing")
    for address in addresses:
        try:
            plain = socket.create_connection((address, target.port), timeout=max(deadline - monotonic(), 0.1))
        except OSError as unreachable:
            failure = unreachable
            continue
        plain.settimeout(ANSWER_SECONDS)
        if not target.is_tls:
            return plain
        return _encrypted(plain, target.host)
    raise failure


def _encrypted(plain: socket.socket, host: str) -> ssl.SSLSocket:
    line = ssl.create_default_context().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    try:
        with _ended_after(line, CONNECT_SECONDS):
            line.do_handshake()
    except BaseException:
        line.close()
        raise
    return line


@contextmanager
def _ended_after(line: socket.socket, seconds: float) -> Iterator[None]:
    """Shut a connection when the block takes too long: one that says a little now and then would never time out."""
    timer = threading.Timer(seconds, _shut, [line])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(line: socket.socket) -> None:
    try:
        # Of the socket below TLS: whoever waits for it is woken.
        socket.socket.shutdown(line, socket.SHUT_RDWR)
    except OSError:
        return
