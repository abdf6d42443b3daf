"""What the database itself refuses about payments that are contested."""

from __future__ import annotations

from typing import Final

import pytest

from audit.tests.recorded import Case as Record
from audit.tests.recorded import RecordTests
from billing.tests.factories import PaymentFactory
from billing.tests.payment_factories import DisputeFactory
from core.ids import uuid7
from core.tests.guards import (
    SOME_MOMENT,
    Case,
    Change,
    Copy,
    Delete,
    GuardTests,
    Id,
    Rows,
    TruncationTests,
)
from core.tests.made_once import made_once

STATE: Final = "billing_dispute_state_fits_its_end"
NEW: Final = {"id": uuid7(), "provider_dispute_id": "another"}
WON: Final = {"state": "won", "closed_at": SOME_MOMENT}

CASES: Final = [
    Case(
        "billing_dispute_is_one_per_provider_id",
        Copy("open", {"id": uuid7()}),
        Copy("open", {"id": uuid7(), "payment_id": Id("other payment")}),
    ),
    *(
        Case(STATE, Change("open", values), Change("open", neighbour))
        for values, neighbour in (
            ({"state": "won"}, WON),
            ({"state": "lost"}, {**WON, "state": "lost"}),
            ({"closed_at": SOME_MOMENT}, WON),
            ({**WON, "state": "gone"}, WON),
        )
    ),
    *(
        Case("billing_dispute_is_frozen", Change("open", values), Change("open", WON))
        for values in (
            {"payment_id": Id("other payment")},
            {"provider_dispute_id": "another"},
            {"created_at": SOME_MOMENT},
        )
    ),
    Case("billing_dispute_is_never_deleted", Delete("open"), Change("open", WON)),
]


@made_once
def rows() -> Rows:
    return {"open": DisputeFactory.create(), "other payment": PaymentFactory.create()}


@pytest.mark.parametrize("case", CASES, ids=str)
class TestDispute(GuardTests):
    pass


RECORDS: Final = [
    Record("billing_dispute_is_audited", Copy("open", NEW), "billing.dispute.created"),
    Record("billing_dispute_is_audited", Change("open", WON), "billing.dispute.updated"),
]


@pytest.mark.parametrize("case", RECORDS, ids=str)
class TestRecords(RecordTests):
    pass


@pytest.mark.parametrize("guard", ["billing_dispute_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
