"""The two web servers, and what their callers need to know."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic, sleep

from scripts.bench.fill import user_id
from scripts.bench.house import ROOT, House
from scripts.bench.ways.wallets import PER_CLIENT

START_SECONDS = 60.0


@contextmanager
def dvorik(house: House, environment: Mapping[str, str]) -> Iterator[int]:
    """Dvorik's gunicorn, as it is configured; gives its port."""
    with _gunicorn(house, environment, "--config", "config/gunicorn.py") as port:
        yield port


@contextmanager
def stack(house: House, connections: str) -> Iterator[int]:
    """The common stack's gunicorn: synchronous workers, twice the processors and one, as its manual advises."""
    environment = house.stack("shop", BENCH_CONNECTIONS=connections)
    workers = str(2 * (os.cpu_count() or 1) + 1)
    with _gunicorn(house, environment, "scripts.bench.stack.wsgi:application", f"--workers={workers}") as port:
        yield port


def charging_dvorik(house: House, port: int, *, wallets: str, clients: int) -> dict[str, str]:
    """What callers of Dvorik need."""
    key = json.loads(house.run("-m", "scripts.bench.probes.api_key", environment=house.dvorik()))
    numbers = [2] if wallets == "one" else range(2, 2 + clients * PER_CLIENT)
    customers = [{"user": str(user_id(number))} for number in numbers]
    return _callers(house, port, f"Api-Key {key}", customers)


def charging_stack(house: House, port: int, *, clients: int) -> dict[str, str]:
    """What callers of the common stack need."""
    probe = ("-m", "scripts.bench.probes.stack_customers", str(clients * PER_CLIENT))
    told = json.loads(house.run(*probe, environment=house.stack("shop")))
    return _callers(house, port, f"Token {told['token']}", [{"customer": each} for each in told["customers"]])


def _callers(house: House, port: int, authorization: str, customers: Sequence[Mapping[str, object]]) -> dict[str, str]:
    environment = house.environment("bench_dvorik")
    return {
        **environment,
        "BENCH_PORT": str(port),
        "BENCH_AUTHORIZATION": authorization,
        "BENCH_CUSTOMERS": json.dumps(customers),
    }


@contextmanager
def _gunicorn(house: House, environment: Mapping[str, str], *arguments: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    log = house.folder / "gunicorn.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *arguments, f"--bind=127.0.0.1:{port}"],
            cwd=ROOT,
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or monotonic() > deadline:
                raise SystemExit(f"gunicorn did not start:\n{log.read_text()[-4000:]}")
            sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
