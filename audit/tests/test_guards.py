"""What the database itself refuses about alerts; about the log, see test_append_only."""

from __future__ import annotations

from typing import Final

import pytest

from audit.operations import alerts
from audit.tests.factories import DeliveryFactory, SealFactory
from core.tests.guards import SOME_MOMENT, Case, Change, Copy, GuardTests, Rows, execute, refused_by
from core.tests.made_once import made_once

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
DELIVERY_CASES: Final = [
    Case(
        "audit_delivery_state_is_known",
        Change("delivery", {"state": "lost", "finished_at": SOME_MOMENT}),
        Change("delivery", {"state": "failed", "finished_at": SOME_MOMENT}),
    ),
    Case(
        "audit_delivery_finished_has_a_moment",
        Change("delivery", {"state": "sent"}),
        Change("delivery", {"state": "sent", "finished_at": SOME_MOMENT}),
    ),
    # Django's own floors under the columns.
    Case("audit_delivery_attempts_check", Change("delivery", {"attempts": -1}), Change("delivery", {"attempts": 0})),
    Case(
        "audit_delivery_alert_count_check",
        Change("delivery", {"alert_count": -1}),
        Change("delivery", {"alert_count": 0}),
    ),
]
SEAL_CASES: Final = [
    Case(
        "audit_seal_number_is_unique_per_chain",
        Copy("seal", {"id": -1}),
        Copy("seal", {"id": -1, "number": -1}),
    ),
    Case(
        "audit_seal_ends_after_it_begins",
        Copy("seal", {"id": -1, "number": -1, "until": 0}),
        Copy("seal", {"id": -1, "number": -1, "until": 2}),
    ),
    Case(
        "audit_seal_is_append_only",
        Change("seal", {"hash": "1" * 64}),
        Copy("seal", {"id": -1, "number": -1}),
    ),
]


@made_once
def rows() -> Rows:
    return {
        "alert": alerts.raise_alert("audit.some", severity="info", title="Something"),
        "delivery": DeliveryFactory.create(),
        "seal": SealFactory.create(),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestAlert(GuardTests):
    pass


@pytest.mark.parametrize("case", DELIVERY_CASES, ids=str)
class TestDelivery(GuardTests):
    pass


@pytest.mark.parametrize("case", SEAL_CASES, ids=str)
class TestSeal(GuardTests):
    pass


@pytest.mark.django_db
@pytest.mark.usefixtures("as_the_owner")
def test_audit_seal_is_never_truncated(truncation_guards: None) -> None:
    with refused_by("audit_seal_is_never_truncated"):
        execute("TRUNCATE audit_seal")
