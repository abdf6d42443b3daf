"""What the database itself refuses about the ledger."""

from __future__ import annotations

from typing import Final

import pytest

from billing.models.transaction import CREDITS, DEBITS
from billing.operations import grants, holds
from billing.owners import Owner
from billing.tests import deeds
from billing.tests.factories import TESTER, HoldFactory, InvoiceFactory, WalletFactory
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

NEW: Final = {"id": uuid7(), "sequence": 1_000, "idempotency_key": "another"}
# What the other rules want of each type, so that its sign alone is wrong.
NAMES_ITS: Final = {
    "purchase": {"invoice_id": Id("invoice")},
    "capture": {"hold_id": Id("hold")},
    "expiration": {"reverses_id": Id("lot")},
}


def row(type: str, tokens: int, **values: object) -> Copy:
    return Copy("lot", {**NEW, "type": type, "tokens_delta": tokens, **NAMES_ITS.get(type, {}), **values})


CASES: Final = [
    *(
        Case("billing_transaction_is_append_only", Change("lot", values), row("grant", 1))
        for values in (
            {"tokens_delta": 1_000_000},
            {"balance_after": 0},
            {"created_at": SOME_MOMENT},
            {"description": "as if nothing had happened"},
            {"expires_at": SOME_MOMENT},
            # A change that changes nothing is refused as well: nobody needs one.
            {"sequence": 1},
        )
    ),
    Case("billing_transaction_is_append_only", Delete("last"), row("grant", 1)),
    *(Case("billing_transaction_type_fits_its_sign", row(type, -1), row(type, 1)) for type in CREDITS),
    *(
        Case("billing_transaction_type_fits_its_sign", row(type, 1), row(type, -1))
        for type in DEBITS
        if type != "expiration"
    ),
    # An expiration names its lot, so that the lot's rule is asked before the sign's.
    Case(
        "billing_transaction_only_a_debit_reverses",
        row("expiration", 1),
        row("expiration", -1),
        behind=("billing_transaction_type_fits_its_sign",),
    ),
    Case("billing_transaction_type_fits_its_sign", row("adjustment", 0), row("adjustment", 1)),
    Case("billing_transaction_type_fits_its_sign", row("present", 1), row("grant", 1)),
    Case(
        "billing_transaction_balance_after_is_not_negative",
        row("charge", -1, balance_after=-1),
        row("charge", -1, balance_after=0),
    ),
    Case("billing_transaction_sequence_is_positive", row("grant", 1, sequence=0), row("grant", 1)),
    Case("billing_transaction_sequence_is_unique_per_wallet", row("grant", 1, sequence=1), row("grant", 1)),
    Case(
        "billing_transaction_key_is_unique_per_wallet",
        row("grant", 1, idempotency_key="the lot's"),
        row("grant", 1),
    ),
    Case(
        "billing_transaction_only_a_credit_expires",
        row("charge", -1, expires_at=SOME_MOMENT),
        row("grant", 1, expires_at=SOME_MOMENT),
    ),
    Case(
        "billing_transaction_only_a_debit_reverses",
        row("adjustment", 1, reverses_id=Id("lot")),
        row("adjustment", -1, reverses_id=Id("lot")),
    ),
    Case(
        "billing_transaction_expiration_names_its_lot",
        row("expiration", -1, reverses_id=None),
        row("expiration", -1),
    ),
    Case("billing_transaction_capture_names_its_hold", row("capture", -1, hold_id=None), row("capture", -1)),
    Case("billing_transaction_purchase_names_its_invoice", row("purchase", 1, invoice_id=None), row("purchase", 1)),
]


@made_once
def rows() -> Rows:
    wallet = WalletFactory.create()
    owner = Owner.wallet(wallet.pk)
    given = grants.give(owner=owner, tokens=100, reason="for a test", key="the lot's", by=TESTER)
    assert given.transaction is not None
    hold = HoldFactory.create(wallet=wallet)
    holds.release(hold_id=hold.pk, by=TESTER)
    charged = deeds.charge(wallet, 1)
    return {
        "lot": given.transaction,
        "last": charged.transaction,
        "hold": hold,
        "invoice": InvoiceFactory.create(wallet=wallet),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestLedger(GuardTests):
    pass


@pytest.mark.parametrize("guard", ["billing_transaction_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
