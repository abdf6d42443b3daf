from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import transaction

from audit import queries
from audit.models import AdminAlert, AuditLog
from audit.operations import records
from audit.tests.factories import AdminAlertFactory, AuditLogFactory
from core.actors import SYSTEM, Actor, under
from core.money import Money

pytestmark = pytest.mark.django_db

OLGA = Actor(kind="user", id="01980f2a-3b4c-7d5e-8f90-123456789abc", label="olga")


def test_writes_who_did_what_to_what_and_why() -> None:
    alert = AdminAlertFactory.create()
    with under(door="admin", request_id="r-1", ip="192.0.2.7"):
        record = records.record("audit.alert.looked_at", entity=alert, by=OLGA, reason="curious", glances=2)

    record.refresh_from_db()
    assert record.user_id == UUID(OLGA.id)
    assert record.actor == {"kind": "user", "id": OLGA.id, "label": "olga"}
    assert (record.action, record.entity_type, record.entity_id) == (
        "audit.alert.looked_at",
        "audit.adminalert",
        str(alert.pk),
    )
    assert record.metadata == {
        "door": "admin",
        "request_id": "r-1",
        "ip": "192.0.2.7",
        "reason": "curious",
        "glances": 2,
    }


def test_keeps_ids_moments_and_money_readable() -> None:
    record = records.record(
        "test.thing.sold",
        entity=("test.thing", "7"),
        by=SYSTEM,
        old={"at": datetime(2026, 1, 31, tzinfo=UTC)},
        new={"for": Money(14900, "RUB"), "to": UUID(OLGA.id)},
    )

    record.refresh_from_db()
    assert record.old_value == {"at": "2026-01-31T00:00:00Z"}
    assert record.new_value == {"for": {"amount": 14900, "currency": "RUB"}, "to": OLGA.id}


def test_takes_the_reason_under_which_everything_runs() -> None:
    with under(reason="ticket 7"):
        assert records.record("test.thing.done", entity=("t.t", "1"), by=SYSTEM).metadata["reason"] == "ticket 7"


def test_lets_no_fact_pose_as_a_circumstance() -> None:
    with under(ip="192.0.2.7"):
        record = records.record("test.thing.done", entity=("t.t", "1"), by=SYSTEM, ip="10.0.0.1")

    assert record.metadata["ip"] == "192.0.2.7"


def test_names_the_person_behind_a_key_and_nobody_behind_a_job() -> None:
    key = Actor(kind="api_key", id="k", label="bot", user_id=OLGA.id)
    job = Actor(kind="job", id="core.tick", label="core.tick")

    assert records.record("test.thing.done", entity=("t.t", "1"), by=key).user_id == UUID(OLGA.id)
    assert records.record("test.thing.done", entity=("t.t", "1"), by=job).user_id is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", ["", "done", "Test.Thing", "test thing", "test.thing.", "test.thing\n"])
def test_refuses_what_is_not_the_name_of_a_deed(action: str) -> None:
    with pytest.raises(ValueError, match="not the name of a deed"):
        records.record(action, entity=("t.t", "1"), by=SYSTEM)

    assert not AuditLog.objects.filter(entity_type="t.t").exists()


@pytest.mark.django_db(transaction=True)
def test_vanishes_with_the_deed_that_did_not_happen() -> None:
    def half_a_deed() -> None:
        with transaction.atomic():
            records.record("test.thing.done", entity=("t.t", "1"), by=SYSTEM)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_a_deed()

    assert not AuditLog.objects.filter(entity_type="t.t").exists()


class TestQueries:
    def test_narrow_by_all_that_is_given(self) -> None:
        wanted = AuditLogFactory.create(user_id=UUID(OLGA.id), action="test.thing.sold", entity_id="7")
        AuditLogFactory.create(user_id=UUID(OLGA.id), action="test.thing.sold", entity_id="8")
        AuditLogFactory.create(user_id=UUID(OLGA.id), action="test.thing.lost", entity_id="7")
        AuditLogFactory.create(action="test.thing.sold", entity_id="7")
        AuditLogFactory.create(user_id=UUID(OLGA.id), action="test.thing.sold", entity_id="7", entity_type="test.other")

        found = queries.list_logs(
            entity_type="test.thing", entity_id="7", user_id=UUID(OLGA.id), action="test.thing.sold"
        )

        assert list(found) == [wanted]

    def test_take_since_as_the_first_moment_and_until_as_the_first_after(self) -> None:
        noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
        log = AuditLogFactory.create(created_at=noon)

        assert log in queries.list_logs(since=noon)
        assert log not in queries.list_logs(until=noon)

    def test_tell_the_history_of_one_thing_newest_first(self) -> None:
        alert = AdminAlertFactory.create()
        AdminAlertFactory.create()
        AdminAlert.objects.filter(pk=alert.pk).update(body="more")

        actions = [log.action for log in queries.list_history(alert)]

        assert actions == ["audit.adminalert.updated", "audit.adminalert.created"]
        assert list(queries.list_history(("audit.adminalert", str(alert.pk)))) == list(queries.list_history(alert))

    def test_find_everything_that_one_request_did_in_its_order(self) -> None:
        with under(request_id="r-1"):
            first = records.record("test.thing.found", entity=("t.t", "1"), by=SYSTEM)
            second = records.record("test.thing.sold", entity=("t.t", "1"), by=SYSTEM)
        records.record("test.thing.lost", entity=("t.t", "1"), by=SYSTEM)

        assert list(queries.list_logs_of_request("r-1")) == [first, second]
