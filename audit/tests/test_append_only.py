"""The audit log cannot be edited: not by the ORM, not by SQL, not by the owner of the table."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction

from audit.models import AuditLog
from audit.tests.factories import AuditLogFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("as_the_owner")]


def _sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _save(log: AuditLog) -> None:
    log.action = "test.thing.hidden"
    log.save()


def _bulk_update(log: AuditLog) -> None:
    log.action = "test.thing.hidden"
    AuditLog.objects.bulk_update([log], ["action"])


EDITS: dict[str, Callable[[AuditLog], object]] = {
    "save": _save,
    "delete": lambda log: log.delete(),
    "update": lambda log: AuditLog.objects.filter(pk=log.pk).update(action="test.thing.hidden"),
    "delete a queryset": lambda log: AuditLog.objects.filter(pk=log.pk).delete(),
    "bulk_update": _bulk_update,
    "update in SQL": lambda log: _sql(f"UPDATE audit_auditlog SET created_at = now() WHERE id = {log.pk}"),
    "update that changes nothing": lambda log: _sql(f"UPDATE audit_auditlog SET id = id WHERE id = {log.pk}"),
    "delete in SQL": lambda log: _sql(f"DELETE FROM audit_auditlog WHERE id = {log.pk}"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_refuses_every_edit(edit: Callable[[AuditLog], object]) -> None:
    log = AuditLogFactory.create()
    before = AuditLog.objects.filter(pk=log.pk).values().get()

    with pytest.raises(IntegrityError, match="audit auditlog is append only"), transaction.atomic():
        edit(log)

    assert AuditLog.objects.filter(pk=log.pk).values().get() == before


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_would_be_edited_without_audit_auditlog_is_append_only(edit: Callable[[AuditLog], object]) -> None:
    log = AuditLogFactory.create()
    _sql("ALTER TABLE audit_auditlog DISABLE TRIGGER audit_auditlog_is_append_only")

    edit(log)


def test_refuses_truncation_by_audit_auditlog_is_never_truncated(truncation_guards: None) -> None:
    AuditLogFactory.create()

    with pytest.raises(IntegrityError, match="audit auditlog is never truncated"), transaction.atomic():
        _sql("TRUNCATE audit_auditlog")

    assert AuditLog.objects.exists()


def test_is_truncated_in_the_test_database_where_the_guard_is_off() -> None:
    AuditLogFactory.create()

    _sql("TRUNCATE audit_auditlog")

    assert not AuditLog.objects.exists()


def test_names_the_trigger_as_the_violated_constraint() -> None:
    log = AuditLogFactory.create()

    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        log.delete()

    cause = refused.value.__cause__
    assert cause is not None
    assert cause.diag.constraint_name == "audit_auditlog_is_append_only"  # type: ignore[attr-defined]  # psycopg.Error


def test_has_no_foreign_keys_through_which_anything_could_cascade_into_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'audit_auditlog'::regclass AND contype = 'f'"
        )
        assert cursor.fetchall() == []
