"""Bad days on demand: what goes wrong with which calls, and how often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

# ``duplicate`` and ``wrong_amount`` are for the service itself: it looks at ``Request.fault``.
KINDS: Final = frozenset({"status", "hang", "drop", "html", "truncate", "huge", "duplicate", "wrong_amount"})


class CannotScriptError(ValueError):
    """What a script says cannot be understood."""


@dataclass(frozen=True, slots=True)
class Fault:
    """
    :param kind: ``status`` answers with an error of the service; ``hang`` waits and then hangs up; ``drop`` reads the
        request and hangs up; ``html`` answers with a page; ``truncate`` breaks off in the middle of the answer;
        ``huge`` answers with megabytes; ``duplicate`` and ``wrong_amount`` are the service's to do
    :param performed: whether what was asked for is done all the same (``hang``, ``drop``, ``html``, ``truncate``)
    :param status: of the answer (``status``, ``html``)
    :param seconds: how long it hangs
    :param retry_after: what a 429 says
    :param says: the error's description, where the usual one will not do
    :param moved_to: the group that a group became, of Telegram alone
    :param by: by how much an amount is wrong, in minor units
    """

    kind: str
    performed: bool = True
    status: int = 500
    seconds: float = 1.0
    retry_after: int = 0
    says: str = ""
    moved_to: int = 0
    by: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise CannotScriptError(f"{self.kind!r} is no fault; there are {', '.join(sorted(KINDS))}")


@dataclass(slots=True)
class Script:
    """
    :param match: a regular expression that is searched for in ``POST /telegram/bot1:x/sendMessage``
    :param times: how many calls it is still good for
    :param after: how many calls go well first
    """

    match: re.Pattern[str]
    fault: Fault
    times: int = 1
    after: int = 0

    @classmethod
    def read(cls, said: object) -> Script:
        """
        :param said: ``{"match": "sendMessage", "times": 2, "fault": {"kind": "status", "status": 429, …}}``
        :raises CannotScriptError: it says something else
        """
        if not isinstance(said, Mapping) or not set(said) <= {"match", "times", "after", "fault"}:
            raise CannotScriptError("a script has match, times, after and fault")
        try:
            fault: Mapping[str, Any] = said["fault"]
            times, after = int(said.get("times", 1)), int(said.get("after", 0))
            return cls(re.compile(str(said.get("match", ""))), Fault(**fault), times, after)
        except (KeyError, TypeError, ValueError, re.error) as error:
            raise CannotScriptError(f"{type(error).__name__}: {error}") from error


@dataclass
class Scripts:
    """Those that are in force, the oldest first; each call uses up one time of the first that matches."""

    _kept: list[Script] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, *scripts: Script) -> None:
        with self._lock:
            self._kept.extend(scripts)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()

    def take(self, call: str) -> Fault | None:
        """The fault of this call, if it has one."""
        with self._lock:
            for script in self._kept:
                if script.times > 0 and script.match.search(call):
                    if script.after > 0:
                        script.after -= 1
                        continue
                    script.times -= 1
                    return script.fault
        return None
