"""What the database itself refuses about alerts; about the log, see test_append_only."""

from __future__ import annotations

from typing import Final

import pytest

from audit.operations import alerts
from core.tests.guards import SOME_MOMENT, Case, Change, GuardTests, Rows

CASES: Final = [
    Case("audit_adminalert_count_is_positive", Change("alert", {"count": 0}), Change("alert", {"count": 1})),
    # Django's own floor under the column says less than our sentence.
    Case(
        "audit_adminalert_count_check",
        Change("alert", {"count": -1}),
        Change("alert", {"count": 0}),
        in_front=("audit_adminalert_count_is_positive",),
    ),
    Case(
        "audit_adminalert_status_is_known",
        Change("alert", {"status": "forgotten", "acknowledged_at": SOME_MOMENT}),
        Change("alert", {"status": "resolved", "acknowledged_at": SOME_MOMENT}),
    ),
    Case(
        "audit_adminalert_acknowledged_has_a_moment",
        Change("alert", {"status": "acknowledged"}),
        Change("alert", {"status": "acknowledged", "acknowledged_at": SOME_MOMENT}),
    ),
]


@pytest.fixture
def rows() -> Rows:
    return {"alert": alerts.raise_alert("audit.some", severity="info", title="Something")}


@pytest.mark.parametrize("case", CASES, ids=str)
class TestAlert(GuardTests):
    pass
