"""
Moving the test clock: time passes in leaps, from one moment at which something falls due to the next.

A year of minutes would be half a million ticks in which nothing happens. Between two leaps everything runs that is due,
as by a tick, and in the order of its moments.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _

from core import clock, clock_moments, errors
from core.actors import Actor
from core.database import operation
from core.jobs import drain
from core.jobs.runner import Outcome

logger = logging.getLogger(__name__)

MOST_SECONDS: Final = 10 * 366 * 86_400
MOST_TOLD: Final = 1000
_MOST_AHEAD_DAYS: Final = 36_500

# A lease says that its worker lives, which has nothing to do with the clock: it travels along.
_CARRY_LEASES: Final = """
    UPDATE core_job SET lease_expires_at = lease_expires_at + (%s::timestamptz - core_now())
    WHERE state = 'running' AND lease_expires_at > core_now()
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """
    :param at: the moment at which the clock stood still for it
    :param job: the job's name
    :param outcome: how the attempt ended
    """

    at: datetime
    job: str
    outcome: Outcome


@dataclass(slots=True)
class Advance:
    """
    :param now: where the clock stands
    :param arrived: whether that is where it was to go; if not, so much fell due on the way that it stopped before
    :param most_told: how much of what ran is told
    :param ran: what ran on the way, in its order, as far as it is told
    :param ran_in_all: how many that were
    """

    now: datetime
    most_told: int = MOST_TOLD
    arrived: bool = False
    ran: list[Ran] = field(default_factory=list)
    ran_in_all: int = 0


def advance(*, seconds: int, most_stops: int | None = None, most_told: int = MOST_TOLD, by: Actor) -> Advance:
    """
    Let time pass, and run on the way what falls due, in order. Each job is its own transaction, as ever: what has run
    stays, should a later step fail. Workers beside this process may take some of the jobs, which are not told of then.

    Only the database's clock moves. Access tokens and Admin's sessions end by Python's.

    :param seconds: 1 to :data:`MOST_SECONDS`
    :param most_stops: after so many moments the clock stops where it is
    :param most_told: of so many jobs it is told what they were, of the others how many
    :raises core.errors.ClockIsFixed: this is production, or its database
    :raises core.errors.ClockIsMoving: somebody else is moving it
    :raises core.errors.ValidationFailed: that is too little, or too far
    """
    _check_movable()
    with _alone():
        reached = clock.now()
        target = reached + timedelta(seconds=_checked(seconds))
        advance = Advance(reached, most_told=most_told)
        _run_due(advance)
        stops = 0
        while reached < target and (most_stops is None or stops < most_stops):
            # From the moment of the last stop: what fell due while its jobs ran is not passed over.
            coming = list(clock_moments.stops_after(reached))
            reached = min([target, *(stop.at for stop in coming)])
            _move(moment=reached, by=by)
            advance.now = reached
            # Who has nothing to do looks when the clock has arrived: a year of minutes for nothing would take days.
            due = {stop.job for stop in coming if stop.job is not None and stop.at == reached}
            _run_due(advance, None if reached == target else due)
            stops += 1
        advance.arrived = reached == target
    logger.warning("The test clock was moved to %s by %s; %s jobs ran", advance.now, by, advance.ran_in_all)
    return advance


def _checked(seconds: int) -> int:
    if not 1 <= seconds <= MOST_SECONDS:
        raise errors.ValidationFailed(fields={"seconds": [_("A clock moves on, by ten years at most.")]})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT core_clock_offset() + make_interval(secs => %s) > make_interval(days => %s)",
            [seconds, _MOST_AHEAD_DAYS],
        )
        if cursor.fetchone()[0]:
            raise errors.ValidationFailed(fields={"seconds": [_("A hundred years ahead is as far as a clock goes.")]})
    return seconds


def _check_movable() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_clock_kind()")
        (kind,) = cursor.fetchone()
    if settings.ENV == "production" or kind != "movable":
        raise errors.ClockIsFixed


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time. The lock is the session's, for there is no one transaction around all that runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('core.clock', 0))")
        if not cursor.fetchone()[0]:
            raise errors.ClockIsMoving(retry_after=5)
    try:
        yield
    finally:
        # A broken connection has taken its locks along.
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended('core.clock', 0))")


@operation
def _move(*, moment: datetime, by: Actor) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT greatest(%s::timestamptz, core_now())", [moment])
        (onward,) = cursor.fetchone()
        cursor.execute(_CARRY_LEASES, [onward])
        cursor.execute("SELECT core_move_clock(%s::timestamptz)", [onward])


def _run_due(advance: Advance, periodic: set[str] | None = None) -> None:
    ran = [Ran(advance.now, name, outcome) for name, outcome in drain.run_due(periods=True, only=periodic)]
    advance.ran_in_all += len(ran)
    advance.ran += ran[: advance.most_told - len(advance.ran)]
