"""What the database itself refuses about customers on their way to a till."""

from __future__ import annotations

from typing import Final

import pytest

from billing.tests.factories import InvoiceFactory
from billing.tests.payment_factories import CheckoutFactory
from core import clock
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

ANSWER: Final = {
    "url": "https://pay.example/1",
    "answered_at": SOME_MOMENT,
    "provider_payment_id": "theirs",
    "polled_at": SOME_MOMENT,
}

CASES: Final = [
    Case(
        "billing_checkout_is_open_once_per_invoice_and_provider",
        Copy("begun", {"id": uuid7()}),
        Copy("begun", {"id": uuid7(), "provider": "stripe"}),
    ),
    Case(
        "billing_checkout_is_open_once_per_invoice_and_provider",
        Copy("begun", {"id": uuid7()}),
        Copy("begun", {"id": uuid7(), "closed_at": SOME_MOMENT}),
    ),
    *(
        Case("billing_checkout_is_closed_once", Change("over", values), Change("over", ANSWER))
        for values in ({"closed_at": None}, {"closed_at": SOME_MOMENT})
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
            {"by_agreement": True},
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
    return {
        "begun": CheckoutFactory.create(),
        "over": CheckoutFactory.create(closed_at=clock.now()),
        "other invoice": InvoiceFactory.create(),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestCheckout(GuardTests):
    pass


@pytest.mark.parametrize("guard", ["billing_checkout_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
