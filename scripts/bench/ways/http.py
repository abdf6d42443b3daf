"""
A client of an HTTP API: raw sockets, a request at a time, kept open where the server keeps them.

It spends as little as it can, since it shares the machine with the server.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable

from scripts.bench.ways.wallets import PER_CLIENT, new_keys

SECONDS = 30.0


def prepare(clients: int) -> None:
    """The server and its customers are there."""


def client(number: int) -> Callable[[], int]:
    port, authorization = int(os.environ["BENCH_PORT"]), os.environ["BENCH_AUTHORIZATION"]
    # JSON has no trailing zeros to compare: bodies are written once.
    customers: list[dict[str, object]] = json.loads(os.environ["BENCH_CUSTOMERS"])
    if len(customers) > 1:
        customers = customers[number * PER_CLIENT : (number + 1) * PER_CLIENT]
    bodies = [json.dumps({**customer, "tokens": 1}).encode() for customer in customers]
    heads = [
        (
            "POST /api/v1/charges HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: {authorization}\r\nContent-Length: {len(body)}\r\nIdempotency-Key: "
        ).encode()
        for body in bodies
    ]
    keys = new_keys()
    connection: socket.socket | None = None
    turn = 0

    def charge() -> int:
        nonlocal connection, turn
        place = turn % len(bodies)
        turn += 1
        request = heads[place] + next(keys).encode() + b"\r\n\r\n" + bodies[place]
        if connection is None:
            connection = socket.create_connection(("127.0.0.1", port), SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(request)
        head, answer = _answer(connection)
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(f"{head!r} {answer!r}")
        if b"connection: close" in head.lower():
            connection.close()
            connection = None
        return 1

    return charge


def _answer(connection: socket.socket) -> tuple[bytes, bytes]:
    received = connection.recv(65536)
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            raise RuntimeError(f"the server hung up: {received!r}")
        received += more
    head, _empty, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head, body
