"""What Prometheus is told of alerts, of the messages about them, and of the seals."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from audit.models import AdminAlert, Delivery
from audit.operations import alerts
from audit.tests.factories import AuditLogFactory, DeliveryFactory, SealFactory
from core import clock
from core.actors import SYSTEM, under
from core.metrics import gauges

pytestmark = pytest.mark.django_db


def read() -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name: {tuple(each.labels.values()): each.value for each in family.samples}
        for family in gauges.read_from(connection)
    }


def raised(name: str, severity: alerts.Severity) -> AdminAlert:
    with under(actor=SYSTEM):
        return alerts.raise_alert(f"audit.{name}", severity=severity, title="Something")


class TestAlerts:
    def test_that_are_open_are_told_by_their_gravity(self) -> None:
        raised("one", "critical")
        raised("two", "critical")
        raised("three", "info")
        alerts.acknowledge(alert_id=raised("four", "critical").pk, by=SYSTEM)
        assert read()["dvorik_alerts_open"] == {("critical",): 2, ("warning",): 0, ("info",): 1}


class TestDeliveries:
    def test_that_wait_are_told_with_the_age_of_the_oldest(self) -> None:
        DeliveryFactory.create(created_at=clock.now() - timedelta(seconds=60))
        DeliveryFactory.create(created_at=clock.now() - timedelta(seconds=30))
        DeliveryFactory.create(state=Delivery.State.SENT, finished_at=clock.now())
        found = read()
        assert found["dvorik_deliveries_pending"] == {("alert",): 2, ("head",): 0}
        assert 60 <= found["dvorik_deliveries_lag_seconds"][("alert",)] < 90
        assert found["dvorik_deliveries_lag_seconds"][("head",)] == 0


class TestSeals:
    def test_lag_by_the_first_row_that_none_covers(self) -> None:
        sealed = AuditLogFactory.create()
        SealFactory.create(chain="audit.auditlog", after=0, until=sealed.pk)
        assert read()["dvorik_seals_lag_seconds"][("audit.auditlog",)] == 0
        AuditLogFactory.create(created_at=clock.now() - timedelta(seconds=45))
        AuditLogFactory.create()
        assert 45 <= read()["dvorik_seals_lag_seconds"][("audit.auditlog",)] < 75

    def test_no_lag_below_zero_where_a_row_is_younger_than_the_question(self) -> None:
        SealFactory.create(chain="audit.auditlog", after=0, until=AuditLogFactory.create().pk)
        AuditLogFactory.create(created_at=clock.now() + timedelta(minutes=5))
        assert read()["dvorik_seals_lag_seconds"][("audit.auditlog",)] == 0
