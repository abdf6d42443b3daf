"""
What falls due by itself: for each job that comes by and looks, when it will find something next. The test clock stops
there (core.operations.clocks), instead of at each minute of a year.

Apps register theirs in their ``clock_moments.py``. What waits in the queue of jobs needs no registration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet

from core.jobs import registry
from core.models.job import Job

# When the next thing falls due after a moment; None when nothing will.
Next = Callable[[datetime], datetime | None]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moments:
    """
    :param job: the periodic job that does what has fallen due
    :param find_next: when that is, after a moment
    """

    job: str
    find_next: Next


_registered: Final[list[Moments]] = []


def falls_due(job: str) -> Callable[[Next], Next]:
    """
    Register when something falls due that a periodic job does: ``@falls_due("billing.expire_invoices")`` over a
    function of a moment that gives the next one after it, or None. One query, that an index answers.
    """

    def register(find_next: Next) -> Next:
        _registered.append(Moments(job, find_next))
        return find_next

    return register


def watched_jobs() -> set[str]:
    """The periodic jobs for which somebody has registered."""
    return {each.job for each in _registered}


def first_after(rows: QuerySet[Any], field: str, moment: datetime) -> datetime | None:
    """
    The first moment after another that stands in a column; what most registrations answer.

    :param rows: those that wait; the index over the column has the same condition
    """
    waiting = rows.filter(**{f"{field}__gt": moment}).order_by(field)
    return waiting.values_list(field, flat=True).first()


@dataclass(frozen=True, slots=True)
class Stop:
    """
    :param job: the periodic job that has something to do then; None for what waits in the queue
    """

    at: datetime
    job: str | None


def stops_after(moment: datetime) -> Iterator[Stop]:
    """When something will be done next, by each registration: a job looks only when its next period begins."""
    if queued := first_after(Job.objects.filter(state=Job.State.QUEUED), "run_at", moment):
        yield Stop(queued, None)
    for each in _registered:
        if due := each.find_next(moment):
            yield Stop(_period_beginning(due, registry.definition(each.job).every_seconds or 1), each.job)


def _period_beginning(due: datetime, every_seconds: int) -> datetime:
    """The beginning of the first period that begins at a moment or after it."""
    step = timedelta(seconds=every_seconds)
    return _EPOCH - (_EPOCH - due) // step * step
