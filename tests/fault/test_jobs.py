"""Jobs under real workers that are killed: nothing is lost, nothing goes on for ever (F05, F06, F19, F23)."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.models import AdminAlert
from core import jobs
from core.models import Job
from core.tests import registries
from core.tests.brokers import filesystem_broker
from tests.fault import failing_jobs
from tests.fault.worker import Worker

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[Worker]:
    """A worker that is not started yet. This process publishes into its broker and knows its jobs."""
    worker = Worker(tmp_path)
    with registries.restored(), filesystem_broker(worker.broker):
        failing_jobs.register()
        yield worker
        # Before the tables are emptied: a worker amid its work would stand in the way.
        worker.kill_group()


def states() -> set[str]:
    return set(Job.objects.values_list("state", flat=True))


def test_a_job_whose_worker_was_killed_runs_again_after_its_lease(worker: Worker) -> None:
    worker.start()
    job = jobs.enqueue("fault.hang_once", thing="it")
    worker.until(lambda: bool(worker.marked("hanging", "it")))
    leased_until = Job.objects.get(pk=job.pk).lease_expires_at

    [[_word, _thing, pid, _unique]] = worker.marked("hanging", "it")
    os.kill(int(pid), signal.SIGKILL)
    worker.until(lambda: Job.objects.get(pk=job.pk).state == Job.State.DONE)

    job.refresh_from_db()
    assert job.attempts == 2
    assert job.started_at is not None
    assert leased_until is not None
    assert job.started_at >= leased_until, "the second copy waited for the first one's lease"
    assert len(worker.marked("recorded", "it")) == 1


def test_failing_jobs_end_in_the_dead_letters_with_an_alert_and_the_queue_moves_on(worker: Worker) -> None:
    worker.start()
    fails = jobs.enqueue("fault.always_fail")
    kills = jobs.enqueue("fault.kill_the_worker")
    good = jobs.enqueue("fault.record", thing="good")
    worker.until(lambda: states() == {"done", "dead"})

    for job in (fails, kills, good):
        job.refresh_from_db()
    assert (fails.state, fails.attempts) == ("dead", 3)
    assert "RuntimeError: as always" in fails.last_error
    assert (kills.state, kills.attempts) == ("dead", 2)
    assert "worker was lost" in kills.last_error
    assert good.state == "done"
    alerts = [str(alert.context) + alert.fingerprint + alert.body for alert in AdminAlert.objects.all()]
    for dead in (fails, kills):
        assert any(dead.name in alert for alert in alerts)


def test_nothing_is_lost_when_the_whole_group_is_killed_amid_forty_jobs(worker: Worker) -> None:
    things = [str(number) for number in range(40)]
    for thing in things:
        jobs.enqueue("fault.record", thing=thing)
    worker.start()
    worker.until(lambda: len(worker.marked("recorded")) >= 5)
    worker.kill_group()
    done_at_the_kill = Job.objects.filter(state="done").count()

    worker.start()
    worker.until(lambda: states() == {"done"})
    recorded = [words[1] for words in worker.marked("recorded")]
    assert done_at_the_kill < 40, "the kill came too late to prove anything"
    assert set(recorded) == set(things)
    # At least once: only what ran at the moment of the kill may have run twice.
    assert len(recorded) <= 40 + 2


def test_a_job_runs_whose_brokers_folder_was_removed_at_publication(worker: Worker) -> None:
    worker.start()
    jobs.enqueue("fault.record", thing="before")
    worker.until(lambda: bool(worker.marked("recorded", "before")))
    shutil.rmtree(worker.broker)
    jobs.enqueue("fault.record", thing="after")
    worker.until(lambda: bool(worker.marked("recorded", "after")))


def test_a_job_runs_that_was_enqueued_while_the_broker_was_away(worker: Worker) -> None:
    """A file in the folder's place: publishing fails, the request does not, and the sweeper finds the row."""
    worker.broker.write_text("no folder")
    job = jobs.enqueue("fault.record", thing="it")
    assert Job.objects.get(pk=job.pk).state == Job.State.QUEUED
    worker.broker.unlink()
    worker.start()
    worker.until(lambda: bool(worker.marked("recorded", "it")))
