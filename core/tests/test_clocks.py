"""The test clock: time passes in leaps, what falls due runs in order, and production's clock stands where it stands."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Final

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import Settings

from core import clock, clock_marks, errors, jobs
from core.actors import SYSTEM, Actor
from core.clock_moments import stops_after
from core.database import LENT
from core.database_roles import as_owner, grant
from core.jobs import registry, runner
from core.models import Job
from core.operations import clocks
from core.tests import interpreters
from core.tests.application import the_role
from core.tests.racing import race

DAY: Final = 86_400

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def ran(registry_restored: None) -> list[tuple[str, datetime]]:
    """What the jobs of this test did, and when the database said that was."""
    registry._definitions.clear()
    told: list[tuple[str, datetime]] = []

    @jobs.job("core.test")
    def once(*, by: Actor, says: str = "once") -> None:
        told.append((says, clock.now()))

    @jobs.periodic("core.daily", every_seconds=DAY)
    def daily(*, by: Actor) -> None:
        told.append(("daily", clock.now()))

    return told


def advance(seconds: int, *, most_stops: int | None = None, most_told: int = clocks.MOST_TOLD) -> clocks.Advance:
    return clocks.advance(seconds=seconds, most_stops=most_stops, most_told=most_told, by=SYSTEM)


def scalar(question: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


class TestTime:
    def test_goes_on_by_so_much(self) -> None:
        before = clock.now()
        done = advance(3 * DAY)
        assert done.arrived
        assert timedelta(0) <= clock.now() - done.now < timedelta(seconds=30)
        assert timedelta(days=3) <= done.now - before < timedelta(days=3, seconds=30)

    def test_adds_up(self) -> None:
        before = clock.now()
        for _ in range(3):
            advance(DAY)
        assert timedelta(days=3) <= clock.now() - before < timedelta(days=3, seconds=60)

    def test_is_an_expression_that_the_planner_sees_through(self) -> None:
        advance(DAY)
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (VERBOSE) SELECT id FROM core_job WHERE wake_at <= core_now() AND state = 'queued'")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "core_now" not in plan
        assert "now() + " in plan

    @pytest.mark.parametrize("seconds", [0, -1, clocks.MOST_SECONDS + 1])
    def test_goes_neither_back_nor_very_far(self, seconds: int) -> None:
        with pytest.raises(errors.ValidationFailed):
            advance(seconds)
        assert scalar("SELECT core_clock_offset()") == timedelta(0)

    def test_is_not_moved_a_hundred_years_ahead(self) -> None:
        for _ in range(9):
            advance(clocks.MOST_SECONDS)
        with pytest.raises(errors.ValidationFailed):
            advance(clocks.MOST_SECONDS)

    @pytest.mark.parametrize("moment", ["core_now() - interval '1 second'", "core_now() + interval '3661 days'"])
    def test_is_kept_within_bounds_by_the_database_as_well(self, moment: str) -> None:
        with pytest.raises(IntegrityError, match="ten years"):
            scalar(f"SELECT core_move_clock({moment})")


class TestWhatFallsDue:
    def test_runs_in_the_order_of_its_moments(self, ran: list[tuple[str, datetime]]) -> None:
        start = clock.now()
        for says, hours in (("third", 50), ("first", 1), ("second", 26)):
            jobs.enqueue("core.test", says=says, delay=timedelta(hours=hours))
        done = advance(3 * DAY)
        said = [(says, round((at - start).total_seconds() / 3600)) for says, at in ran if says != "daily"]
        assert said == [("first", 1), ("second", 26), ("third", 50)]
        assert [each.job for each in done.ran if each.at > start].count("core.test") == 3
        assert [each.at for each in done.ran] == sorted(each.at for each in done.ran)
        assert done.ran_in_all == len(done.ran)
        assert {each.outcome for each in done.ran} == {runner.Outcome.DONE}

    def test_runs_before_time_passes_if_it_is_due_already(self, ran: list[tuple[str, datetime]]) -> None:
        start = clock.now()
        jobs.enqueue("core.test")
        advance(DAY)
        assert ran[0][1] - start < timedelta(seconds=30)

    def test_may_ask_for_more_on_the_way(self, ran: list[tuple[str, datetime]]) -> None:
        start = clock.now()

        @jobs.job("core.monthly")
        def monthly(*, by: Actor) -> None:
            ran.append(("monthly", clock.now()))
            jobs.enqueue("core.monthly", delay=timedelta(days=30))

        jobs.enqueue("core.monthly", delay=timedelta(days=30))
        advance(365 * DAY)
        days = [round((at - start).total_seconds() / DAY) for says, at in ran if says == "monthly"]
        assert days == [30 * month for month in range(1, 13)]

    def test_is_tried_again_after_its_pauses_and_dies_in_the_end(self) -> None:
        @jobs.job("core.broken", max_attempts=4, backoff_seconds=60)
        def broken(*, by: Actor) -> None:
            raise RuntimeError

        jobs.enqueue("core.broken")
        outcomes = [each.outcome.value for each in advance(DAY).ran if each.job == "core.broken"]
        assert outcomes == ["retry", "retry", "retry", "dead"]

    def test_does_not_storm_after_a_year_of_periods(self, ran: list[tuple[str, datetime]]) -> None:
        """The periods between two stops are skipped, as when nobody was there."""
        advance(365 * DAY)
        assert [says for says, _at in ran] == ["daily", "daily"]

    def test_is_caught_up_on_where_a_job_asks_for_each_of_its_periods(self) -> None:
        periods: list[str] = []

        @jobs.periodic("core.each_day", every_seconds=DAY, catch_up=True)
        def each_day(*, period: str, by: Actor) -> None:
            periods.append(period)

        advance(10 * DAY)
        assert len(periods) == 11
        assert periods == sorted(periods)

    def test_stops_the_clock_at_most_so_often(self) -> None:
        for hours in range(1, 6):
            jobs.enqueue("core.test", delay=timedelta(hours=hours))
        done = advance(DAY, most_stops=2)
        assert not done.arrived
        assert Job.objects.filter(name="core.test", state=Job.State.QUEUED).count() == 3
        assert advance(DAY).arrived

    def test_is_told_up_to_a_bound_and_counted_beyond(self) -> None:
        Job.objects.bulk_create(Job(name="core.nobody", max_attempts=1, lease_seconds=60) for _ in range(35))
        done = advance(1, most_told=30)
        assert len(done.ran) == 30
        assert done.ran_in_all >= 35
        assert advance(1).most_told == clocks.MOST_TOLD == 1000

    def test_of_a_periodic_job_is_done_when_its_period_begins(self) -> None:
        from core import clock_moments

        registered = list(clock_moments._registered)
        due = datetime(2030, 5, 17, 13, 20, 1, tzinfo=UTC)
        clock_moments._registered[:] = [clock_moments.Moments("core.daily", lambda _moment: due)]
        try:
            assert [stop.at for stop in stops_after(clock.now())] == [datetime(2030, 5, 18, tzinfo=UTC)]
        finally:
            clock_moments._registered[:] = registered


class TestAtOnce:
    def test_one_moves_it_and_the_others_are_told(self) -> None:
        before = clock.now()

        def attempt() -> str:
            try:
                advance(DAY)
            except errors.ClockIsMoving as refusal:
                return refusal.code
            return "moved"

        told = race(*[attempt] * 6)
        moved = told.count("moved")
        assert moved >= 1
        assert set(told) <= {"moved", "core.clock_is_moving"}
        # Never twice by one call, and never by one that was refused.
        assert round((clock.now() - before) / timedelta(days=1)) == moved

    def test_who_comes_while_it_moves_is_refused_and_moves_nothing(self) -> None:
        @jobs.job("core.impatient")
        def impatient(*, by: Actor) -> None:
            """Moves the clock from another connection while it is moving."""
            (code,) = race(_refused)
            told.append(code)

        told: list[str] = []
        before = clock.now()
        jobs.enqueue("core.impatient")
        advance(60)
        assert told == ["core.clock_is_moving"]
        assert clock.now() - before < timedelta(minutes=2)
        assert advance(60).arrived

    def test_a_running_jobs_lease_travels_along(self) -> None:
        jobs.enqueue("core.test")
        claimed = runner.claim()
        assert claimed is not None
        advance(DAY)
        assert Job.objects.get(pk=claimed.job_id).lease_token == claimed.token
        assert runner.run_claimed(claimed) is runner.Outcome.DONE


def _refused() -> str:
    with pytest.raises(errors.ClockIsMoving) as refusal:
        advance(3600)
    return refusal.value.code


class TestProduction:
    def test_does_not_move_its_clock(self, settings: Settings) -> None:
        settings.ENV = "production"
        with pytest.raises(errors.ClockIsFixed):
            advance(60)
        with pytest.raises(CommandError, match=r"core\.clock_is_fixed"):
            call_command("advance_clock", "1")
        assert scalar("SELECT core_clock_offset()") == timedelta(0)

    def test_marks_its_database_for_good(self) -> None:
        """A copy of it that is tried out elsewhere keeps the mark."""
        with as_owner(), transaction.atomic():
            clock_marks.mark(is_production=True)
            clock_marks.mark(is_production=False)
            assert scalar("SELECT core_clock_kind()") == "fixed"
            with pytest.raises(errors.ClockIsFixed):
                advance(60)
            with pytest.raises(IntegrityError, match="fixed"), transaction.atomic():
                scalar("SELECT core_move_clock(core_now() + interval '1 day')")
            assert scalar("SELECT core_clock_offset()") == timedelta(0)
            transaction.set_rollback(True)
        assert scalar("SELECT core_clock_kind()") == "movable"

    def test_does_not_lend_the_function(self, settings: Settings) -> None:
        role = the_role()
        kept = dict(LENT)
        LENT.clear()
        settings.ENV = "production"
        try:
            clock_marks.lend_outside_production()
            assert clock_marks.MOVE not in LENT
            with as_owner():
                grant(role)
            with pytest.raises(ProgrammingError, match="permission denied"):
                scalar("SELECT core_move_clock(core_now() + interval '1 day')")
        finally:
            LENT.update(kept)
            with as_owner():
                grant(role)

    def test_does_not_take_over_a_database_whose_clock_was_moved(self) -> None:
        advance(DAY)
        with as_owner(), pytest.raises(clock_marks.ClockWasMoved):
            clock_marks.mark(is_production=True)
        assert scalar("SELECT core_clock_kind()") == "movable"

    @pytest.mark.parametrize(
        ("env", "said"), [("production", "nowhere"), ("development", "/api/v1/test-clock/advance")]
    )
    def test_has_no_route(self, env: str, said: str) -> None:
        program = (
            "import django; django.setup()\n"
            "from django.urls import NoReverseMatch, reverse\n"
            "try: print(reverse('test-clock-advance'))\n"
            "except NoReverseMatch: print('nowhere')\n"
        )
        safe = {
            "ENV": env,
            "SECRET_KEY": "k" * 60,
            "ALLOWED_HOSTS": "dvorik.example",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        done = interpreters.run(["-c", program], environment={**os.environ, **safe})
        assert done.stdout.strip() == said, done.stderr


class TestCommand:
    @pytest.fixture(autouse=True)
    def in_english(self) -> Iterator[None]:
        with translation.override("en"):
            yield

    @pytest.mark.parametrize("how_far", [["2"], ["--seconds", "172800"]])
    def test_says_what_ran_and_what_time_it_is(self, how_far: list[str]) -> None:
        before = clock.now()
        jobs.enqueue("core.test", delay=timedelta(hours=5))
        told = StringIO()
        call_command("advance_clock", *how_far, stdout=told)
        assert "core.test" in told.getvalue()
        assert "It is " in told.getvalue()
        assert clock.now() - before >= timedelta(days=2)

    def test_refuses_to_go_back(self) -> None:
        with pytest.raises(CommandError, match="ten years"):
            call_command("advance_clock", "--seconds", "0")


def test_a_standing_clock_costs_what_it_always_did() -> None:
    """The move is no row that each statement reads."""
    with CaptureQueriesContext(
        connection,
    ) as before:
        runner.claim()
    advance(DAY)
    with CaptureQueriesContext(connection) as after:
        runner.claim()
    assert len(before) == len(after) == 1
