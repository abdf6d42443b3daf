"""
Keeps some threads of a web server free for everybody else when a part of the database stands still.

Where a route's requests run out of time in the database, more of them would only take the threads of other routes. For
a while after, such routes together may hold all threads but one; whoever comes beyond that is answered 503 at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

# How long a route counts as congested after a request of it ran out of time.
CONGESTED_SECONDS: Final = 5.0


class Congestion:
    """
    What one process knows of its routes.

    :param threads: how many requests the process serves at once
    :param clock: seconds that only ever grow
    """

    def __init__(self, *, threads: int, clock: Callable[[], float] = monotonic) -> None:
        self._most = max(1, threads - 1)
        self._clock = clock
        self._lock = threading.Lock()
        self._inside: dict[str, int] = {}
        self._congested_until: dict[str, float] = {}

    def enter(self, route: str) -> bool:
        """Whether a request may go on; then :meth:`leave` must follow."""
        with self._lock:
            if self._congested_until and self._is_refused(route):
                return False
            self._inside[route] = self._inside.get(route, 0) + 1
            return True

    def leave(self, route: str, *, ran_out_of_time: bool) -> None:
        """
        Note that a request is answered.

        :param ran_out_of_time: whether the database kept it waiting for too long
        """
        with self._lock:
            left = self._inside[route] - 1
            if left:
                self._inside[route] = left
            else:
                del self._inside[route]
            if ran_out_of_time:
                self._congested_until[route] = self._clock() + CONGESTED_SECONDS

    def _is_refused(self, route: str) -> bool:
        now = self._clock()
        for over in [each for each, until in self._congested_until.items() if until <= now]:
            del self._congested_until[over]
        inside = sum(self._inside.get(each, 0) for each in self._congested_until)
        return route in self._congested_until and inside >= self._most
