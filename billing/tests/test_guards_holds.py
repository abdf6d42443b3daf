"""What the database itself refuses about holds."""

from __future__ import annotations

from typing import Final

import pytest

from billing.operations import holds
from billing.tests.factories import TESTER, HoldFactory, funded_wallet
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

NEW: Final = {"id": uuid7(), "idempotency_key": "another"}
CLOSED: Final = {"state": "released", "closed_at": SOME_MOMENT}


def captured(tokens: int) -> Change:
    return Change("open", {"state": "captured", "captured_tokens": tokens, "closed_at": SOME_MOMENT})


CASES: Final = [
    Case("billing_hold_captures_at_most_what_it_holds", captured(11), captured(10)),
    Case(
        "billing_hold_captures_at_most_what_it_holds",
        captured(-1),
        captured(1),
        behind=("billing_hold_state_fits_what_was_captured",),
    ),
    Case("billing_hold_state_fits_what_was_captured", captured(0), captured(1)),
    Case(
        "billing_hold_state_fits_what_was_captured",
        Change("open", {**CLOSED, "captured_tokens": 1}),
        Change("open", CLOSED),
    ),
    Case(
        "billing_hold_state_fits_what_was_captured",
        Change("open", {**CLOSED, "state": "forgotten"}),
        Change("open", {**CLOSED, "state": "expired"}),
    ),
    Case("billing_hold_closed_has_a_moment", Change("open", {"state": "released"}), Change("open", CLOSED)),
    Case("billing_hold_closed_has_a_moment", Change("open", {"closed_at": SOME_MOMENT}), Change("open", CLOSED)),
    Case(
        "billing_hold_tokens_are_positive",
        Copy("open", {**NEW, "tokens": 0}),
        Copy("open", {**NEW, "tokens": 1}),
    ),
    Case("billing_hold_key_is_unique_per_wallet", Copy("open", {"id": uuid7()}), Copy("open", NEW)),
    Case(
        "billing_hold_key_is_unique_per_wallet",
        Copy("released", {"id": uuid7()}),
        # Another customer may use the same key.
        Copy("released", {"id": uuid7(), "wallet_id": Id("other wallet")}),
    ),
    *(
        Case("billing_hold_is_frozen", Change("open", values), Change("open", CLOSED))
        for values in (
            {"tokens": 11},
            {"wallet_id": Id("other wallet")},
            {"expires_at": SOME_MOMENT},
            {"idempotency_key": "another"},
            {"created_at": SOME_MOMENT},
        )
    ),
    *(
        Case("billing_hold_is_closed_once", Change("released", values), Change("open", CLOSED))
        for values in (
            {"state": "open", "closed_at": None},
            {"state": "captured", "captured_tokens": 10},
            {"closed_at": SOME_MOMENT},
        )
    ),
    Case("billing_hold_is_never_deleted", Delete("open"), Change("open", CLOSED)),
]


@made_once
def rows() -> Rows:
    released = HoldFactory.create()
    holds.release(hold_id=released.pk, by=TESTER)
    return {"open": HoldFactory.create(), "released": released, "other wallet": funded_wallet()}


@pytest.mark.parametrize("case", CASES, ids=str)
class TestHold(GuardTests):
    pass


@pytest.mark.parametrize("guard", ["billing_hold_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
