"""Buckets of one process, for what must cost no statement: each process of the web server has its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import Final

from core.errors import RateLimited

# So many subjects of each scope are remembered; when there are more, those that weigh on nobody any more are forgotten.
MOST_BUCKETS: Final = 10_000


class ProcessBuckets:
    """
    :param clock: seconds that only ever grow
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # When each will be empty again: by scope, so that a crowd in one has nobody forgotten in another, and subject.
        self._empty_at: dict[str, dict[str, float]] = {}

    def hit(self, *, scope: str, subject: str, limit: int, per_seconds: int) -> None:
        """
        Count one attempt; for the parameters see :func:`core.operations.throttles.hit`.

        :raises core.errors.RateLimited: the limit is reached; this attempt was not counted
        """
        each = per_seconds / limit
        with self._lock:
            now = self._clock()
            known = self._empty_at.setdefault(scope, {})
            empty_at = max(known.get(subject, now), now) + each
            # A sum of fractions must not lose the last attempt that fits.
            over = empty_at - now - per_seconds
            if over > each / 1000:
                raise RateLimited(retry_after=max(1, ceil(over)))
            if len(known) >= MOST_BUCKETS and subject not in known:
                _forget_empty(known, now)
            known[subject] = empty_at

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._empty_at.clear()


def _forget_empty(known: dict[str, float], now: float) -> None:
    for subject in [each for each, empty_at in known.items() if empty_at <= now]:
        del known[subject]
    # Never more than that, whatever somebody makes up.
    if len(known) >= MOST_BUCKETS:
        known.clear()


BUCKETS: Final = ProcessBuckets()
