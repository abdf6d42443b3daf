"""Two ways that take turns, and the ratio of each round."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from scripts.bench.house import ROOT

# A round is made of so many turns of each, so that a slow moment of the machine meets both.
TURNS_PER_ROUND = 3


class Turn(NamedTuple):
    """
    What one turn came to.

    :param rate: charges a second
    :param cpu: processor seconds that the clients took for one charge
    """

    rate: float
    cpu: float


@dataclass
class Runner:
    """A way that waits for its turn."""

    name: str
    process: subprocess.Popen[str]
    log: Path

    def turn(self, seconds: float) -> Turn:
        """Let it work."""
        print(seconds, file=self.process.stdin, flush=True)
        answer = json.loads(self._line())
        return Turn(answer["rate"], answer["cpu"] / max(answer["done"], 1))

    def wait_until_ready(self) -> None:
        self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None  # noqa: S101 (opened as a pipe)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} died; the end of its output:\n{self.log.read_text()[-4000:]}")
        return line


@contextmanager
def runner(way: str, environment: Mapping[str, str], *, clients: int) -> Iterator[Runner]:
    """A way of ``scripts.bench.ways``, ready for its turns."""
    log = Path(environment["DVORIK_HOME"]) / f"{way}.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.bench.load", way, str(clients)],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
    started = Runner(way, process, log)
    try:
        started.wait_until_ready()
        yield started
    finally:
        # Closing its input ends it; its clients are its daemons.
        process.communicate()


class Compared(NamedTuple):
    """
    :param ratios: the rate of the first by that of the second, round by round
    :param first: the median of the first's turns
    :param second: the median of the second's turns
    """

    ratios: list[float]
    first: Turn
    second: Turn


def compare(first: Runner, second: Runner, *, rounds: int, seconds: float) -> Compared:
    """Let two ways take turns, after a round that does not count."""
    first.turn(seconds)
    second.turn(seconds)
    ratios, firsts, seconds_ = [], [], []
    for _round in range(rounds):
        turns = [(first.turn(seconds), second.turn(seconds)) for _turn in range(TURNS_PER_ROUND)]
        firsts += [turn for turn, _other in turns]
        seconds_ += [other for _turn, other in turns]
        ratios.append(sum(turn.rate for turn, _other in turns) / sum(other.rate for _turn, other in turns))
    return Compared(ratios, _middle(firsts), _middle(seconds_))


def _middle(turns: list[Turn]) -> Turn:
    return Turn(median(turn.rate for turn in turns), median(turn.cpu for turn in turns))
