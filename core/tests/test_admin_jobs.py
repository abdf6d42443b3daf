"""The page of jobs: what it tells, and what may be decided there."""

from __future__ import annotations

from typing import Any

import pytest

from core.models import Job
from core.tests.operators import Operator, audit_log, errors_of

pytestmark = pytest.mark.django_db


def job(state: str = "queued", **fields: Any) -> Job:
    ended = {"finished_at": "2026-01-31T12:00:00Z", "attempts": 3} if state == "dead" else {}
    return Job.objects.create(
        name="billing.expire_invoices", max_attempts=3, lease_seconds=60, state=state, **ended | fields
    )


class TestDeadLetters:
    def test_are_queued_again_with_actor_and_reason(self) -> None:
        dead, operator = job("dead"), Operator("support")
        assert operator.do(dead, "run-again", reason="the provider is back").status_code == 302
        dead.refresh_from_db()
        assert (dead.state, dead.attempts, dead.finished_at) == ("queued", 0, None)
        deed = audit_log().get(action="core.job.run_again")
        assert (deed.entity_id, deed.user_id) == (str(dead.pk), operator.user.pk)
        assert deed.actor["label"] == operator.login
        assert (deed.metadata["reason"], deed.metadata["door"]) == ("the provider is back", "admin")

    @pytest.mark.parametrize("reason", ["", "   "])
    def test_stay_dead_without_a_reason(self, reason: str) -> None:
        dead = job("dead")
        assert "reason" in errors_of(Operator().do(dead, "run-again", reason=reason))
        assert Job.objects.get().state == "dead"
        assert not audit_log().filter(action__startswith="core.job").exists()

    def test_are_left_alone_by_those_who_only_read(self) -> None:
        dead, viewer = job("dead"), Operator("viewer")
        assert viewer.page(dead).status_code == 200
        assert viewer.do(dead, "run-again", reason="curious").status_code == 403
        assert Job.objects.get().state == "dead"


class TestQueuedJobs:
    def test_are_given_up_with_a_reason(self) -> None:
        queued = job()
        assert Operator("operator").do(queued, "give-up", reason="not needed").status_code == 302
        assert Job.objects.get().state == "dead"
        assert audit_log().get(action="core.job.given_up").metadata["reason"] == "not needed"

    @pytest.mark.django_db(transaction=True)
    def test_that_a_worker_took_meanwhile_are_not_given_up(self) -> None:
        running = job(
            "running", lease_token="01980f2a-3b4c-7d5e-8f90-123456789abc", lease_expires_at="2030-01-01T00:00:00Z"
        )
        said = errors_of(Operator().do(running, "give-up", reason="late"))
        assert said["__all__"] == ["Only a queued job can be given up."]
        assert Job.objects.get().state == "running"


class TestThePage:
    def test_offers_only_what_fits_the_state(self) -> None:
        operator = Operator()
        dead, queued = operator.page(job("dead")), operator.page(job())
        assert b"run-again/" in dead.content
        assert b"give-up/" not in dead.content
        assert b"give-up/" in queued.content
        assert b"run-again/" not in queued.content

    def test_tells_attempts_error_arguments_and_who_asked(self) -> None:
        dead = job(
            "dead",
            last_error="Traceback: <b>no</b> answer",
            args={"invoice": "17"},
            enqueued_by={"kind": "user", "label": "olga", "reason": "asked by phone"},
        )
        text = Operator().page(dead).content.decode()
        for told in ("3 of 3", "Traceback: &lt;b&gt;no&lt;/b&gt; answer", "invoice", "olga", "asked by phone"):
            assert told in text

    def test_shows_each_state_in_a_view_of_its_own(self) -> None:
        dead, queued, operator = job("dead"), job(), Operator()
        found = {
            view: {row.pk for row in operator.list(Job, view=view).context["cl"].result_list}
            for view in ("all", "dead", "queued", "done", "unheard-of")
        }
        assert found == {
            "all": {dead.pk, queued.pk},
            "dead": {dead.pk},
            "queued": {queued.pk},
            "done": set(),
            "unheard-of": {dead.pk, queued.pk},
        }

    def test_finds_a_job_by_name_and_by_id(self) -> None:
        one, operator = job(), Operator()
        Job.objects.create(name="core.other", max_attempts=1, lease_seconds=1)
        for term in ("billing.expire_invoices", str(one.pk)):
            assert [row.pk for row in operator.list(Job, q=term).context["cl"].result_list] == [one.pk]
        assert [row.name for row in operator.list(Job, name="core.other").context["cl"].result_list] == ["core.other"]
