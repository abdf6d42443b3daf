"""Enqueueing: joins the caller's transaction, finds instead of repeating, refuses what cannot run."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from core import jobs
from core.actors import Actor, under
from core.clock import now
from core.models import Job
from core.tests.racing import race, until_somebody_waits, with_own_connection

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registry_restored", "fresh_process")]

ANNA = Actor(kind="user", id="7", label="anna", user_id="7")


@pytest.fixture
def handler(registry_restored: None) -> None:
    @jobs.job("core.test", max_attempts=3, lease_seconds=20)
    def test(*, by: Actor, thing_id: str = "", flag: bool = False, ids: tuple[str, ...] = ()) -> None: ...


@pytest.mark.usefixtures("handler")
class TestEnqueue:
    def test_inserts_a_queued_job_that_is_due(self) -> None:
        thing_id = uuid4()
        with under(request_id="r-1", reason="why not", actor=ANNA):
            job = jobs.enqueue("core.test", thing_id=thing_id, flag=True, ids=[thing_id, None, 3])

        job.refresh_from_db()
        assert (job.state, job.attempts, job.max_attempts, job.lease_seconds) == ("queued", 0, 3, 20)
        assert job.args == {"thing_id": str(thing_id), "flag": True, "ids": [str(thing_id), None, 3]}
        assert job.run_at == job.created_at == now()
        assert job.wake_at > job.run_at
        assert job.enqueued_by == {
            "kind": "user", "id": "7", "label": "anna", "user_id": "7", "request_id": "r-1", "reason": "why not",
        }  # fmt: skip

    def test_finds_the_first_job_of_the_same_name_and_key(self) -> None:
        first = jobs.enqueue("core.test", key="k", thing_id="1")
        again = jobs.enqueue("core.test", key="k", thing_id="2")
        assert again.pk == first.pk
        assert again.args == {"thing_id": "1"}
        assert Job.objects.count() == 1

    def test_finds_it_when_it_is_done_too(self) -> None:
        first = jobs.enqueue("core.test", key="k")
        Job.objects.update(state="done", finished_at=now())
        assert jobs.enqueue("core.test", key="k").state == Job.State.DONE
        assert jobs.enqueue("core.test", key="k").pk == first.pk

    def test_takes_jobs_without_a_key_for_different_ones(self) -> None:
        assert jobs.enqueue("core.test").pk != jobs.enqueue("core.test").pk

    def test_takes_equal_keys_of_different_names_for_different_jobs(self) -> None:
        @jobs.job("core.other")
        def other(*, by: Actor) -> None: ...

        assert jobs.enqueue("core.test", key="k").pk != jobs.enqueue("core.other", key="k").pk

    def test_waits_until_the_given_moment(self) -> None:
        moment = datetime(2100, 1, 1, tzinfo=UTC)
        job = jobs.enqueue("core.test", run_at=moment)
        assert (job.run_at, job.wake_at) == (moment, moment)

    def test_waits_for_the_given_time_by_the_databases_clock(self) -> None:
        job = jobs.enqueue("core.test", delay=timedelta(hours=2))
        assert job.run_at == now() + timedelta(hours=2)

    def test_disappears_with_the_callers_transaction(self) -> None:
        with transaction.atomic():
            jobs.enqueue("core.test")
            transaction.set_rollback(True)
        assert not Job.objects.exists()


@pytest.mark.usefixtures("handler")
class TestRefusal:
    """Nothing is inserted by any of these."""

    @pytest.fixture(autouse=True)
    def nothing_moved(self) -> Iterator[None]:
        yield
        assert not Job.objects.exists()

    def test_refuses_an_unknown_name(self) -> None:
        with pytest.raises(jobs.UnknownJob):
            jobs.enqueue("core.unknown")

    @pytest.mark.parametrize("value", [1.5, datetime.now(tz=UTC), {"a": 1}, b"x", object(), [{"a": 1}], {1}])
    def test_refuses_values_that_are_not_plain(self, value: object) -> None:
        with pytest.raises(TypeError, match="not a plain value"):
            jobs.enqueue("core.test", thing_id=value)

    @pytest.mark.parametrize("value", ["a\x00b", "\ud800", ["\udfff"]])
    def test_refuses_characters_that_postgresql_cannot_store(self, value: object) -> None:
        with pytest.raises(ValueError, match="cannot be stored"):
            jobs.enqueue("core.test", thing_id=value)

    def test_refuses_documents(self) -> None:
        with pytest.raises(ValueError, match="pass ids"):
            jobs.enqueue("core.test", thing_id="x" * 10_000)

    def test_refuses_arguments_that_the_handler_does_not_take(self) -> None:
        with pytest.raises(TypeError, match="unexpected"):
            jobs.enqueue("core.test", thingid="1")

    @pytest.mark.parametrize("key", ["", "k" * 256])
    def test_refuses_an_empty_or_endless_key(self, key: str) -> None:
        with pytest.raises(ValueError, match="1 to 255"):
            jobs.enqueue("core.test", key=key)

    def test_refuses_a_moment_without_a_time_zone(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            jobs.enqueue("core.test", run_at=datetime(2030, 1, 1))

    def test_refuses_a_key_for_a_periodic_job(self) -> None:
        @jobs.periodic("core.test_period", every_seconds=60)
        def period(*, by: Actor) -> None: ...

        with pytest.raises(ValueError, match="periodic"):
            jobs.enqueue("core.test_period", key="k")


def nothing(*, by: Actor) -> None: ...


class TestRegistration:
    def test_refuses_a_second_handler_of_one_name(self) -> None:
        def register() -> None:
            @jobs.job("core.test_twice")
            def handler(*, by: Actor) -> None: ...

        register()
        with pytest.raises(RuntimeError, match="twice"):
            register()

    @pytest.mark.parametrize("name", ["nodots", "Core.thing", "core.", "core.a b", ""])
    def test_refuses_a_name_that_does_not_name_its_app(self, name: str) -> None:
        with pytest.raises(RuntimeError, match="job's name"):
            jobs.job(name)(nothing)

    @pytest.mark.parametrize("promise", [{"max_attempts": 0}, {"lease_seconds": 0}])
    def test_refuses_promises_that_cannot_be_kept(self, promise: dict[str, int]) -> None:
        with pytest.raises(RuntimeError, match="at least 1"):
            jobs.job("core.test_promise", **promise)(nothing)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("handler")
class TestRaces:
    def test_makes_one_job_of_a_key_that_many_enqueue_at_once(self) -> None:
        found = race(*[lambda: jobs.enqueue("core.test", key="k").pk] * 16)
        assert len(set(found)) == 1
        assert Job.objects.count() == 1

    def test_waits_for_the_transaction_that_holds_the_key(self) -> None:
        """The second comes while the first is uncommitted, and neither fails nor makes a second job."""
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                first = jobs.enqueue("core.test", key="k")
                second = pool.submit(with_own_connection(lambda: jobs.enqueue("core.test", key="k")))
                until_somebody_waits()
            assert second.result(20).pk == first.pk

    def test_takes_the_key_when_the_first_transaction_is_rolled_back(self) -> None:
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                first = jobs.enqueue("core.test", key="k")
                second = pool.submit(with_own_connection(lambda: jobs.enqueue("core.test", key="k")))
                until_somebody_waits()
                transaction.set_rollback(True)
            assert second.result(20).pk != first.pk
        assert Job.objects.count() == 1
