"""The registry of limits, and how one is counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from django.db import InterfaceError, OperationalError
from django.utils.functional import Promise

from core.errors import RateLimited, Unavailable
from core.limits import outages, redis_store
from core.limits.process_store import BUCKETS
from core.limits.redis_store import RedisAway
from core.operations import throttles
from core.runtime_settings import Definition

# database: in PostgreSQL, whatever is configured. shared: in Redis where it is configured, else in PostgreSQL.
# process: in Redis where it is configured, else in each process by itself.
Keeping = Literal["database", "shared", "process"]
WhenDown = Literal["closed", "open", "open to reading"]
Text = str | Promise

# When a store that is away may be asked again.
RETRY_SECONDS: Final = 2
_NAME: Final = re.compile(r"[a-z_]+(\.[a-z_]+)+")


@dataclass(frozen=True, slots=True)
class Limit:
    """
    :param name: the bucket's name: ``auth.login.ip``
    :param tries: how many at once; a runtime setting where staff may change it
    :param seconds: the time in which so many come back
    :param what: what is counted
    :param whom: who is limited
    :param keeping: where it is counted
    :param when_down: what becomes of those who cannot be counted: ``closed`` refuses them, ``open`` lets them through,
        ``open to reading`` depends on what they do: whoever counts says which of the two it is
    :param alert: a title, an English message id, of the alert when somebody reaches it; none by default
    """

    name: str
    tries: int | Definition[int]
    seconds: int
    what: Text
    whom: Text
    keeping: Keeping = "database"
    when_down: WhenDown = "closed"
    alert: str = ""

    def count(self, subject: str, *, tries: int | None = None, when_down: WhenDown | None = None) -> None:
        """
        Count an attempt. Outside of transactions, before what it is counted for.

        :param subject: who is limited: an address, a person's id, a key's id
        :param tries: instead of the limit's own, where the caller knows the setting already
        :param when_down: instead of the limit's own
        :raises core.errors.RateLimited: there were too many
        :raises core.errors.Unavailable: it cannot be counted now, and the limit is closed
        """
        try:
            self._hit(subject, tries)
        except RateLimited:
            if self.alert:
                outages.tell_of_reached(self, subject)
            raise
        except (RedisAway, OperationalError, InterfaceError) as failure:
            store = "redis" if isinstance(failure, RedisAway) else "postgresql"
            outages.tell_of_outage(store, self, failure)
            if (when_down or self.when_down) != "open":
                raise Unavailable(retry_after=RETRY_SECONDS) from failure

    def watch(self, subject: str) -> None:
        """
        Count an attempt that nobody is refused for: whoever reaches the limit is told of.

        :param subject: as of :meth:`count`
        """
        try:
            self.count(subject, when_down="open")
        except RateLimited:
            return

    def in_force(self) -> int:
        """How many at once, now."""
        return self.tries if isinstance(self.tries, int) else self.tries.get()

    def _hit(self, subject: str, tries: int | None) -> None:
        limit = self.in_force() if tries is None else tries
        if self.keeping != "database" and redis_store.is_configured():
            redis_store.hit(scope=self.name, subject=subject, limit=limit, per_seconds=self.seconds)
        elif self.keeping == "process":
            BUCKETS.hit(scope=self.name, subject=subject, limit=limit, per_seconds=self.seconds)
        else:
            throttles.hit(scope=self.name, subject=subject, limit=limit, per_seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Bound:
    """
    How much of something is taken at all.

    :param what: of what
    :param most: how much, as people say it
    :param otherwise: what becomes of more
    """

    what: Text
    most: Text
    otherwise: Text


_limits: Final[dict[str, Limit]] = {}
_bounds: Final[list[Bound]] = []


def register(
    name: str,
    tries: int | Definition[int],
    seconds: int,
    *,
    what: Text,
    whom: Text,
    keeping: Keeping = "database",
    when_down: WhenDown = "closed",
    alert: str = "",
) -> Limit:
    """
    Register a limit; for the parameters see :class:`Limit`.

    :raises RuntimeError: the name is taken or malformed
    """
    if name in _limits or not _NAME.fullmatch(name):
        raise RuntimeError(f"{name!r} is taken, or is no name of a limit")
    return _limits.setdefault(name, Limit(name, tries, seconds, what, whom, keeping, when_down, alert))


def limits() -> list[Limit]:
    """Every limit of the house, by name."""
    return [_limits[name] for name in sorted(_limits)]


def bound(what: Text, most: Text, *, otherwise: Text) -> Bound:
    """Register a bound, for the page that people read; for the parameters see :class:`Bound`."""
    made = Bound(what, most, otherwise)
    _bounds.append(made)
    return made


def bounds() -> list[Bound]:
    """Every bound, in the order in which they were registered."""
    return list(_bounds)
