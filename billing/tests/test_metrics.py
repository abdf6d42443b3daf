"""What Prometheus is told of the books."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from audit.operations import alerts
from billing.operations import reconciliation
from billing.tests.factories import funded_wallet
from core import clock
from core.actors import SYSTEM, under
from core.database_roles import as_owner
from core.ids import uuid7
from core.metrics import gauges
from core.models import Job

pytestmark = pytest.mark.django_db


def read() -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name: {tuple(each.labels.values()): each.value for each in family.samples}
        for family in gauges.read_from(connection)
    }


def a_round(*, ago: timedelta) -> None:
    """A reconciliation that ran so long ago, as its job tells."""
    ended = clock.now() - ago
    Job.objects.create(
        id=uuid7(),
        name="billing.reconcile",
        state=Job.State.DONE,
        max_attempts=5,
        lease_seconds=60,
        started_at=ended - timedelta(seconds=5),
        finished_at=ended,
    )


def test_books_that_were_never_checked_have_no_age() -> None:
    found = read()
    assert found["dvorik_ledger_divergences"] == {(): 0}
    assert found["dvorik_ledger_reconciled_seconds"] == {}


def test_what_the_last_round_found_is_told_until_one_finds_it_no_more() -> None:
    wallet = funded_wallet()
    a_round(ago=timedelta(seconds=100))
    assert read()["dvorik_ledger_divergences"] == {(): 0}
    assert 100 <= read()["dvorik_ledger_reconciled_seconds"][()] < 130
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE billing_wallet DISABLE TRIGGER USER")
        cursor.execute("UPDATE billing_wallet SET token_balance = token_balance + 1 WHERE id = %s", [wallet.pk])
        cursor.execute("ALTER TABLE billing_wallet ENABLE TRIGGER USER")
    with under(actor=SYSTEM):
        found = reconciliation.run(by=SYSTEM).divergences
    assert read()["dvorik_ledger_divergences"] == {(): len(found)}
    assert found
    a_round(ago=timedelta(seconds=-60))
    assert read()["dvorik_ledger_divergences"] == {(): 0}


def test_what_is_resolved_is_told_no_more() -> None:
    with under(actor=SYSTEM):
        alert = alerts.raise_alert("billing.reconciliation:I1:wallet x", severity="critical", title="The books")
        alerts.raise_alert("billing.expiry_impossible:x", severity="critical", title="Another matter")
    assert read()["dvorik_ledger_divergences"] == {(): 1}
    alerts.resolve(alert_id=alert.pk, by=SYSTEM)
    assert read()["dvorik_ledger_divergences"] == {(): 0}
