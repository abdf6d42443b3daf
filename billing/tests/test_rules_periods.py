"""When periods begin and end, on plain values."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules import periods
from billing.rules.periods import DAY, Length, Rate, Stretch

BERLIN = ZoneInfo("Europe/Berlin")
moments = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
lengths = st.builds(Length, seconds=st.integers(1, 400 * DAY), months=st.sampled_from([0, 0, 1, 3, 12]))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def days_from(start: datetime, *lengths: int) -> list[Stretch]:
    """Stretches of so many days, one behind the other."""
    found = []
    for days in lengths:
        found.append(Stretch(start, start + timedelta(days=days), rate_amount=30_000, rate_seconds=30 * DAY))
        start = found[-1].ends_at
    return found


def chain(start: datetime, count: int, *, months: int = 1) -> list[datetime]:
    """The ends of periods of calendar months, each begun where the last one ended."""
    anchor, ends = None, []
    for _number in range(count):
        anchor = periods.anchored(start, anchor, BERLIN)
        start = periods.end_of(start, Length(30 * DAY, months), anchor_day=anchor, zone=BERLIN)
        ends.append(start)
    return ends


class TestCalendarMonths:
    def test_keep_the_day_they_began_on(self) -> None:
        ends = chain(local("2027-01-31T10:00"), 4)
        assert ends == [
            local("2027-02-28T10:00"),
            local("2027-03-31T10:00"),
            local("2027-04-30T10:00"),
            local("2027-05-31T10:00"),
        ]

    def test_know_the_leap_day(self) -> None:
        assert chain(local("2028-01-30T10:00"), 2) == [local("2028-02-29T10:00"), local("2028-03-30T10:00")]
        assert chain(local("2028-02-29T10:00"), 2, months=12) == [local("2029-02-28T10:00"), local("2030-02-28T10:00")]

    def test_begin_anew_where_something_else_ended(self) -> None:
        """A day kept from elsewhere makes no month of 45 days."""
        end = periods.end_of(local("2027-02-14T10:00"), Length(30 * DAY, 1), anchor_day=31, zone=BERLIN)
        assert end == local("2027-03-14T10:00")

    @given(moments, st.integers(1, 36))
    def test_stay_on_their_day_and_their_hour(self, start: datetime, count: int) -> None:
        start = start.replace(hour=9)
        day = start.astimezone(BERLIN).day
        for number, end in enumerate(chain(start, count), 1):
            there = end.astimezone(BERLIN)
            assert there.hour == start.astimezone(BERLIN).hour
            assert there.day == min(day, monthrange(there.year, there.month)[1])
            months = (there.year - start.astimezone(BERLIN).year) * 12 + there.month - start.astimezone(BERLIN).month
            assert months == number


class TestLength:
    @given(moments, st.integers(1, 400))
    def test_of_days_is_their_seconds_whatever_the_clocks_do(self, start: datetime, days: int) -> None:
        end = periods.end_of(start, Length.of(days=days), anchor_day=None, zone=BERLIN)
        assert (end - start).total_seconds() == days * 86_400

    def test_begins_now_or_behind_what_was_paid(self) -> None:
        now = local("2027-01-31T10:00")
        later, earlier = now + timedelta(days=1), now - timedelta(days=1)
        assert periods.begin_of(end=None, moment=now) == now
        assert periods.begin_of(end=later, moment=now) == later
        assert periods.begin_of(end=earlier, moment=now) == now


class TestTakingBack:
    NOW = local("2027-01-10T00:00")

    def without(self, rows: list[Stretch], index: int) -> list[tuple[datetime, datetime]]:
        left = periods.without(rows, index, moment=self.NOW, anchor_day=None, zone=BERLIN)
        return [(each.starts_at, each.ends_at) for each in left]

    def test_the_middle_one_moves_the_last_up(self) -> None:
        first, middle, last = days_from(self.NOW - timedelta(days=5), 30, 30, 20)
        left = self.without([first, middle, last], 1)
        assert left == [(first.starts_at, first.ends_at), (first.ends_at, first.ends_at + timedelta(days=20))]
        assert middle.starts_at == first.ends_at

    def test_the_present_one_ends_now(self) -> None:
        rows = days_from(self.NOW - timedelta(days=5), 30, 20)
        assert self.without(rows, 0) == [(self.NOW, self.NOW + timedelta(days=20))]

    def test_what_has_passed_moves_nothing(self) -> None:
        rows = days_from(self.NOW - timedelta(days=40), 30, 30)
        assert self.without(rows, 0) == [(rows[1].starts_at, rows[1].ends_at)]

    def test_the_last_one_moves_nothing(self) -> None:
        rows = days_from(self.NOW, 30, 30)
        assert self.without(rows, 1) == [(rows[0].starts_at, rows[0].ends_at)]

    def test_months_are_counted_anew_from_where_they_begin(self) -> None:
        start = local("2027-01-31T00:00")
        ends = chain(start, 3)
        rows = [Stretch(begin, end, months=1) for begin, end in zip([start, *ends], ends, strict=False)]
        left = periods.without(rows, 1, moment=self.NOW, anchor_day=31, zone=BERLIN)
        assert [each.ends_at for each in left] == [local("2027-02-28T00:00"), local("2027-03-31T00:00")]

    @given(moments, st.lists(st.integers(1, 90), min_size=1, max_size=6), st.integers(-10, 400), st.integers(0, 5))
    def test_never_makes_two_overlap_nor_anything_longer(
        self, start: datetime, lengths: list[int], after: int, which: int
    ) -> None:
        rows = days_from(start, *lengths)
        index, now = which % len(rows), start + timedelta(days=after)
        left = periods.without(rows, index, moment=now, anchor_day=None, zone=BERLIN)
        assert len(left) == len(rows) - 1
        assert all(one.ends_at <= other.starts_at for one, other in pairwise(left))
        kept = [each for each in rows if each is not rows[index]]
        assert [each.seconds for each in left] == [each.seconds for each in kept]
        assert all(new.ends_at <= old.ends_at for new, old in zip(left, kept, strict=True))


class TestConversion:
    NOW = local("2027-01-10T00:00")

    def test_gives_as_much_time_as_the_rest_is_worth(self) -> None:
        """Half of 300 ₽ a month is a month at 150 ₽ and 7.5 days at 600 ₽."""
        rows = days_from(self.NOW - timedelta(days=15), 30)
        for price, seconds in ((15_000, 30 * DAY), (60_000, int(7.5 * DAY)), (30_000, 15 * DAY)):
            (left,) = periods.converted(rows, Rate(price, 30 * DAY), moment=self.NOW) or ()
            assert left.ends_at == self.NOW + timedelta(seconds=seconds)
            assert left.starts_at == rows[0].starts_at

    def test_lays_later_ones_closely_behind(self) -> None:
        rows = days_from(self.NOW - timedelta(days=15), 30, 30)
        first, second = periods.converted(rows, Rate(60_000, 30 * DAY), moment=self.NOW) or ()
        assert first.ends_at == second.starts_at
        assert second.seconds == 15 * DAY

    def test_leaves_what_has_passed(self) -> None:
        rows = days_from(self.NOW - timedelta(days=40), 30, 30)
        past, _present = periods.converted(rows, Rate(60_000, 30 * DAY), moment=self.NOW) or ()
        assert past == rows[0]

    def test_is_impossible_for_what_cost_nothing(self) -> None:
        rows = [Stretch(self.NOW, self.NOW + timedelta(days=30), rate_amount=0, rate_seconds=30 * DAY)]
        assert periods.converted(rows, Rate(60_000, 30 * DAY), moment=self.NOW) is None

    @given(
        st.integers(1, 400 * DAY),
        st.integers(1, 10**9),
        st.integers(1, 400 * DAY),
        st.integers(1, 10**9),
        st.integers(1, 400 * DAY),
    )
    def test_never_makes_value_out_of_nothing(
        self, seconds: int, amount: int, per: int, other: int, other_per: int
    ) -> None:
        worth, into = Rate(amount, per), Rate(other, other_per)
        there = periods.converted_seconds(seconds, worth=worth, into=into)
        # Compared as fractions: amount per second, times seconds.
        assert there * other * per <= seconds * amount * other_per
        assert (there + 1) * other * per > seconds * amount * other_per
        assert periods.converted_seconds(there, worth=into, into=worth) <= seconds


@pytest.mark.parametrize("months", [0, 1])
def test_laying_again_what_lies_moves_nothing(months: int) -> None:
    start = local("2027-01-31T10:00")
    rows = periods.relaid(
        [Stretch(start, start + timedelta(days=30), months=months)] * 4, start, anchor_day=None, zone=BERLIN
    )
    assert periods.relaid(rows, start, anchor_day=31, zone=BERLIN) == rows
