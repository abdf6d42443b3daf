"""
One way of doing things, as a process: ``python -m scripts.bench.load <way> <clients>``.

It prepares, forks one process for each client, and then works whenever it is told to: each line of its input is a
number of seconds, each line of its output what was done in them. Between the turns it waits and costs nothing.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import monotonic
from typing import Protocol

WARM_UP = 30


class Way(Protocol):
    """A module of ``scripts.bench.ways``."""

    def prepare(self, clients: int) -> None:
        """Make what the clients need, once."""

    def client(self, number: int) -> Callable[[], int]:
        """What one client does again and again, in a process of its own; it gives how many charges that were."""


def main() -> int:
    name, clients = sys.argv[1], int(sys.argv[2])
    # The way's own output must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        import django

        django.setup()
    way: Way = import_module(f"scripts.bench.ways.{name}")
    way.prepare(clients)
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        from django.db import connections

        # A forked process must not speak on its parent's connection.
        connections.close_all()
    fork = get_context("fork")
    pipes = []
    for number in range(clients):
        ours, theirs = fork.Pipe()
        fork.Process(target=_work, args=(way, number, theirs), daemon=True).start()
        theirs.close()
        pipes.append(ours)
    _gather(pipes)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        for pipe in pipes:
            pipe.send(float(line))
        print(json.dumps(_gather(pipes)), file=answers, flush=True)
    return 0


def _gather(pipes: Iterable[Connection]) -> dict[str, float]:
    """Together: charges, charges a second, and processor seconds of the clients."""
    told = [pipe.recv() for pipe in pipes]
    return {
        "done": sum(done for done, _seconds, _cpu in told),
        "rate": sum(done / seconds for done, seconds, _cpu in told),
        "cpu": sum(cpu for _done, _seconds, cpu in told),
    }


def _work(way: Way, number: int, pipe: Connection) -> None:
    operation = way.client(number)
    for _time in range(WARM_UP):
        operation()
    gc.collect()
    gc.freeze()
    pipe.send((0, 1.0, 0.0))
    while True:
        try:
            seconds = pipe.recv()
        except EOFError:
            return
        done, begun, cpu = 0, monotonic(), sum(os.times()[:2])
        end = begun + seconds
        while (now := monotonic()) < end:
            done += operation()
        pipe.send((done, now - begun, sum(os.times()[:2]) - cpu))


if __name__ == "__main__":
    sys.exit(main())
