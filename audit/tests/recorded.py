"""Audit triggers, fired by raw SQL: what each records, what it leaves out, and that without it nothing is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from django.db.models import Max

from audit.models import AuditLog
from core.tests.guards import Deed, Rows, switch_off, undone


@dataclass(frozen=True)
class Case:
    """
    :param trigger: its name
    :param told: what is recorded
    :param action: as what
    :param untold: its nearest neighbour that is no news
    """

    trigger: str
    told: Deed
    action: str
    untold: Deed | None = None

    def __str__(self) -> str:
        return f"{self.trigger}: {self.action}"


@pytest.mark.usefixtures("as_the_owner")
class RecordTests:
    """For each audit trigger; a subclass is parametrised with its cases and has the fixture ``rows``."""

    pytestmark: ClassVar = [pytest.mark.django_db]

    def test_is_told_by_its_trigger_alone(self, case: Case, rows: Rows) -> None:
        with undone():
            assert actions(case.told, rows) == [case.action]
        if case.untold is not None:
            with undone():
                assert actions(case.untold, rows) == []
        switch_off(rows[case.told.row]._meta.db_table, case.trigger)
        assert actions(case.told, rows) == []


def actions(deed: Deed, rows: Rows) -> list[str]:
    """What the audit log gained by a deed that touched its row."""
    before = AuditLog.objects.aggregate(last=Max("id"))["last"] or 0
    assert deed.run(rows) == 1
    return list(AuditLog.objects.filter(id__gt=before).order_by("id").values_list("action", flat=True))
