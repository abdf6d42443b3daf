"""Jobs under real workers that are killed: nothing is lost, nothing goes on for ever (F05, F06, F19, F23)."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from django.test import override_settings

from audit.models import AdminAlert
from billing.models import Transaction
from billing.tests.factories import WalletFactory
from core import jobs
from core.models import Job
from core.tests import registries
from core.tests.brokers import filesystem_broker, published_to
from tests.fault import failing_jobs
from tests.fault.worker import Worker

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

REDIS_URL = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0"


@contextmanager
def failing_jobs_known() -> Iterator[None]:
    """This process knows the failing jobs, and counts a wake-up as lost as soon as the workers do."""
    with override_settings(JOBS_WAKE_AGAIN_SECONDS=1.0), registries.restored():
        failing_jobs.register()
        yield


@pytest.fixture
def file_worker(transactional_db: None, tmp_path: Path) -> Iterator[Worker]:
    """A worker on the broker of files, not started yet. This process publishes into its broker."""
    worker = Worker(tmp_path)
    with failing_jobs_known(), filesystem_broker(worker.broker):
        yield worker
        # Before the tables are emptied: a worker amid its work would stand in the way.
        worker.kill_group()


@pytest.fixture
def redis_worker(transactional_db: None, tmp_path: Path) -> Iterator[Worker]:
    """The same on Redis, under keys of its own."""
    server = redis.Redis.from_url(REDIS_URL, socket_connect_timeout=3)
    try:
        server.ping()
    except redis.RedisError as error:
        pytest.skip(f"no Redis answers at {REDIS_URL.rpartition('@')[2]}: {error}")
    prefix = f"dvorik-fault-{secrets.token_hex(6)}-"
    worker = Worker(tmp_path, REDIS_URL=REDIS_URL, FAULT_KEY_PREFIX=prefix)
    with failing_jobs_known(), published_to(REDIS_URL, {"global_keyprefix": prefix}):
        yield worker
        worker.kill_group()
    for key in server.scan_iter(f"{prefix}*", count=1000):
        server.delete(key)
    server.close()


@pytest.fixture(params=["file_worker", "redis_worker"])
def worker(request: pytest.FixtureRequest) -> Worker:
    """A worker that is not started yet, on each broker."""
    chosen: Worker = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def wallet(transactional_db: None) -> str:
    """An empty wallet's id, as a job takes it."""
    return str(WalletFactory.create().pk)


def states() -> set[str]:
    return set(Job.objects.values_list("state", flat=True))


def credited_keys() -> list[str]:
    return sorted(Transaction.objects.values_list("idempotency_key", flat=True))


def test_a_job_whose_worker_was_killed_runs_again_after_its_lease(worker: Worker, wallet: str) -> None:
    worker.start()
    job = jobs.enqueue("fault.credit_and_hang_once", wallet=wallet, thing="it")
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
    assert len(worker.marked("credited", "it")) == 2, "both attempts came to the credit"
    assert credited_keys() == ["fault-it"], "and it was booked once"


def test_failing_jobs_end_in_the_dead_letters_with_an_alert_and_the_queue_moves_on(worker: Worker, wallet: str) -> None:
    worker.start()
    fails = jobs.enqueue("fault.always_fail")
    kills = jobs.enqueue("fault.kill_the_worker")
    good = jobs.enqueue("fault.credit", wallet=wallet, thing="good")
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


def test_nothing_is_lost_or_doubled_when_the_whole_group_is_killed_amid_forty_jobs(worker: Worker, wallet: str) -> None:
    things = [f"{number:02}" for number in range(40)]
    for thing in things:
        jobs.enqueue("fault.credit", wallet=wallet, thing=thing)
    worker.start()
    worker.until(lambda: len(worker.marked("credited")) >= 5)
    worker.kill_group()
    done_at_the_kill = Job.objects.filter(state="done").count()

    worker.start()
    worker.until(lambda: states() == {"done"})
    assert done_at_the_kill < 40, "the kill came too late to prove anything"
    assert credited_keys() == [f"fault-{thing}" for thing in things]
    # At least once: only what ran at the moment of the kill may have run twice.
    assert len(worker.marked("credited")) <= 40 + 2


def test_a_job_runs_whose_brokers_folder_was_removed_at_publication(file_worker: Worker, wallet: str) -> None:
    file_worker.start()
    jobs.enqueue("fault.credit", wallet=wallet, thing="before")
    file_worker.until(lambda: bool(file_worker.marked("credited", "before")))
    # Gone in one step: the worker may be writing into it.
    file_worker.broker.rename(file_worker.broker.with_name("elsewhere"))
    jobs.enqueue("fault.credit", wallet=wallet, thing="after")
    file_worker.until(lambda: bool(file_worker.marked("credited", "after")))


def test_a_job_runs_that_was_enqueued_while_the_broker_was_away(file_worker: Worker, wallet: str) -> None:
    """A file in the folder's place: publishing fails, the request does not, and the sweeper finds the row."""
    file_worker.broker.write_text("no folder")
    job = jobs.enqueue("fault.credit", wallet=wallet, thing="it")
    assert Job.objects.get(pk=job.pk).state == Job.State.QUEUED
    file_worker.broker.unlink()
    file_worker.start()
    file_worker.until(lambda: bool(file_worker.marked("credited", "it")))
