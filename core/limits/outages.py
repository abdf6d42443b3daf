"""Telling whoever listens that limits cannot be counted, or that one was reached: once a minute in each process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

import structlog
from django.db import Error as DatabaseFailure

AGAIN_SECONDS: Final = 60.0


class Counted(Protocol):
    """A limit, as far as anybody is told of it (:class:`core.limits.registry.Limit`)."""

    @property
    def name(self) -> str: ...
    @property
    def when_down(self) -> str: ...
    @property
    def alert(self) -> str: ...


OnOutage = Callable[[str, str], object]
OnReached = Callable[[Counted, str], object]

log = structlog.get_logger(__name__)

_on_outage: Final[list[OnOutage]] = []
_on_reached: Final[list[OnReached]] = []
_told_at: Final[dict[str, float]] = {}
_lock: Final = threading.Lock()


def on_outage(callback: OnOutage) -> OnOutage:
    """Have a function called with a store that cannot count, and the limit that found it out."""
    _on_outage.append(callback)
    return callback


def on_reached(callback: OnReached) -> OnReached:
    """Have a function called with a limit that says it is worth telling of, and who has reached it."""
    _on_reached.append(callback)
    return callback


def tell_of_outage(store: str, limit: Counted, failure: Exception) -> None:
    """Log that a store cannot count, and tell the listeners. It never raises."""
    if not _is_news(f"outage {store}"):
        return
    log.error(
        "limit_store_down", store=store, limit=limit.name, when_down=limit.when_down, error=type(failure).__name__
    )
    if store == "postgresql" and getattr(failure.__cause__, "sqlstate", None) is None:
        # It did not even answer: nobody can be told through it.
        return
    for listener in _on_outage:
        try:
            listener(store, limit.name)
        except DatabaseFailure as unheard:
            log.warning("limit_store_down_not_told", error=type(unheard).__name__)


def tell_of_reached(limit: Counted, subject: str) -> None:
    """Log that a limit was reached, and tell the listeners. It never raises."""
    if not _is_news(f"reached {limit.name}"):
        return
    log.warning("limit_reached", limit=limit.name, subject=subject)
    for listener in _on_reached:
        try:
            listener(limit, subject)
        except DatabaseFailure as unheard:
            log.warning("limit_reached_not_told", error=type(unheard).__name__)


def forget_told() -> None:
    """Tell of everything anew."""
    with _lock:
        _told_at.clear()


def _is_news(what: str) -> bool:
    now = monotonic()
    with _lock:
        if now - _told_at.get(what, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        _told_at[what] = now
        return True
