"""What the database itself refuses about what was said of payments."""

from __future__ import annotations

from typing import Final

import pytest

from billing.tests.payment_factories import PaymentEventFactory
from core.ids import uuid7
from core.tests.guards import (
    Case,
    Change,
    Copy,
    Delete,
    GuardTests,
    Rows,
    TruncationTests,
)
from core.tests.made_once import made_once

DIRECTION: Final = "billing_paymentevent_direction_fits_its_kind"
CURRENCY: Final = "billing_paymentevent_amount_has_a_currency"
REFERENCE: Final = "billing_paymentevent_what_goes_out_has_a_reference"
NEW: Final = {"id": uuid7(), "provider_event_id": "another"}
REFUND: Final = {**NEW, "kind": "refunded", "direction": "out", "reference": "theirs"}
BEGUN: Final = {**NEW, "kind": "created", "amount": None, "currency": ""}

CASES: Final = [
    Case("billing_paymentevent_is_stored_once", Copy("success", {"id": uuid7()}), Copy("success", NEW)),
    Case(
        "billing_paymentevent_is_stored_once",
        Copy("success", {"id": uuid7()}),
        # Stars' refunds carry the very id of their payment.
        Copy("success", {**REFUND, "provider_event_id": "the payment's"}),
    ),
    Case(
        "billing_paymentevent_names_its_payment",
        Copy("success", {**NEW, "provider_payment_id": ""}),
        Copy("success", {**NEW, "provider_payment_id": "", "kind": "notice"}),
    ),
    Case(DIRECTION, Copy("success", {**NEW, "direction": "out"}), Copy("success", NEW)),
    Case(DIRECTION, Copy("success", {**REFUND, "direction": "in"}), Copy("success", REFUND)),
    Case(DIRECTION, Copy("success", {**NEW, "kind": "forgotten"}), Copy("success", NEW), behind=(REFERENCE,)),
    Case(
        "billing_paymentevent_money_has_an_amount",
        Copy("success", {**BEGUN, "kind": "succeeded"}),
        Copy("success", BEGUN),
    ),
    Case(
        "billing_paymentevent_money_has_an_amount",
        Copy("success", {**REFUND, "amount": None, "currency": ""}),
        Copy("success", {**REFUND, "amount": None, "currency": "", "kind": "dispute_opened"}),
    ),
    Case(CURRENCY, Copy("success", {**NEW, "currency": ""}), Copy("success", NEW)),
    Case(CURRENCY, Copy("success", {**NEW, "amount": -1}), Copy("success", {**NEW, "amount": 0})),
    Case(CURRENCY, Copy("success", {**BEGUN, "currency": "RUB"}), Copy("success", BEGUN)),
    Case(REFERENCE, Copy("success", {**REFUND, "reference": ""}), Copy("success", REFUND)),
    Case(REFERENCE, Copy("success", {**NEW, "reference": "theirs"}), Copy("success", NEW)),
    *(
        Case("billing_paymentevent_is_append_only", edit, Copy("success", NEW))
        for edit in (Change("success", {"amount": 1}), Change("success", {"payload": "{}"}), Delete("success"))
    ),
]


@made_once
def rows() -> Rows:
    return {"success": PaymentEventFactory.create(payment_id="the payment's")}


@pytest.mark.parametrize("case", CASES, ids=str)
class TestPaymentEvent(GuardTests):
    pass


@pytest.mark.parametrize("guard", ["billing_paymentevent_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
