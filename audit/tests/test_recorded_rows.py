"""Which changes of settings and alerts are told, by which trigger."""

from __future__ import annotations

from typing import Final

import pytest

from audit.operations import alerts
from audit.tests.recorded import Case, RecordTests
from core.models import Setting
from core.tests.guards import SOME_MOMENT, Change, Copy, Delete, Rows
from core.tests.made_once import made_once

CASES: Final = [
    Case("core_setting_is_audited", Change("setting", {"value": "2"}), "core.setting.updated"),
    Case("core_setting_is_audited", Copy("setting", {"key": "core.other"}), "core.setting.created"),
    Case("core_setting_is_audited", Delete("setting"), "core.setting.deleted"),
    Case(
        "audit_adminalert_is_audited",
        Change("alert", {"status": "acknowledged", "acknowledged_at": SOME_MOMENT}),
        "audit.adminalert.updated",
        # Repetitions are counted on the alert itself.
        untold=Change("alert", {"count": 2, "last_seen_at": SOME_MOMENT}),
    ),
    Case("audit_adminalert_is_audited", Copy("alert", {"id": 2_000_000_000}), "audit.adminalert.created"),
    Case("audit_adminalert_is_audited", Delete("alert"), "audit.adminalert.deleted"),
]


@made_once
def rows() -> Rows:
    return {
        "setting": Setting.objects.create(key="core.some", value=1, updated_by="tests"),
        "alert": alerts.raise_alert("audit.some", severity="info", title="Something", body=""),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestRow(RecordTests):
    pass
