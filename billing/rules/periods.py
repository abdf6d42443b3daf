"""
When periods of a subscription begin and end.

A stretch is as long as its seconds or, where the tariff says so, some calendar months: those are counted on the wall
clock of the house's time zone, from a day of the month that is kept through shorter months (31 January, 28 February,
31 March). Everything else is seconds, so that no change of the clocks gives or takes an hour.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Length:
    """
    :param seconds: how long; with ``months``, what they count for where their value is converted
    :param months: calendar months; 0 means that the seconds decide
    """

    seconds: int
    months: int = 0

    @classmethod
    def of(cls, *, days: int, months: int = 0) -> Length:
        return cls(days * DAY, months)


@dataclass(frozen=True, slots=True)
class Stretch:
    """
    A period as the rules know it.

    :param months: as of :class:`Length`
    :param rate_amount: minor units that ``rate_seconds`` of it are worth
    """

    starts_at: datetime
    ends_at: datetime
    months: int = 0
    rate_amount: int = 0
    rate_seconds: int = 1

    @property
    def seconds(self) -> int:
        """Whole seconds; a fraction that a clock left is not worth anything."""
        return int((self.ends_at - self.starts_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Rate:
    """
    What a tariff asks.

    :param amount: minor units, positive
    :param seconds: for so many seconds, positive
    """

    amount: int
    seconds: int


def anchored(moment: datetime, anchor_day: int | None, zone: ZoneInfo) -> int:
    """
    The day of the month that months are counted from, beginning at ``moment``: the kept one, where the moment stands
    where that day would be, and the moment's own otherwise.
    """
    local = moment.astimezone(zone)
    if anchor_day is not None and local.day == min(anchor_day, monthrange(local.year, local.month)[1]):
        return anchor_day
    return local.day


def end_of(start: datetime, length: Length, *, anchor_day: int | None, zone: ZoneInfo) -> datetime:
    """
    When a stretch that begins at ``start`` ends, in UTC.

    :param anchor_day: the day of the month that is kept; the start's own by default
    """
    if not length.months:
        return start.astimezone(UTC) + timedelta(seconds=length.seconds)
    day = anchored(start, anchor_day, zone)
    local = start.astimezone(zone)
    year, month = divmod(local.year * 12 + local.month - 1 + length.months, 12)
    end = local.replace(year=year, month=month + 1, day=min(day, monthrange(year, month + 1)[1]), fold=0)
    return end.astimezone(UTC)


def begin_of(*, end: datetime | None, moment: datetime) -> datetime:
    """When what is paid now begins: now, or when that ends which was paid before."""
    return moment if end is None else max(end, moment)


def relaid(
    stretches: Sequence[Stretch], start: datetime, *, anchor_day: int | None, zone: ZoneInfo
) -> tuple[Stretch, ...]:
    """
    The stretches one behind the other from ``start``, each as long as it was, or as its months are from there.

    :param stretches: in their order
    """
    laid = []
    for stretch in stretches:
        length = Length(stretch.seconds, stretch.months)
        anchor_day = anchored(start, anchor_day, zone)
        end = end_of(start, length, anchor_day=anchor_day, zone=zone)
        laid.append(replace(stretch, starts_at=start, ends_at=end))
        start = end
    return tuple(laid)


def without(
    stretches: Sequence[Stretch], index: int, *, moment: datetime, anchor_day: int | None, zone: ZoneInfo
) -> tuple[Stretch, ...]:
    """
    What is left when one stretch is taken back: what comes after it begins where it began, or now, where it had begun.
    Time that has passed stays passed.

    :param stretches: in their order, none overlaps another
    :param index: which is taken back
    """
    gone, before, behind = stretches[index], stretches[:index], stretches[index + 1 :]
    if gone.ends_at <= moment or not behind:
        return (*before, *behind)
    start = max(gone.starts_at, moment)
    # A gap that was there before stays a gap.
    if behind[0].starts_at > gone.ends_at:
        start += behind[0].starts_at - gone.ends_at
    return (*before, *relaid(behind, start, anchor_day=anchor_day, zone=zone))


def converted_seconds(seconds: int, *, worth: Rate, into: Rate) -> int:
    """
    How long the value of some time lasts at another rate, to the whole second, never rounded up.

    :param worth: what the time was paid with; an amount of 0 is worth nothing
    """
    return seconds * worth.amount * into.seconds // (worth.seconds * into.amount)


def converted(stretches: Sequence[Stretch], into: Rate, *, moment: datetime) -> tuple[Stretch, ...] | None:
    """
    The stretches with what is left of each turned into time at another rate; what has passed stays as it was.

    :param stretches: in their order
    :returns: None where something that is left would come to less than a second: it cannot be converted
    """
    done: list[Stretch] = []
    start: datetime | None = None
    for stretch in stretches:
        if stretch.ends_at <= moment:
            done.append(stretch)
            continue
        begins = max(stretch.starts_at, moment)
        left = int((stretch.ends_at - begins).total_seconds())
        lasts = converted_seconds(left, worth=Rate(stretch.rate_amount, stretch.rate_seconds), into=into)
        if not lasts:
            return None
        # The first one begins where it began; those behind follow closely.
        first = begins if start is None else start
        start = first + timedelta(seconds=lasts)
        done.append(
            Stretch(
                starts_at=stretch.starts_at if stretch.starts_at < moment else first,
                ends_at=start,
                rate_amount=into.amount,
                rate_seconds=into.seconds,
            )
        )
    return tuple(done)
