from collections.abc import Callable
from functools import partial
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from audit import errors, queries
from audit.models import AdminAlert, AuditLog
from audit.operations import alerts
from audit.tests.factories import AdminAlertFactory
from conftest import TestClock
from core.actors import SYSTEM, Actor
from core.database_roles import as_owner
from core.jobs import DeadLetter, Decision
from core.jobs.registry import listeners_of_dead_letters, listeners_of_decisions
from core.tests.racing import race

pytestmark = pytest.mark.django_db

OLGA = Actor(kind="user", id="01980f2a-3b4c-7d5e-8f90-123456789abc", label="olga")

raise_one = partial(alerts.raise_alert, "test.trouble:1", severity="warning", title="Trouble")


class TestRaising:
    def test_tells_of_new_trouble(self) -> None:
        alert = raise_one(body="More of it", payment=uuid4())

        alert.refresh_from_db()
        assert (alert.fingerprint, alert.title, alert.body) == ("test.trouble:1", "Trouble", "More of it")
        assert (alert.severity, alert.status, alert.count) == ("warning", "open", 1)
        assert alert.first_seen_at == alert.last_seen_at == alert.created_at
        assert set(alert.context) == {"payment"}

    def test_counts_the_same_trouble_within_15_minutes_of_when_it_was_last_seen(self, clock: TestClock) -> None:
        first = raise_one()
        clock.advance(minutes=14)
        raise_one()
        clock.advance(minutes=14)
        again = raise_one()

        assert (again.pk, again.count) == (first.pk, 3)
        assert again.last_seen_at > again.first_seen_at

    def test_tells_anew_after_15_minutes(self, clock: TestClock) -> None:
        first = raise_one()
        clock.advance(minutes=15, seconds=1)
        again = raise_one()

        assert again.pk != first.pk
        assert again.count == 1

    def test_tells_other_trouble_apart(self) -> None:
        raise_one()
        alerts.raise_alert("test.trouble:2", severity="warning", title="Trouble")

        assert [alert.count for alert in queries.list_open_alerts()] == [1, 1]

    def test_tells_anew_what_was_resolved(self) -> None:
        first = raise_one()
        alerts.resolve(alert_id=first.pk, by=OLGA)

        assert raise_one().pk != first.pk

    def test_leaves_acknowledged_what_comes_again(self) -> None:
        first = raise_one()
        alerts.acknowledge(alert_id=first.pk, by=OLGA)

        again = raise_one()

        assert (again.pk, again.status, again.count) == (first.pk, "acknowledged", 2)

    @pytest.mark.parametrize(
        ("first", "second", "kept"),
        [("info", "warning", "warning"), ("critical", "info", "critical"), ("warning", "critical", "critical")],
    )
    def test_keeps_the_gravest_severity(
        self, first: alerts.Severity, second: alerts.Severity, kept: alerts.Severity
    ) -> None:
        alerts.raise_alert("test.trouble:1", severity=first, title="Trouble")

        assert alerts.raise_alert("test.trouble:1", severity=second, title="Trouble").severity == kept

    def test_costs_one_statement(self) -> None:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            raise_one()

        assert ["audit_raise_alert" in query["sql"] for query in captured] == [True]

    def test_records_the_trouble_but_not_each_time(self) -> None:
        alert = raise_one()
        raise_one()
        raise_one()

        assert [log.action for log in queries.list_history(alert)] == ["audit.adminalert.created"]


@pytest.mark.django_db(transaction=True)
class TestRaisingAtOnce:
    def test_makes_one_alert_that_counts_everybody(self) -> None:
        raised = race(*[raise_one] * 16)

        assert AdminAlert.objects.get().count == 16
        assert sorted(alert.count for alert in raised) == list(range(1, 17))

    def test_makes_one_alert_per_trouble(self) -> None:
        def of(number: int) -> Callable[[], AdminAlert]:
            return partial(alerts.raise_alert, f"test.trouble:{number}", severity="info", title="Trouble")

        race(*[of(number % 4) for number in range(16)])

        assert sorted(AdminAlert.objects.values_list("count", flat=True)) == [4, 4, 4, 4]

    def test_would_make_several_without_the_advisory_lock(self) -> None:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_get_functiondef('audit_raise_alert'::regproc)")
            (guarded,) = cursor.fetchone()
            unguarded = guarded.replace("PERFORM pg_advisory_xact_lock", "PERFORM pg_sleep(0.2), length")
            unguarded = unguarded.replace("length(hashtextextended('audit_adminalert:' || print, 0))", "length(print)")
            assert unguarded != guarded
            cursor.execute(unguarded)
            try:
                race(*[raise_one] * 4)
            finally:
                cursor.execute(guarded)

        assert AdminAlert.objects.count() > 1


class TestAcknowledging:
    def test_names_who_looks_after_it(self) -> None:
        alert = alerts.acknowledge(alert_id=raise_one().pk, by=OLGA)

        assert (alert.status, alert.acknowledged_by) == ("acknowledged", "olga")
        assert alert.acknowledged_at is not None
        assert AuditLog.objects.filter(action="audit.alert.acknowledged", entity_id=str(alert.pk)).count() == 1
        assert alert not in queries.list_open_alerts()

    def test_names_whoever_came_first(self) -> None:
        alert = raise_one()
        alerts.acknowledge(alert_id=alert.pk, by=OLGA)
        again = alerts.acknowledge(alert_id=alert.pk, by=Actor(kind="user", id="x", label="ivan"))

        assert again.acknowledged_by == "olga"
        assert AuditLog.objects.filter(action="audit.alert.acknowledged").count() == 1

    def test_refuses_what_is_over(self) -> None:
        alert = raise_one()
        alerts.resolve(alert_id=alert.pk, by=OLGA)
        before = AdminAlert.objects.filter(pk=alert.pk).values().get()

        with pytest.raises(errors.AlertResolved), transaction.atomic():
            alerts.acknowledge(alert_id=alert.pk, by=OLGA)

        assert AdminAlert.objects.filter(pk=alert.pk).values().get() == before

    def test_refuses_what_there_is_not(self) -> None:
        with pytest.raises(errors.AlertNotFound), transaction.atomic():
            alerts.acknowledge(alert_id=0, by=OLGA)
        with pytest.raises(errors.AlertNotFound), transaction.atomic():
            alerts.resolve(alert_id=0, by=OLGA)

        assert not AuditLog.objects.filter(entity_type="audit.adminalert").exists()


class TestResolving:
    def test_ends_it_with_a_reason(self) -> None:
        alert = alerts.resolve(alert_id=raise_one().pk, by=OLGA, reason="paid back")

        assert (alert.status, alert.acknowledged_by) == ("resolved", "olga")
        assert AuditLog.objects.get(action="audit.alert.resolved").metadata["reason"] == "paid back"

    def test_leaves_named_who_looked_after_it(self) -> None:
        alert = alerts.acknowledge(alert_id=raise_one().pk, by=OLGA)
        ended = alerts.resolve(alert_id=alert.pk, by=Actor(kind="user", id="x", label="ivan"))

        assert (ended.acknowledged_by, ended.acknowledged_at) == ("olga", alert.acknowledged_at)

    def test_says_nothing_the_second_time(self) -> None:
        alert = alerts.resolve(alert_id=raise_one().pk, by=OLGA)
        alerts.resolve(alert_id=alert.pk, by=OLGA)

        assert AuditLog.objects.filter(action="audit.alert.resolved").count() == 1


class TestTable:
    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"status": "forgotten", "acknowledged_at": Now()}, "audit_adminalert_status_is_known"),
            ({"status": "acknowledged", "acknowledged_at": None}, "audit_adminalert_acknowledged_has_a_moment"),
            ({"count": 0}, "audit_adminalert_count_is_positive"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_refuses(self, values: dict[str, object], constraint: str) -> None:
        alert = AdminAlertFactory.create()

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            AdminAlert.objects.filter(pk=alert.pk).update(**values)


class TestJobs:
    letter = DeadLetter(job_id=uuid4(), name="billing.expire_holds", key="k", attempts=10, error="boom")

    def test_are_listened_to(self) -> None:
        assert "audit.receivers" in [each.__module__ for each in listeners_of_dead_letters()]
        assert [each.__module__ for each in listeners_of_decisions()] == ["audit.receivers"]

    def test_raise_one_alert_per_kind_when_they_die(self) -> None:
        for listener in listeners_of_dead_letters():
            listener(self.letter, by=SYSTEM)
            listener(self.letter, by=SYSTEM)

        alert = AdminAlert.objects.get()
        assert (alert.fingerprint, alert.severity, alert.count) == (
            "core.job_dead:billing.expire_holds",
            "critical",
            2,
        )
        assert alert.context["job"] == str(self.letter.job_id)

    def test_have_each_decision_recorded(self) -> None:
        decision = Decision(job_id=uuid4(), name="billing.expire_holds", deed="run_again", reason="fixed")
        for listener in listeners_of_decisions():
            listener(decision, by=OLGA)

        log = AuditLog.objects.get(action="core.job.run_again")
        assert (log.entity_type, log.entity_id) == ("core.job", str(decision.job_id))
        assert log.metadata == {"reason": "fixed", "job_name": "billing.expire_holds"}
