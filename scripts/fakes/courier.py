"""Carries events of a made-up service to whoever wants to hear of them, in order, again and again until heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Final

import requests

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_TIMEOUT: Final = 15.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """
    :param times: how often it is carried although it was heard: 2 for a duplicate
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    times: int = 1


class Courier:
    """
    A thread that carries parcels one after another. What is not answered with 2xx is tried again after pauses that
    double, for as long as the courier lives; the next parcel waits for it, as with the real services.
    """

    def __init__(self) -> None:
        self._waiting: deque[Parcel] = deque()
        self._turn = Condition()
        self._is_closing = False
        self._thread: Thread | None = None

    def send(self, parcel: Parcel) -> None:
        """Have it carried; returns at once."""
        with self._turn:
            self._waiting.append(parcel)
            if self._thread is None:
                self._thread = Thread(target=self._work, name="courier", daemon=True)
                self._thread.start()
            self._turn.notify_all()

    @property
    def waiting(self) -> int:
        """How many parcels were not heard yet."""
        with self._turn:
            return len(self._waiting)

    def wait_until_idle(self, seconds: float = 10) -> bool:
        """Whether everything was heard within so many seconds."""
        with self._turn:
            return self._turn.wait_for(lambda: not self._waiting, seconds)

    def clear(self) -> None:
        """Forget what waits."""
        with self._turn:
            self._waiting.clear()
            self._turn.notify_all()

    def close(self) -> None:
        with self._turn:
            self._is_closing = True
            self._turn.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._waiting or self._is_closing)
                if self._is_closing:
                    return
                parcel = self._waiting[0]
            if all(_is_heard(parcel) for _time in range(parcel.times)):
                pause = _FIRST_PAUSE
                with self._turn:
                    # It may have been cleared meanwhile.
                    if self._waiting and self._waiting[0] is parcel:
                        self._waiting.popleft()
                    self._turn.notify_all()
                continue
            with self._turn:
                self._turn.wait_for(lambda: self._is_closing, pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _is_heard(parcel: Parcel) -> bool:
    headers = {"Content-Type": "application/json", **parcel.headers}
    try:
        response = requests.post(parcel.url, data=parcel.body, headers=headers, timeout=_TIMEOUT, allow_redirects=False)
    except requests.RequestException:
        return False
    return 200 <= response.status_code < 300
