"""Which jobs there are, what they promise, and who wants to hear of the dead."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, ParamSpec, Protocol, TypeVar
from uuid import UUID

from core.actors import Actor

P = ParamSpec("P")
R = TypeVar("R")

_NAME: Final = re.compile(r"[a-z_]+(\.[a-z0-9_]+)+")


@dataclass(frozen=True, slots=True)
class Definition:
    """
    A registered job.

    :param name: ``app.verb_noun``
    :param handler: takes ids and other plain values by keyword, and ``by``; safe to run twice
    :param max_attempts: beginnings, not failures: one that kills its worker counts
    :param lease_seconds: how long after its worker's death it is taken for lost; a living worker renews
    :param backoff_seconds: the pause after the first failure; each further one doubles it
    :param every_seconds: the period of a periodic job, None for the others
    :param catch_up: whether periods that nobody was there for are run later, one by one
    """

    name: str
    # A handler's arguments differ from job to job; enqueue() binds them against its signature.
    handler: Callable[..., Any]
    max_attempts: int
    lease_seconds: int
    backoff_seconds: float
    every_seconds: int | None = None
    catch_up: bool = False

    def check(self, args: dict[str, object]) -> None:
        """
        Bind arguments as the run will.

        :raises TypeError: the handler does not take them
        """
        inspect.signature(self.handler).bind(**args, by=None)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that ran out of attempts."""

    job_id: UUID
    name: str
    key: str | None
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a member of staff decided about a job: ``deed`` is ``run_again`` or ``given_up``."""

    job_id: UUID
    name: str
    deed: str
    reason: str


class OnDeadLetter(Protocol):
    def __call__(self, letter: DeadLetter, /, *, by: Actor) -> object: ...


class OnDecision(Protocol):
    def __call__(self, decision: Decision, /, *, by: Actor) -> object: ...


class Postponed(Exception):
    """
    Raised by a handler that cannot begin now, through no fault of its work: it runs again later, and this attempt is
    not counted. Whoever raises it sees to it that somebody hears of a hindrance that lasts.

    :param seconds: when to run it again, from now; at least 1
    """

    def __init__(self, why: str = "", *, seconds: int) -> None:
        super().__init__(why)
        self.seconds = seconds


class UnknownJob(LookupError):
    """No handler is registered under this name."""


_definitions: Final[dict[str, Definition]] = {}
_on_dead_letter: Final[list[OnDeadLetter]] = []
_on_decision: Final[list[OnDecision]] = []


def job(
    name: str, *, max_attempts: int = 10, lease_seconds: int = 60, backoff_seconds: float = 5
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Register a handler, in its app's ``tasks.py``. For the parameters see :class:`Definition`.

    :raises RuntimeError: the name is taken
    """

    def register(handler: Callable[P, R]) -> Callable[P, R]:
        _add(
            Definition(
                name=name,
                handler=handler,
                max_attempts=max_attempts,
                lease_seconds=lease_seconds,
                backoff_seconds=backoff_seconds,
            )
        )
        return handler

    return register


def periodic(
    name: str,
    *,
    every_seconds: int,
    catch_up: bool = False,
    max_attempts: int = 5,
    lease_seconds: int = 60,
    backoff_seconds: float = 5,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Register a handler that runs once in each period. Periods are counted from 1970 in UTC, so that every beat
    means the same ones.

    Without ``catch_up``, a period is skipped while the last one's job is unfinished, and those that passed while
    nobody was there are skipped for good. With it, each runs, oldest first, and the handler is
    given ``period``, the period's beginning (``2026-01-31T00:00:00Z``).

    :raises RuntimeError: the name is taken
    """

    def register(handler: Callable[P, R]) -> Callable[P, R]:
        _add(
            Definition(
                name=name,
                handler=handler,
                max_attempts=max_attempts,
                lease_seconds=lease_seconds,
                backoff_seconds=backoff_seconds,
                every_seconds=every_seconds,
                catch_up=catch_up,
            )
        )
        return handler

    return register


def on_dead_letter(callback: OnDeadLetter) -> OnDeadLetter:
    """Have a function called, in the transaction in which a job dies."""
    _on_dead_letter.append(callback)
    return callback


def on_decision(callback: OnDecision) -> OnDecision:
    """Have a function called, in the transaction in which staff decide about a job."""
    _on_decision.append(callback)
    return callback


def definition(name: str) -> Definition:
    """:raises UnknownJob: nothing is registered under the name"""
    try:
        return _definitions[name]
    except KeyError:
        raise UnknownJob(name) from None


def periodic_jobs() -> Iterator[Definition]:
    """Every job with a period."""
    return (each for each in _definitions.values() if each.every_seconds is not None)


def listeners_of_dead_letters() -> tuple[OnDeadLetter, ...]:
    return tuple(_on_dead_letter)


def listeners_of_decisions() -> tuple[OnDecision, ...]:
    return tuple(_on_decision)


def _add(new: Definition) -> None:
    if not _NAME.fullmatch(new.name):
        raise RuntimeError(f"{new.name!r} is not a job's name")
    if min(new.max_attempts, new.lease_seconds, new.every_seconds or 1) < 1:
        raise RuntimeError(f"{new.name}: attempts, lease and period are at least 1")
    known = _definitions.setdefault(new.name, new)
    if known is not new:
        raise RuntimeError(f"{new.name} is registered twice")
