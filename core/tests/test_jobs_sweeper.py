"""The sweeper: lost workers, lost wake-ups, periods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries

from conftest import TestClock
from core import jobs
from core.actors import Actor
from core.clock import now
from core.jobs import drain, runner, sweeper, wake_ups
from core.models import Job
from core.tests.brokers import filesystem_broker, woken
from core.tests.racing import race

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registry_restored", "fresh_process")]


@pytest.fixture
def handler(registry_restored: None) -> None:
    @jobs.job("core.test", max_attempts=2, lease_seconds=60)
    def test(*, by: Actor) -> None: ...


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Path]:
    """Where the messages of a broker of the test's own lie."""
    with filesystem_broker(tmp_path / "broker") as messages:
        yield messages


def ids(*found: Job) -> list[str]:
    return [str(job.pk) for job in found]


@pytest.mark.usefixtures("handler")
class TestReclaim:
    def test_queues_a_job_whose_worker_was_lost_again(self, clock: TestClock) -> None:
        job = jobs.enqueue("core.test")
        runner.claim(job.pk)
        clock.advance(seconds=61)
        assert sweeper.reclaim() == 1
        job.refresh_from_db()
        assert (job.state, job.attempts, job.lease_token) == ("queued", 1, None)
        assert job.run_at == job.wake_at == now()
        assert "worker was lost" in job.last_error

    def test_leaves_a_lease_that_has_not_ended(self, clock: TestClock) -> None:
        job = jobs.enqueue("core.test")
        runner.claim(job.pk)
        clock.advance(seconds=59)
        assert sweeper.reclaim() == 0

    def test_lets_a_job_die_that_killed_its_worker_in_every_attempt(self, clock: TestClock) -> None:
        letters: list[jobs.DeadLetter] = []

        @jobs.on_dead_letter
        def hears(letter: jobs.DeadLetter, /, *, by: Actor) -> None:
            letters.append(letter)

        job = jobs.enqueue("core.test")
        for _ in range(2):
            assert runner.claim(job.pk) is not None
            clock.advance(seconds=61)
            sweeper.reclaim()
        job.refresh_from_db()
        assert (job.state, job.attempts) == ("dead", 2)
        assert [letter.job_id for letter in letters] == [job.pk]
        assert sweeper.reclaim() == 0


@pytest.mark.usefixtures("handler")
class TestWake:
    def test_repeats_a_wake_up_that_nobody_followed(self, broker: Path, clock: TestClock) -> None:
        job = jobs.enqueue("core.test")
        assert sweeper.wake() == 0
        clock.advance(seconds=31)
        assert sweeper.wake() == 1
        assert woken(broker) == ids(job)
        assert sweeper.wake() == 0

    def test_wakes_the_oldest_first(self, broker: Path, clock: TestClock) -> None:
        later, sooner = (jobs.enqueue("core.test", delay=timedelta(minutes=minutes)) for minutes in (2, 1))
        clock.advance(minutes=3)
        sweeper.wake()
        assert woken(broker) == ids(sooner, later)

    def test_wakes_a_job_when_its_time_has_come(self, broker: Path, clock: TestClock) -> None:
        job = jobs.enqueue("core.test", delay=timedelta(hours=1))
        clock.advance(minutes=59)
        assert sweeper.wake() == 0
        clock.advance(minutes=1)
        assert sweeper.wake() == 1
        assert woken(broker) == ids(job)

    def test_repeats_itself_the_more_rarely_the_longer_a_job_has_waited(self, broker: Path, clock: TestClock) -> None:
        job = jobs.enqueue("core.test")
        pauses = []
        for minutes in (5, 60):
            clock.advance(minutes=minutes)
            sweeper.wake()
            job.refresh_from_db()
            pauses.append(job.wake_at - now())
        assert pauses == [timedelta(minutes=5), timedelta(minutes=10)]

    @pytest.mark.parametrize("state", ["running", "done"])
    def test_lets_jobs_be_that_are_running_or_done(self, state: str, broker: Path, clock: TestClock) -> None:
        job = jobs.enqueue("core.test")
        claimed = runner.claim(job.pk)
        assert claimed is not None
        if state == "done":
            runner.run_claimed(claimed)
        clock.advance(seconds=40)
        assert sweeper.wake() == 0

    def test_tries_at_once_again_when_the_broker_is_away(self, broker: Path, clock: TestClock) -> None:
        found = [jobs.enqueue("core.test") for _ in range(3)]
        clock.advance(seconds=31)
        _take_away(broker)
        assert sweeper.wake() == 0
        _give_back(broker)
        assert sweeper.wake() == 3
        assert set(woken(broker)) == set(ids(*found))


def _take_away(broker: Path) -> None:
    """A file where the folder should be: not even root can write into it."""
    if broker.parent.exists():
        broker.parent.rename(broker.parent.with_suffix(".away"))
    broker.parent.write_text("no folder")


def _give_back(broker: Path) -> None:
    broker.parent.unlink()


@pytest.mark.usefixtures("handler")
class TestEnqueueing:
    @pytest.mark.django_db(transaction=True)
    def test_sends_the_wake_up_after_the_commit(self, broker: Path) -> None:
        assert woken(broker) == []
        job = jobs.enqueue("core.test")
        assert woken(broker) == ids(job)

    def test_sends_nothing_before_the_commit(self, broker: Path) -> None:
        jobs.enqueue("core.test")
        assert woken(broker) == []

    @pytest.mark.django_db(transaction=True)
    def test_sends_nothing_for_a_job_that_waits_or_was_found(self, broker: Path) -> None:
        jobs.enqueue("core.test", delay=timedelta(hours=1))
        first = jobs.enqueue("core.test", key="k")
        jobs.enqueue("core.test", key="k")
        assert woken(broker) == ids(first)

    @pytest.mark.django_db(transaction=True)
    def test_never_fails_because_the_broker_is_away(self, broker: Path) -> None:
        """F19: the job is committed, and the sweeper wakes it when the broker is back."""
        _take_away(broker)
        job = jobs.enqueue("core.test")
        assert Job.objects.get(pk=job.pk).state == Job.State.QUEUED
        _give_back(broker)
        Job.objects.update(wake_at=now())
        sweeper.wake()
        assert woken(broker) == ids(job)

    @pytest.mark.django_db(transaction=True)
    def test_leaves_a_broker_alone_that_was_away_a_moment_ago(self, broker: Path) -> None:
        _take_away(broker)
        jobs.enqueue("core.test")
        _give_back(broker)
        jobs.enqueue("core.test")
        assert woken(broker) == []
        wake_ups._silent_until = 0.0
        last = jobs.enqueue("core.test")
        assert woken(broker) == ids(last)


class TestPeriods:
    @pytest.fixture(autouse=True)
    def only_these(self, registry_restored: None) -> None:
        from core.jobs import registry

        registry._definitions.clear()

        @jobs.periodic("core.each_minute", every_seconds=60, max_attempts=7, lease_seconds=9)
        def each_minute(*, by: Actor) -> None: ...

    @pytest.fixture
    def daily(self, only_these: None) -> list[str]:
        periods: list[str] = []

        @jobs.periodic("core.daily", every_seconds=86_400, catch_up=True)
        def daily(*, period: str, by: Actor) -> None:
            periods.append(period)

        return periods

    def test_queues_one_job_per_period(self, clock: TestClock) -> None:
        assert [sweeper.enqueue_periods() for _ in range(3)] == [1, 0, 0]
        job = Job.objects.get()
        assert job.key is not None
        start = datetime.strptime(job.key, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        assert start <= now() < start + timedelta(minutes=1)
        assert (start.second, job.max_attempts, job.lease_seconds, job.args) == (0, 7, 9, {})
        assert job.wake_at == now()

    def test_queues_the_next_when_the_last_is_done(self, clock: TestClock) -> None:
        sweeper.enqueue_periods()
        runner.run(Job.objects.get().pk)
        assert sweeper.enqueue_periods() == 0
        clock.advance(seconds=60)
        assert sweeper.enqueue_periods() == 1

    def test_skips_a_period_while_the_last_ones_job_is_unfinished(self, clock: TestClock) -> None:
        sweeper.enqueue_periods()
        clock.advance(seconds=60)
        assert sweeper.enqueue_periods() == 0
        runner.claim()
        clock.advance(seconds=60)
        assert sweeper.enqueue_periods() == 0

    def test_skips_what_passed_while_nobody_was_there(self, clock: TestClock) -> None:
        """F10: after three days without a beat, one job and no storm."""
        sweeper.enqueue_periods()
        runner.run(Job.objects.get().pk)
        clock.advance(days=3)
        assert sweeper.enqueue_periods() == 1

    def test_catches_up_on_every_period_where_asked_to(self, daily: list[str], clock: TestClock) -> None:
        """F10: after three days without a beat, each missed day once, the oldest first."""
        sweeper.enqueue_periods()
        clock.advance(days=3)
        sweeper.enqueue_periods()
        assert sweeper.enqueue_periods() == 0
        drain.run_due()
        days = [datetime.fromisoformat(period) for period in daily]
        assert len(days) == 4
        assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))

    def test_begins_with_the_present_period_when_there_was_none(self, daily: list[str]) -> None:
        sweeper.enqueue_periods()
        assert Job.objects.filter(name="core.daily").count() == 1

    def test_catches_up_on_a_thousand_periods_at_a_time(self, clock: TestClock) -> None:
        @jobs.periodic("core.often", every_seconds=60, catch_up=True)
        def often(*, period: str, by: Actor) -> None: ...

        sweeper.enqueue_periods()
        clock.advance(minutes=1500)
        sweeper.enqueue_periods()
        assert Job.objects.filter(name="core.often").count() == 1001
        sweeper.enqueue_periods()
        assert Job.objects.filter(name="core.often").count() == 1501

    @pytest.mark.django_db(transaction=True)
    def test_makes_one_job_of_a_period_that_many_beats_begin(self) -> None:
        """F09."""
        assert sum(race(*[sweeper.enqueue_periods] * 12)) == 1
        assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("handler")
class TestRaces:
    def test_shares_the_lost_between_sweepers(self) -> None:
        for _ in range(20):
            claimed = runner.claim(jobs.enqueue("core.test").pk)
            assert claimed is not None
        Job.objects.update(lease_expires_at=now() - timedelta(seconds=1))
        assert sum(race(*[sweeper.reclaim] * 8)) == 20
        assert Job.objects.filter(state="queued").count() == 20

    def test_shares_the_wake_ups_between_sweepers(self, broker: Path) -> None:
        Job.objects.bulk_create(Job(name="core.test", max_attempts=1, lease_seconds=1) for _ in range(50))
        assert sum(race(*[sweeper.wake] * 4)) == 50
        assert sorted(woken(broker)) == sorted(ids(*Job.objects.all()))


def test_the_whole_tick_takes_a_fixed_number_of_statements(
    handler: None, broker: Path, clock: TestClock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sweeper.tick()
    clock.advance(seconds=31)
    with django_assert_num_queries(3 + _SAVEPOINT):
        sweeper.tick()
    for _ in range(20):
        jobs.enqueue("core.test")
    clock.advance(seconds=31)
    with django_assert_num_queries(3 + _SAVEPOINT):
        sweeper.tick()


# The transaction of reclaim(), inside the test's own, is a savepoint and its release.
_SAVEPOINT = 2
