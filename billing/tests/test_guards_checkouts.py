"""What the database itself refuses about customers on their way to a till."""

from __future__ import annotations

from typing import Final

import pytest

from billing.tests.factories import InvoiceFactory
from billing.tests.payment_factories import CheckoutFactory
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

ANSWER: Final = {"url": "https://pay.example/1", "answered_at": SOME_MOMENT, "provider_payment_id": "theirs"}

CASES: Final = [
    Case(
        "billing_checkout_is_one_per_invoice_and_provider",
        Copy("begun", {"id": uuid7()}),
        Copy("begun", {"id": uuid7(), "provider": "stripe"}),
    ),
    Case(
        "billing_checkout_amount_is_positive",
        Copy("begun", {"id": uuid7(), "provider": "stripe", "amount": 0}),
        Copy("begun", {"id": uuid7(), "provider": "stripe", "amount": 1}),
    ),
    *(
        Case("billing_checkout_is_frozen", Change("begun", values), Change("begun", ANSWER))
        for values in (
            {"invoice_id": Id("other invoice")},
            {"provider": "stripe"},
            {"key": uuid7()},
            {"amount": 1},
            {"currency": "USD"},
            {"return_url": "https://elsewhere.example/"},
            {"created_at": SOME_MOMENT},
        )
    ),
    Case("billing_checkout_is_never_deleted", Delete("begun"), Change("begun", ANSWER)),
]


@made_once
def rows() -> Rows:
    return {"begun": CheckoutFactory.create(), "other invoice": InvoiceFactory.create()}


@pytest.mark.parametrize("case", CASES, ids=str)
class TestCheckout(GuardTests):
    pass


@pytest.mark.parametrize("guard", ["billing_checkout_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
