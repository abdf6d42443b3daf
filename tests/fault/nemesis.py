"""Kills parts of the stack, in an order that its seed decides."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.fault.stack import Stack, kill

# By the names of the methods that carry them out.
STRIKES: Final = ("kill_worker", "kill_backend", "crash_database")


@dataclass
class Nemesis(threading.Thread):
    """
    Strikes every so many seconds until told to stop. Three strikes are three different ones.

    :param every: seconds from one strike to the next
    """

    stack: Stack
    seed: int
    every: float = 2.0
    strikes: list[str] = field(default_factory=list)
    failure: BaseException | None = None
    _stop_now: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(name="nemesis", daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        """Strike."""
        random = Random(self.seed)
        try:
            while True:
                round_of_three = [getattr(self, strike) for strike in STRIKES]
                random.shuffle(round_of_three)
                for strike in round_of_three:
                    if self._stop_now.wait(self.every):
                        return
                    strike(random)
                    self.strikes.append(strike.__name__)
        except BaseException as failure:
            self.failure = failure
            raise

    def end(self) -> None:
        """No more strikes; the one that is being carried out is waited for."""
        self._stop_now.set()
        self.join(timeout=60)

    def kill_worker(self, random: Random) -> None:
        """``kill -9`` of a gunicorn worker."""
        kill(random.choice(self.stack.workers()))

    def kill_backend(self, random: Random) -> None:
        """``kill -9`` of a PostgreSQL backend: the postmaster ends all others and recovers."""
        deadline = time.monotonic() + 15
        while not (backends := self.stack.backends()):
            assert time.monotonic() < deadline, "nobody is connected to the database any more"
            time.sleep(0.05)
        kill(random.choice(backends))

    def crash_database(self, random: Random) -> None:
        """``pg_ctl stop -m immediate``, which is a crash, and start."""
        self.stack.server.stop("immediate")
        self.stack.server.start()
