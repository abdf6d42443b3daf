"""``manage.py verify_audit`` and its job: what was done to sealed rows with the owner's rights is named."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import override

from audit.models import AdminAlert, AuditLog, Seal, SealChain
from audit.operations import seals
from audit.tasks import verify_seals
from audit.tests.factories import AuditLogFactory
from audit.tests.sealed import as_the_owner, first_misfit, seal_everything
from conftest import TestClock
from core.actors import SYSTEM
from core.tests.guards import execute

LOG: Final = "audit.auditlog"
TABLE: Final = "audit_auditlog"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """What the command says is compared in one language, whatever the default one is."""
    with override("en"):
        yield


@pytest.fixture
def logs(clock: TestClock) -> list[AuditLog]:
    """Nine rows under three seals of three rows each, made an hour apart."""
    rows: list[AuditLog] = []
    seal_everything(LOG, clock)
    for _seal in range(3):
        rows += AuditLogFactory.create_batch(3, new_value={"price": 14900})
        seal_everything(LOG, clock)
        clock.advance(hours=1)
    return rows


def number_of(row: AuditLog) -> int:
    return Seal.objects.get(chain=LOG, after__lt=row.pk, until__gte=row.pk).number


def verify(*arguments: str) -> str:
    """What the command says when all is well."""
    said = io.StringIO()
    call_command("verify_audit", *arguments, stdout=said)
    return said.getvalue()


def verify_in_vain(*arguments: str) -> str:
    """What it complains of when not all is well."""
    complained = io.StringIO()
    with pytest.raises(CommandError) as refusal:
        call_command("verify_audit", *arguments, stdout=io.StringIO(), stderr=complained)
    assert refusal.value.returncode == 1
    return complained.getvalue().strip()


class TestTheCommand:
    def test_finds_nothing_where_nothing_was_done(self, logs: list[AuditLog]) -> None:
        assert f"{LOG}: {Seal.objects.count()} seals over {AuditLog.objects.count()} rows checked." in verify()

    @pytest.mark.parametrize(
        "edit",
        [
            "new_value = '{\"price\": 1}'",
            "created_at = created_at + interval '1 microsecond'",
            'actor = actor || \'{"label": "somebody else"}\'',
            "user_id = gen_random_uuid()",
            "metadata = metadata || '{\"note\": null}'",
        ],
    )
    def test_names_an_edited_row(self, logs: list[AuditLog], edit: str) -> None:
        with as_the_owner(TABLE):
            assert execute(f"UPDATE {TABLE} SET {edit} WHERE id = %s::bigint", logs[4].pk) == 1

        said = f"{LOG}: row {logs[4].pk} was edited after it was sealed (seal {number_of(logs[4])})"
        assert verify_in_vain() == said

    def test_names_the_first_of_several(self, logs: list[AuditLog]) -> None:
        with as_the_owner(TABLE):
            execute(f"UPDATE {TABLE} SET action = 'x' WHERE id IN (%s::bigint, %s::bigint)", logs[8].pk, logs[5].pk)

        assert f"row {logs[5].pk} was edited" in verify_in_vain()

    def test_names_a_deleted_row(self, logs: list[AuditLog]) -> None:
        with as_the_owner(TABLE):
            execute(f"DELETE FROM {TABLE} WHERE id = %s::bigint", logs[4].pk)

        assert f"row {logs[4].pk} was deleted" in verify_in_vain()

    def test_names_an_inserted_row(self, logs: list[AuditLog]) -> None:
        with as_the_owner(TABLE):
            execute(f"DELETE FROM {TABLE} WHERE id = %s::bigint", logs[4].pk)
        # In a gap that a row left; nothing refuses an insert.
        AuditLogFactory.create(id=logs[4].pk, action="test.forged.done")

        assert f"row {logs[4].pk} was edited" in verify_in_vain()

    def test_names_a_row_inserted_into_a_gap(self, clock: TestClock) -> None:
        first = AuditLogFactory.create()
        execute("SELECT nextval('audit_auditlog_id_seq')")
        AuditLogFactory.create()
        seal_everything(LOG, clock)
        AuditLogFactory.create(id=first.pk + 1)

        assert f"row {first.pk + 1} was inserted" in verify_in_vain()

    @pytest.mark.parametrize("number", [0, -5, 10**15])
    def test_names_a_row_that_no_seal_would_reach(self, logs: list[AuditLog], number: int) -> None:
        AuditLogFactory.create(id=number)

        assert verify_in_vain() == f"{LOG}: row {number} has a number that was never given out"

    def test_names_a_changed_seal(self, logs: list[AuditLog]) -> None:
        seal = Seal.objects.get(number=number_of(logs[4]))
        with as_the_owner("audit_seal"):
            execute("UPDATE audit_seal SET sealed_at = sealed_at - interval '1 day' WHERE id = %s::bigint", seal.pk)

        assert verify_in_vain() == f"{LOG}: seal {seal.number} itself is not as it was made"

    def test_names_a_missing_seal(self, logs: list[AuditLog]) -> None:
        number = number_of(logs[4])
        with as_the_owner("audit_seal"):
            execute("DELETE FROM audit_seal WHERE chain = %s AND number = %s::bigint", LOG, number)

        assert verify_in_vain() == f"{LOG}: seal {number} is missing"

    def test_is_not_fooled_by_a_seal_made_anew(self, logs: list[AuditLog]) -> None:
        """Whoever seals the edited rows again breaks the next seal, and so on to the head."""
        row = logs[4]
        seal = Seal.objects.get(chain=LOG, number=number_of(row))
        with as_the_owner(TABLE), as_the_owner("audit_seal"):
            execute(f"UPDATE {TABLE} SET action = 'x' WHERE id = %s::bigint", row.pk)
            execute(
                """
                UPDATE audit_seal SET (fingerprints, hash) = (
                    SELECT f.fingerprints, f.hash FROM audit_seal_over(
                        'audit_auditlog', 'id', 'id', ARRAY(SELECT jsonb_array_elements_text(columns)), after, until,
                        chain, number, previous, sealed_at) AS f)
                WHERE id = %s::bigint
                """,
                seal.pk,
            )

        assert verify_in_vain() == f"{LOG}: seal {seal.number + 1} itself is not as it was made"

    def test_looks_only_at_seals_made_since(self, logs: list[AuditLog]) -> None:
        with as_the_owner(TABLE):
            execute(f"UPDATE {TABLE} SET action = 'x' WHERE id = %s::bigint", logs[4].pk)
        moments = dict(Seal.objects.filter(chain=LOG).values_list("number", "sealed_at"))

        since_then, since_later = (moments[number_of(row)].isoformat() for row in (logs[4], logs[8]))
        assert "was edited" in verify_in_vain("--since", since_then)
        assert "over 3 rows" in verify("--since", since_later)
        assert "0 seals" in verify("--since", "2999-01-01")

    def test_says_nothing_of_rows_that_are_not_sealed_yet(self, logs: list[AuditLog]) -> None:
        row = AuditLogFactory.create()
        with as_the_owner(TABLE):
            execute(f"UPDATE {TABLE} SET action = 'x' WHERE id = %s::bigint", row.pk)

        assert f"{LOG}: {Seal.objects.count()} seals over {AuditLog.objects.count() - 1} rows checked." in verify()


class TestRounds:
    def test_go_on_where_they_were_broken_off(self, logs: list[AuditLog]) -> None:
        total = Seal.objects.filter(chain=LOG).count()
        first = seals.verify(chain=LOG, by=SYSTEM, seals=1)
        assert (first.seals, first.has_more) == (1, True)

        rest = seals.verify(chain=LOG, by=SYSTEM)
        assert (rest.seals, rest.has_more, rest.misfit) == (total - 1, False, None)
        assert seals.verify(chain=LOG, by=SYSTEM).seals == total, "the next round begins at the beginning"

    def test_are_resumed_by_the_command_when_asked(self, logs: list[AuditLog]) -> None:
        total = Seal.objects.filter(chain=LOG).count()
        seals.verify(chain=LOG, by=SYSTEM, seals=1)
        assert f"{LOG}: {total - 1} seals" in verify("--resume")
        seals.verify(chain=LOG, by=SYSTEM, seals=1)
        assert f"{LOG}: {total} seals" in verify()

    def test_tell_when_they_ended_and_what_they_found(self, logs: list[AuditLog]) -> None:
        verify_seals(by=SYSTEM)
        state = SealChain.objects.get(chain=LOG)
        assert state.verified_at is not None
        assert state.misfit == ""

    def test_raise_one_alert_for_what_does_not_fit(self, logs: list[AuditLog]) -> None:
        verify_seals(by=SYSTEM)
        assert not AdminAlert.objects.exists()
        with as_the_owner(TABLE):
            execute(f"UPDATE {TABLE} SET action = 'x' WHERE id = %s::bigint", logs[4].pk)

        verify_seals(by=SYSTEM)
        verify_seals(by=SYSTEM)

        alert = AdminAlert.objects.get()
        assert (alert.fingerprint, alert.severity, alert.count) == (f"audit.seal_broken:{LOG}", "critical", 2)
        assert f"строка {logs[4].pk} изменена" in alert.body, "kept in the house's language, whoever finds it"
        assert alert.context["row"] == str(logs[4].pk)
        assert SealChain.objects.get(chain=LOG).misfit == alert.body


def test_the_same_is_found_by_the_query(logs: list[AuditLog]) -> None:
    assert first_misfit(LOG) is None
    with as_the_owner(TABLE):
        execute(f"DELETE FROM {TABLE} WHERE id = %s::bigint", logs[0].pk)
    found: Any = first_misfit(LOG)
    assert (found.kind, found.place) == ("deleted", logs[0].pk)
