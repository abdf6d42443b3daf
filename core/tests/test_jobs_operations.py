"""What staff decide about jobs, and what time does to old ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import transaction

from conftest import TestClock
from core import errors, jobs
from core.actors import SYSTEM, Actor
from core.clock import now
from core.jobs import runner
from core.models import Job
from core.operations import jobs as operations
from core.operations import settings
from core.tasks import purge_done_jobs

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registry_restored", "fresh_process")]

ANNA = Actor(kind="user", id="7", label="anna", user_id="7")


@pytest.fixture
def decisions(registry_restored: None) -> list[tuple[str, str, Actor]]:
    heard: list[tuple[str, str, Actor]] = []

    @jobs.on_decision
    def hears(decision: jobs.Decision, /, *, by: Actor) -> None:
        heard.append((decision.deed, decision.reason, by))

    return heard


def job_in(state: str) -> Job:
    @jobs.job(f"core.test_{state}", max_attempts=1)
    def handler(*, by: Actor) -> None:
        if state == "dead":
            raise ZeroDivisionError

    job = jobs.enqueue(f"core.test_{state}")
    if state == "running":
        runner.claim(job.pk)
    elif state != "queued":
        runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == state
    return job


def row(job: Job) -> Mapping[str, object]:
    return Job.objects.values().get(pk=job.pk)


class TestRunAgain:
    def test_gives_a_dead_job_all_attempts_again(self, decisions: list[tuple[str, str, Actor]]) -> None:
        job = operations.run_again(job_id=job_in("dead").pk, by=ANNA, reason="the provider is back")
        assert (job.state, job.attempts, job.finished_at) == ("queued", 0, None)
        assert job.run_at == now()
        assert "ZeroDivisionError" in job.last_error
        assert decisions == [("run_again", "the provider is back", ANNA)]

    @pytest.mark.parametrize("state", ["queued", "running", "done"])
    def test_refuses_a_job_that_is_not_dead(self, state: str, decisions: list[tuple[str, str, Actor]]) -> None:
        job = job_in(state)
        before = row(job)
        with pytest.raises(errors.JobIsNotDead) as refusal, transaction.atomic():
            operations.run_again(job_id=job.pk, by=ANNA, reason="r")
        assert refusal.value.data == {"state": state}
        assert row(job) == before
        assert decisions == []

    def test_refuses_without_a_reason(self) -> None:
        job = job_in("dead")
        with pytest.raises(errors.ReasonMissing), transaction.atomic():
            operations.run_again(job_id=job.pk, by=ANNA, reason="  ")
        assert Job.objects.get().state == "dead"

    def test_refuses_an_unknown_job(self) -> None:
        with pytest.raises(errors.NotFound), transaction.atomic():
            operations.run_again(job_id=uuid4(), by=ANNA, reason="r")


class TestGiveUp:
    def test_lets_a_queued_job_die_without_an_alarm(self, decisions: list[tuple[str, str, Actor]]) -> None:
        letters: list[UUID] = []

        @jobs.on_dead_letter
        def hears(letter: jobs.DeadLetter, /, *, by: Actor) -> None:
            letters.append(letter.job_id)

        job = operations.give_up(job_id=job_in("queued").pk, by=ANNA, reason="sent by hand")
        assert job.state == "dead"
        assert job.finished_at is not None
        assert decisions == [("given_up", "sent by hand", ANNA)]
        assert letters == []

    @pytest.mark.parametrize("state", ["running", "done", "dead"])
    def test_refuses_a_job_that_is_not_queued(self, state: str, decisions: list[tuple[str, str, Actor]]) -> None:
        job = job_in(state)
        before = row(job)
        with pytest.raises(errors.JobIsNotQueued), transaction.atomic():
            operations.give_up(job_id=job.pk, by=ANNA, reason="r")
        assert row(job) == before
        assert decisions == []

    def test_refuses_without_a_reason(self) -> None:
        job = job_in("queued")
        with pytest.raises(errors.ReasonMissing), transaction.atomic():
            operations.give_up(job_id=job.pk, by=ANNA, reason="")
        assert Job.objects.get().state == "queued"


@pytest.mark.django_db(transaction=True)
def test_changes_nothing_when_a_listener_refuses() -> None:
    """Audit writes its row in the same transaction: a decision that cannot be recorded is not taken."""
    job = job_in("dead")

    @jobs.on_decision
    def refuses(decision: jobs.Decision, /, *, by: Actor) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        operations.run_again(job_id=job.pk, by=ANNA, reason="r")
    assert Job.objects.get().state == "dead"


class TestPurge:
    def test_deletes_what_was_done_two_weeks_ago(self, clock: TestClock) -> None:
        old = job_in("done")
        clock.advance(days=13)
        purge_done_jobs(by=SYSTEM)
        assert Job.objects.filter(pk=old.pk).exists()
        clock.advance(days=1, seconds=1)
        purge_done_jobs(by=SYSTEM)
        assert not Job.objects.filter(pk=old.pk).exists()

    @pytest.mark.parametrize("state", ["queued", "running", "dead"])
    def test_keeps_what_was_not_done(self, state: str, clock: TestClock) -> None:
        job = job_in(state)
        clock.advance(days=400)
        purge_done_jobs(by=SYSTEM)
        assert Job.objects.filter(pk=job.pk).exists()

    def test_keeps_the_last_period_of_each_job(self, clock: TestClock) -> None:
        for key in ("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z"):
            Job.objects.create(
                name="core.daily", key=key, state="done", finished_at=now(), max_attempts=1, lease_seconds=1
            )
        clock.advance(days=15)
        purge_done_jobs(by=SYSTEM)
        assert Job.objects.get().key == "2026-01-03T00:00:00Z"

    def test_obeys_the_setting(self, clock: TestClock) -> None:
        from core import runtime_settings

        settings.change(key="core.done_jobs_kept_days", value=1, by=ANNA, reason="r")
        runtime_settings.forget_cached()
        job_in("done")
        clock.advance(days=1, seconds=1)
        purge_done_jobs(by=SYSTEM)
        assert not Job.objects.exists()


class TestCommand:
    def test_drains_what_is_due_and_says_what_became_of_it(self) -> None:
        job_in("queued")

        @jobs.job("core.test_fails")
        def fails(*, by: Actor) -> None:
            raise ZeroDivisionError

        jobs.enqueue("core.test_fails")
        said = StringIO()
        call_command("run_jobs", stdout=said)
        *each, total = said.getvalue().splitlines()
        assert [line.split() for line in each] == [["done", "core.test_queued"], ["retry", "core.test_fails"]]
        assert re.findall(r"\d+", total) == ["1", "2"]

    def test_queues_the_periods_first_when_asked(self) -> None:
        call_command("run_jobs", "--periods", "--limit", "1000", stdout=StringIO())
        assert Job.objects.filter(name="core.purge_done_jobs", state="done").exists()
