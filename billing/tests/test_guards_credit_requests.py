"""What the database itself refuses about allowances and about credits that wait for a second person."""

from __future__ import annotations

from typing import Final

import pytest

from accounts.people import actor_of
from accounts.tests.factories import StaffFactory
from audit.tests.recorded import Case as Record
from audit.tests.recorded import RecordTests
from billing.models import CreditAllowance
from billing.operations import credit_requests, grants
from billing.owners import Owner
from billing.tests.factories import CreditRequestFactory, add_lot, funded_wallet
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

STATES: Final = "billing_creditrequest_state_fits_its_decision"
CREDIT: Final = "billing_creditrequest_credit_is_what_was_asked_for"
DECLINED: Final = {"state": "declined", "decided_by_id": Id("boris"), "decided_at": SOME_MOMENT, "refusal": "no"}
EXPIRED: Final = {"state": "expired", "decided_at": SOME_MOMENT}
APPROVED: Final = {
    "state": "approved",
    "decided_by_id": Id("boris"),
    "decided_at": SOME_MOMENT,
    "transaction_id": Id("credit"),
}
NEW: Final = {"id": uuid7(), "idempotency_key": "another", "giver": "user:another"}

CASES: Final = [
    Case(
        "billing_creditallowance_is_not_exceeded",
        Change("allowance", {"used_tokens": 5_001}),
        Change("allowance", {"used_tokens": 5_000}),
    ),
    Case(
        "billing_creditallowance_is_not_exceeded",
        Change("allowance", {"limit_tokens": 9}),
        Change("allowance", {"limit_tokens": 10}),
    ),
    Case(
        "billing_creditallowance_is_one_per_giver_and_day",
        Copy("allowance", {"id": 2_000_000_000}),
        Copy("allowance", {"id": 2_000_000_000, "day": "2026-01-31"}),
    ),
    *(
        Case("billing_creditallowance_is_frozen", Change("allowance", values), Change("allowance", {"used_tokens": 11}))
        for values in ({"giver": "user:another"}, {"day": "2026-01-31"})
    ),
    Case(
        "billing_creditallowance_use_is_never_taken_back",
        Change("allowance", {"used_tokens": 9}),
        Change("allowance", {"used_tokens": 11}),
    ),
    Case("billing_creditallowance_is_never_deleted", Delete("allowance"), Change("allowance", {"used_tokens": 11})),
    Case(
        "billing_creditrequest_key_is_unique_per_wallet",
        Copy("waiting", {**NEW, "idempotency_key": "hers"}),
        Copy("waiting", NEW),
    ),
    Case(
        "billing_creditrequest_is_pending_once_per_giver",
        Copy("waiting", {"id": uuid7(), "idempotency_key": "another"}),
        Copy("waiting", {"id": uuid7(), "idempotency_key": "another", **EXPIRED}),
    ),
    Case(
        "billing_creditrequest_tokens_are_positive",
        Copy("waiting", {**NEW, "tokens": 0}),
        Copy("waiting", {**NEW, "tokens": 1}),
    ),
    Case(
        "billing_creditrequest_has_a_reason",
        Copy("waiting", {**NEW, "reason": ""}),
        Copy("waiting", {**NEW, "reason": "x"}),
    ),
    Case(
        "billing_creditrequest_is_decided_by_another",
        Change("waiting", {**APPROVED, "decided_by_id": Id("olga")}),
        Change("waiting", APPROVED),
    ),
    Case(
        "billing_creditrequest_is_decided_by_another",
        Change("waiting", {**DECLINED, "decided_by_id": Id("olga")}),
        Change("waiting", DECLINED),
    ),
    # Nobody's key has nobody behind it who could not decide.
    Case(
        "billing_creditrequest_is_decided_by_another",
        Copy("waiting", {**NEW, **DECLINED, "decided_by_id": Id("olga")}),
        Copy("waiting", {**NEW, **DECLINED, "decided_by_id": Id("olga"), "requested_by_id": None}),
    ),
    *(
        Case(STATES, Change("waiting", values), Change("waiting", neighbour))
        for values, neighbour in (
            ({"state": "forgotten"}, EXPIRED),
            ({**APPROVED, "state": "pending"}, APPROVED),
            ({**APPROVED, "transaction_id": None}, APPROVED),
            ({**APPROVED, "decided_by_id": None}, APPROVED),
            ({**APPROVED, "decided_at": None}, APPROVED),
            ({**APPROVED, "refusal": "no"}, APPROVED),
            ({**DECLINED, "refusal": ""}, DECLINED),
            ({**DECLINED, "decided_by_id": None}, DECLINED),
            ({**DECLINED, "transaction_id": Id("credit")}, DECLINED),
            ({**EXPIRED, "decided_by_id": Id("boris")}, EXPIRED),
            ({**EXPIRED, "decided_at": None}, EXPIRED),
        )
    ),
    *(
        Case(CREDIT, Change("waiting", {**APPROVED, "transaction_id": Id(credit)}), Change("waiting", APPROVED))
        for credit in ("smaller credit", "credit of another")
    ),
    Case(
        "billing_creditrequest_transaction_id_key",
        Copy("approved", NEW),
        Copy("approved", {**NEW, **DECLINED, "transaction_id": None}),
    ),
    *(
        Case("billing_creditrequest_is_frozen", Change("waiting", values), Change("waiting", EXPIRED))
        for values in (
            {"tokens": 1},
            {"reason": "another"},
            {"wallet_id": Id("other wallet")},
            {"requested_by_id": None},
            {"giver": "user:another"},
            {"idempotency_key": "another"},
            {"lot_expires_at": SOME_MOMENT},
            {"expires_at": SOME_MOMENT},
        )
    ),
    *(
        Case("billing_creditrequest_is_decided_once", Change("approved", values), Change("waiting", EXPIRED))
        for values in (
            {"decided_at": SOME_MOMENT},
            {"state": "pending", "decided_by_id": None, "decided_at": None, "transaction_id": None},
            {**DECLINED, "transaction_id": None},
        )
    ),
    Case("billing_creditrequest_is_never_deleted", Delete("waiting"), Change("waiting", EXPIRED)),
]


@made_once
def rows() -> Rows:
    olga, boris = (StaffFactory.create(role="operator") for _number in range(2))
    other_wallet, wallet = funded_wallet(tokens=2_000), funded_wallet(tokens=2_000)
    add_lot(wallet, 1)
    given = {row.tokens_delta: row for row in wallet.transactions.all()}
    approved = CreditRequestFactory.create(by=olga)
    credit_requests.approve(request_id=approved.pk, by=actor_of(boris))
    approved.refresh_from_db()
    grants.give(owner=Owner.wallet(wallet.pk), tokens=10, reason="an apology", key="ten", by=actor_of(boris))
    return {
        "olga": olga,
        "boris": boris,
        "waiting": CreditRequestFactory.create(wallet=wallet, by=olga, key="hers"),
        "approved": approved,
        "credit": given[2_000],
        "smaller credit": given[1],
        "credit of another": other_wallet.transactions.get(),
        "other wallet": other_wallet,
        "allowance": CreditAllowance.objects.get(giver=f"user:{boris.pk}"),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestCreditGuards(GuardTests):
    pass


RECORDS: Final = [
    Record(
        "billing_creditrequest_is_audited",
        Copy("waiting", NEW),
        "billing.creditrequest.created",
    ),
    Record("billing_creditrequest_is_audited", Change("waiting", DECLINED), "billing.creditrequest.updated"),
]


@pytest.mark.parametrize("case", RECORDS, ids=str)
class TestRecords(RecordTests):
    pass


@pytest.mark.parametrize(
    "guard", ["billing_creditrequest_is_never_truncated", "billing_creditallowance_is_never_truncated"]
)
class TestTruncation(TruncationTests):
    pass
