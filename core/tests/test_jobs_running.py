"""Running: one lease at a time, attempts that count, and an end written by the lease's holder only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection

from conftest import TestClock
from core import jobs
from core.actors import Actor, Circumstances, circumstances, under
from core.clock import now
from core.jobs import drain, lease, runner
from core.jobs.runner import Outcome
from core.models import Job
from core.rules import backoff
from core.tests.racing import race, with_own_connection

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registry_restored", "fresh_process")]


@pytest.fixture
def ran() -> list[str]:
    return []


@pytest.fixture
def handler(registry_restored: None, ran: list[str]) -> None:
    @jobs.job("core.test", max_attempts=3, lease_seconds=60, backoff_seconds=10)
    def test(*, what: str = "", by: Actor) -> None:
        ran.append(what)
        if what == "fail":
            raise ValueError("broken \x00 \ud800 beyond storing")


@pytest.mark.usefixtures("handler")
class TestRun:
    def test_runs_the_handler_and_marks_the_job_done(self, ran: list[str]) -> None:
        job = jobs.enqueue("core.test", what="it")
        assert runner.run(job.pk) is Outcome.DONE
        job.refresh_from_db()
        assert ran == ["it"]
        assert (job.state, job.attempts, job.lease_token, job.lease_expires_at) == ("done", 1, None, None)
        assert job.finished_at is not None

    def test_does_not_run_a_done_job_again(self, ran: list[str]) -> None:
        job = jobs.enqueue("core.test")
        runner.run(job.pk)
        assert runner.run(job.pk) is Outcome.NOT_TAKEN
        assert len(ran) == 1

    def test_does_not_run_a_job_before_its_time(self, ran: list[str], clock: TestClock) -> None:
        job = jobs.enqueue("core.test", delay=timedelta(hours=1))
        assert runner.run(job.pk) is Outcome.NOT_TAKEN
        clock.advance(minutes=61)
        assert runner.run(job.pk) is Outcome.DONE

    def test_does_nothing_for_an_unknown_id(self) -> None:
        assert runner.run(uuid4()) is Outcome.NOT_TAKEN

    def test_runs_outside_any_transaction_of_its_own(self, django_db_blocker: object) -> None:
        depths = []

        @jobs.job("core.test_depth")
        def depth(*, by: Actor) -> None:
            depths.append(len(connection.savepoint_ids))

        before = len(connection.savepoint_ids)
        runner.run(jobs.enqueue("core.test_depth").pk)
        assert depths == [before]

    def test_acts_as_the_job_on_behalf_of_the_one_who_asked(self) -> None:
        seen: list[tuple[Actor, Circumstances]] = []

        @jobs.job("core.test_who")
        def who(*, by: Actor) -> None:
            seen.append((by, circumstances()))

        with under(request_id="r-1", ip="192.0.2.1", reason="asked", door="api"):
            anna = Actor(kind="user", id="7", label="anna", user_id="7")
            with under(actor=anna):
                job = jobs.enqueue("core.test_who")
        runner.run(job.pk)
        actor = Actor(kind="job", id="core.test_who", label="core.test_who", user_id="7")
        assert seen == [(actor, Circumstances(door="job", request_id="r-1", reason="asked", actor=actor))]

    def test_drains_what_is_due_oldest_first(self, ran: list[str], clock: TestClock) -> None:
        jobs.enqueue("core.test", what="late", delay=timedelta(hours=2))
        jobs.enqueue("core.test", what="second", delay=timedelta(minutes=2))
        jobs.enqueue("core.test", what="first", delay=timedelta(minutes=1))
        clock.advance(hours=1)
        assert drain.run_due() == [("core.test", Outcome.DONE)] * 2
        assert ran == ["first", "second"]

    def test_drains_no_more_than_the_limit(self) -> None:
        for _ in range(3):
            jobs.enqueue("core.test")
        assert len(drain.run_due(limit=2)) == 2


class TestPostponing:
    """What cannot begin waits, however often, and loses no attempt by it."""

    @pytest.fixture
    def hindered(self) -> list[int]:
        """For how many seconds each of the next runs cannot begin."""
        pauses: list[int] = []

        @jobs.job("core.test_hindered", max_attempts=2)
        def begin(*, by: Actor) -> None:
            if pauses:
                raise jobs.Postponed("the road is closed", seconds=pauses.pop(0))

        return pauses

    def test_runs_it_again_when_it_may_begin(self, hindered: list[int], clock: TestClock) -> None:
        clock.stop()
        hindered.extend([35] * 5)
        job = jobs.enqueue("core.test_hindered")
        for _closed in range(5):
            assert runner.run(job.pk) is Outcome.POSTPONED
            job.refresh_from_db()
            assert (job.state, job.attempts, job.lease_token, job.lease_expires_at) == ("queued", 0, None, None)
            assert job.run_at == job.wake_at == now() + timedelta(seconds=35)
            assert job.last_error == "the road is closed"
            assert runner.run(job.pk) is Outcome.NOT_TAKEN, "it is not due"
            clock.advance(seconds=35)
        assert runner.run(job.pk) is Outcome.DONE
        job.refresh_from_db()
        assert job.attempts == 1

    def test_waits_at_least_a_second(self, hindered: list[int], clock: TestClock) -> None:
        clock.stop()
        hindered.append(0)
        job = jobs.enqueue("core.test_hindered")
        assert drain.run_due() == [("core.test_hindered", Outcome.POSTPONED)]
        job.refresh_from_db()
        assert job.run_at == now() + timedelta(seconds=1)

    def test_changes_nothing_without_the_lease(self, hindered: list[int]) -> None:
        hindered.append(35)
        job = jobs.enqueue("core.test_hindered")
        claimed = runner.claim(job.pk)
        assert claimed is not None
        Job.objects.filter(pk=job.pk).update(lease_token=uuid4())
        assert runner.run_claimed(claimed) is Outcome.LEASE_LOST
        job.refresh_from_db()
        assert (job.state, job.attempts, job.last_error) == ("running", 1, "")


@pytest.mark.usefixtures("handler")
class TestFailure:
    def test_queues_a_failed_job_again_after_a_pause(self, clock: TestClock) -> None:
        job = jobs.enqueue("core.test", what="fail")
        assert runner.run(job.pk) is Outcome.RETRY
        job.refresh_from_db()
        assert (job.state, job.attempts, job.lease_token) == ("queued", 1, None)
        assert timedelta(seconds=5) <= job.run_at - now() <= timedelta(seconds=15)
        assert job.wake_at == job.run_at
        assert runner.run(job.pk) is Outcome.NOT_TAKEN
        clock.advance(seconds=15)
        assert runner.run(job.pk) is Outcome.RETRY

    def test_keeps_the_last_error_whatever_it_holds(self) -> None:
        job = jobs.enqueue("core.test", what="fail")
        runner.run(job.pk)
        job.refresh_from_db()
        assert job.last_error.endswith("ValueError: broken \\x00 \\ud800 beyond storing\n")

    def test_keeps_the_end_of_a_long_error(self) -> None:
        @jobs.job("core.test_long")
        def long(*, by: Actor) -> None:
            raise ValueError("x" * 100_000 + "the end")

        job = jobs.enqueue("core.test_long")
        runner.run(job.pk)
        job.refresh_from_db()
        assert len(job.last_error) == 4000
        assert job.last_error.endswith("the end\n")

    def test_dies_when_no_attempt_is_left_and_says_so(self, clock: TestClock) -> None:
        letters: list[jobs.DeadLetter] = []

        @jobs.on_dead_letter
        def hears(letter: jobs.DeadLetter, /, *, by: Actor) -> None:
            letters.append(letter)

        job = jobs.enqueue("core.test", what="fail", key="k")
        outcomes = []
        for _ in range(3):
            outcomes.append(runner.run(job.pk))
            clock.advance(hours=2)
        job.refresh_from_db()
        assert outcomes == [Outcome.RETRY, Outcome.RETRY, Outcome.DEAD]
        assert (job.state, job.attempts) == ("dead", 3)
        assert [(each.job_id, each.name, each.key, each.attempts) for each in letters] == [
            (job.pk, "core.test", "k", 3)
        ]
        assert letters[0].error == job.last_error
        assert runner.run(job.pk) is Outcome.NOT_TAKEN

    def test_dies_even_if_a_listener_fails_and_tells_the_others(self) -> None:
        heard: list[UUID] = []

        @jobs.on_dead_letter
        def fails(letter: jobs.DeadLetter, /, *, by: Actor) -> None:
            Job.objects.create(name="core.left_behind", max_attempts=1, lease_seconds=1)
            raise ZeroDivisionError

        @jobs.on_dead_letter
        def hears(letter: jobs.DeadLetter, /, *, by: Actor) -> None:
            heard.append(letter.job_id)

        job = jobs.enqueue("core.test", what="fail")
        Job.objects.update(max_attempts=1)
        assert runner.run(job.pk) is Outcome.DEAD
        assert heard == [job.pk]
        assert not Job.objects.filter(name="core.left_behind").exists()

    def test_counts_a_name_that_this_process_does_not_know_as_a_failure(self) -> None:
        job = Job.objects.create(name="core.newer", max_attempts=2, lease_seconds=1)
        assert runner.run(job.pk) is Outcome.RETRY
        job.refresh_from_db()
        assert "UnknownJob: core.newer" in job.last_error


class TestBackoff:
    def test_doubles_from_the_first_pause(self) -> None:
        assert [backoff.pause(attempt=n, first=5, chance=0.5) for n in (1, 2, 3, 4)] == [5, 10, 20, 40]

    def test_ends_at_an_hour(self) -> None:
        assert backoff.pause(attempt=5000, first=5, chance=0.5) == 3600

    def test_spreads_by_half(self) -> None:
        assert backoff.pause(attempt=1, first=10, chance=0.0) == 5
        assert backoff.pause(attempt=1, first=10, chance=1.0) == 15


@pytest.mark.usefixtures("handler")
class TestLease:
    def test_blocks_a_second_copy(self, ran: list[str]) -> None:
        job = jobs.enqueue("core.test")
        first = runner.claim(job.pk)
        assert first is not None
        assert runner.run(job.pk) is Outcome.NOT_TAKEN
        assert runner.run_claimed(first) is Outcome.DONE
        assert len(ran) == 1

    def test_passes_on_when_it_has_ended(self, clock: TestClock) -> None:
        job = jobs.enqueue("core.test")
        first = runner.claim(job.pk)
        clock.advance(seconds=61)
        second = runner.claim(job.pk)
        assert first is not None
        assert second is not None
        assert second.attempt == 2
        assert second.token != first.token

    def test_keeps_a_worker_that_lost_it_from_finishing(self, clock: TestClock) -> None:
        job = jobs.enqueue("core.test", what="fail")
        first = runner.claim(job.pk)
        clock.advance(seconds=61)
        second = runner.claim(job.pk)
        assert first is not None
        assert second is not None
        assert runner.run_claimed(first) is Outcome.LEASE_LOST
        assert runner._done(first) is Outcome.LEASE_LOST
        job.refresh_from_db()
        assert (job.state, job.lease_token, job.last_error) == ("running", second.token, "")

    def test_is_renewed_by_its_token_only(self, clock: TestClock) -> None:
        job = jobs.enqueue("core.test")
        claimed = runner.claim(job.pk)
        assert claimed is not None
        clock.advance(seconds=50)
        assert lease.renew(job.pk, claimed.token)
        assert not lease.renew(job.pk, uuid4())
        clock.advance(seconds=50)
        assert runner.claim(job.pk) is None

    def test_gives_no_attempt_beyond_the_last(self, clock: TestClock) -> None:
        job = jobs.enqueue("core.test")
        for _ in range(3):
            assert runner.claim(job.pk) is not None
            clock.advance(seconds=61)
        assert runner.claim(job.pk) is None


@pytest.mark.django_db(transaction=True)
class TestRaces:
    @pytest.fixture
    def job(self, registry_restored: None) -> Job:
        @jobs.job("core.test", lease_seconds=1)
        def test(*, by: Actor) -> None: ...

        return jobs.enqueue("core.test")

    def test_gives_one_job_to_one_of_many_workers(self, job: Job) -> None:
        claims = race(*[lambda: runner.claim(job.pk)] * 16)
        assert sum(claim is not None for claim in claims) == 1

    def test_gives_an_expired_lease_to_one_of_many_workers(self, job: Job) -> None:
        runner.claim(job.pk)
        Job.objects.update(lease_expires_at=now() - timedelta(seconds=1))
        claims = race(*[lambda: runner.claim(job.pk)] * 16)
        assert sum(claim is not None for claim in claims) == 1

    def test_shares_the_queue_between_workers(self, job: Job) -> None:
        for _ in range(7):
            jobs.enqueue("core.test")
        claims = race(*[runner.claim] * 8)
        assert len({claim.job_id for claim in claims if claim}) == sum(claim is not None for claim in claims)
        assert any(claims)

    def test_would_give_it_to_several_if_it_looked_before_it_took(self, job: Job) -> None:
        """The negative control: the same race, won by everybody who checks first and writes afterwards."""
        looked = threading.Barrier(8)

        def claim_naively() -> bool:
            is_free = Job.objects.filter(pk=job.pk, state="queued").exists()
            looked.wait(10)
            return is_free and bool(
                Job.objects.filter(pk=job.pk).update(state="running", lease_token=uuid4(), lease_expires_at=now())
            )

        assert sum(race(*[claim_naively] * 8)) == 8

    def test_keeps_the_lease_of_a_handler_that_outlives_it(self, job: Job) -> None:
        """The handler goes on until its first lease has passed; a second worker finds nothing to take."""
        found: list[object] = []

        def goes_on(*, by: Actor) -> None:
            first_end = Job.objects.get(pk=job.pk).lease_expires_at
            assert first_end is not None
            pause = threading.Event()
            while now() <= first_end:
                pause.wait(0.05)
            found.extend(race(lambda: runner.claim(job.pk)))

        assert run_as("core.test", goes_on, job) is Outcome.DONE
        assert found == [None]

    def test_loses_the_lease_of_a_handler_when_nobody_renews_it(self, job: Job) -> None:
        """The negative control: without the renewing thread the second worker takes the job."""
        claimed = runner.claim(job.pk)
        assert claimed is not None
        pause = threading.Event()
        while now() <= Job.objects.get(pk=job.pk).lease_expires_at:  # type: ignore[operator]  # it is leased
            pause.wait(0.05)
        assert with_own_connection(lambda: runner.claim(job.pk))() is not None


def run_as(name: str, handler: Callable[..., None], job: Job) -> Outcome:
    """Run a job with another handler than it was registered with."""
    from core.jobs import registry

    registry._definitions.pop(name)
    jobs.job(name, lease_seconds=1)(handler)
    return runner.run(job.pk)
