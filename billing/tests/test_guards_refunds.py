"""What the database itself refuses about money that goes back."""

from __future__ import annotations

from typing import Final

import pytest

from audit.tests.recorded import Case as Record
from audit.tests.recorded import RecordTests
from billing.tests.factories import PaymentFactory
from billing.tests.facts import refund_on_its_way, refund_that_came_back
from billing.tests.payment_factories import RefundFactory
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

STATE: Final = "billing_refund_state_fits_its_end"
CLAIM: Final = "billing_refund_takes_no_more_than_it_claims"
NEW: Final = {"id": uuid7(), "idempotency_key": "another", "provider_refund_id": "another"}
DONE: Final = {"state": "succeeded", "closed_at": SOME_MOMENT, "provider_refund_id": "theirs"}
FAILED: Final = {"state": "failed", "closed_at": SOME_MOMENT, "failure": "insufficient_funds"}
CAME_BACK: Final = {"state": "failed", "failure": "insufficient_funds"}

CASES: Final = [
    Case(
        "billing_refund_key_is_unique_per_payment",
        Copy("done", {**NEW, "idempotency_key": "the refund's"}),
        Copy("done", {**NEW, "idempotency_key": "the refund's", "payment_id": Id("other payment")}),
    ),
    Case(
        "billing_refund_is_one_per_provider_id",
        # By hand, the refund's own id is the provider's.
        Copy("done", {**NEW, "provider_refund_id": Id("done")}),
        Copy("done", NEW),
    ),
    Case(
        "billing_refund_is_pending_once_per_payment",
        Copy("waiting", NEW),
        Copy("waiting", {**NEW, **DONE}),
    ),
    Case("billing_refund_amount_is_positive", Copy("done", {**NEW, "amount": 0}), Copy("done", {**NEW, "amount": 1})),
    Case(CLAIM, Copy("done", {**NEW, "claimed_tokens": 49}), Copy("done", {**NEW, "claimed_tokens": 50})),
    Case(CLAIM, Copy("done", {**NEW, "shortfall_tokens": 1}), Copy("done", {**NEW, "tokens_reversed": 49})),
    Case(CLAIM, Copy("done", {**NEW, "tokens_reversed": -1}), Copy("done", {**NEW, "tokens_reversed": 0})),
    Case(CLAIM, Copy("done", {**NEW, "shortfall_tokens": -1}), Copy("done", {**NEW, "shortfall_tokens": 0})),
    Case(
        "billing_refund_only_a_full_one_makes_a_debt",
        Copy("done", {**NEW, "policy": "unspent", "tokens_reversed": 49, "shortfall_tokens": 1}),
        Copy("done", {**NEW, "tokens_reversed": 49, "shortfall_tokens": 1}),
    ),
    *(
        Case("billing_refund_goodwill_leaves_the_tokens", Copy("done", {**NEW, "policy": policy}), Copy("done", NEW))
        for policy in ("goodwill", "forgotten")
    ),
    *(
        Case(STATE, Change("waiting", values), Change("waiting", neighbour))
        for values, neighbour in (
            ({**DONE, "state": "forgotten"}, DONE),
            ({"closed_at": SOME_MOMENT}, DONE),
            ({"failure": "insufficient_funds"}, FAILED),
            ({**DONE, "closed_at": None}, DONE),
            ({**DONE, "provider_refund_id": None}, DONE),
            ({**DONE, "failure": "insufficient_funds"}, DONE),
            ({**FAILED, "closed_at": None}, FAILED),
            ({**FAILED, "failure": ""}, FAILED),
        )
    ),
    Case(
        "billing_refund_of_the_desk_has_a_reason",
        Copy("done", {**NEW, "reason": ""}),
        Copy("done", {**NEW, "reason": "", "origin": "provider"}),
    ),
    *(
        Case("billing_refund_is_frozen", Change("waiting", values), Change("waiting", DONE))
        for values in (
            {"payment_id": Id("other payment")},
            {"origin": "provider"},
            {"policy": "unspent"},
            {"amount": 1},
            {"currency": "USD"},
            {"reason": "another"},
            {"idempotency_key": "another"},
            {"actor": "{}"},
            {"created_at": SOME_MOMENT},
        )
    ),
    *(
        Case("billing_refund_is_closed_once", Change("done", values), Change("waiting", DONE))
        for values in (
            {"closed_at": SOME_MOMENT},
            {"provider_refund_id": "another"},
            {"state": "pending", "closed_at": None},
            {**CAME_BACK, "provider_refund_id": "another"},
        )
    ),
    Case("billing_refund_is_closed_once", Change("came back", {**DONE, "failure": ""}), Change("done", CAME_BACK)),
    Case("billing_refund_is_never_deleted", Delete("done"), Change("waiting", DONE)),
]


@made_once
def rows() -> Rows:
    return {
        "done": RefundFactory.create(key="the refund's"),
        "waiting": refund_on_its_way(),
        "came back": refund_that_came_back(),
        "other payment": PaymentFactory.create(),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestRefund(GuardTests):
    pass


RECORDS: Final = [
    Record("billing_refund_is_audited", Copy("done", NEW), "billing.refund.created"),
    Record("billing_refund_is_audited", Change("waiting", FAILED), "billing.refund.updated"),
]


@pytest.mark.parametrize("case", RECORDS, ids=str)
class TestRecords(RecordTests):
    pass


@pytest.mark.parametrize("guard", ["billing_refund_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
