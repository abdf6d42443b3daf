"""What the database itself refuses about money that arrived."""

from __future__ import annotations

from typing import Final

import pytest

from billing.tests.factories import InvoiceFactory, PaymentFactory
from billing.tests.payment_factories import AnnouncedPaymentFactory
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

NEW: Final = {
    "id": uuid7(),
    "provider_payment_id": "receipt-other",
    "idempotency_key": "another",
    "outcome": "surplus",
}

CASES: Final = [
    Case(
        "billing_payment_is_one_per_provider_id",
        Copy("payment", {**NEW, "provider_payment_id": "receipt", "invoice_id": Id("other invoice")}),
        Copy("payment", {**NEW, "invoice_id": Id("other invoice")}),
    ),
    Case(
        "billing_payment_is_one_per_provider_id",
        Copy("payment", {**NEW, "provider_payment_id": "receipt"}),
        # Providers number their payments each on its own.
        Copy("payment", {**NEW, "provider_payment_id": "receipt", "provider": "promo"}),
    ),
    Case(
        "billing_payment_credits_an_invoice_once",
        Copy("payment", {**NEW, "outcome": "credited"}),
        Copy("payment", NEW),
    ),
    Case(
        "billing_payment_key_is_unique_per_invoice",
        Copy("payment", {**NEW, "idempotency_key": "the payment's"}),
        Copy("payment", {**NEW, "idempotency_key": "the payment's", "invoice_id": Id("other invoice")}),
    ),
    Case("billing_payment_amount_is_positive", Copy("payment", {**NEW, "amount": 0}), Copy("payment", NEW)),
    Case(
        "billing_payment_amount_is_positive",
        Copy("payment", {**NEW, "amount": -1, "provider": "promo"}),
        Copy("payment", {**NEW, "amount": 0, "provider": "promo"}),
        behind=("billing_payment_refunds_stay_within_it",),
    ),
    *(
        Case(
            "billing_payment_that_arrived_stays_what_it_was",
            Change("payment", values),
            Change("payment", {"status": "refunded"}),
        )
        for values in ({"amount": 1}, {"currency": "USD"}, {"outcome": "surplus"}, {"arrived_at": SOME_MOMENT})
    ),
    Case(
        "billing_payment_that_arrived_stays_what_it_was",
        Change("payment", {"amount": 1}),
        # Until the money is there, its amount is an announcement.
        Change("announced", {"amount": 1}),
    ),
    Case(
        "billing_payment_refunds_stay_within_it",
        Change("payment", {"refunded_amount": 14_901}),
        Change("payment", {"refunded_amount": 14_900}),
    ),
    Case(
        "billing_payment_tokens_taken_are_not_negative",
        Change("payment", {"taken_tokens": -1}),
        Change("payment", {"taken_tokens": 1}),
    ),
    Case(
        "billing_payment_tokens_taken_are_not_negative",
        Change("payment", {"debt_tokens": -1}),
        Change("payment", {"debt_tokens": 1}),
    ),
    Case(
        "billing_payment_outcome_waits_for_the_money",
        Change("announced", {"arrived_at": SOME_MOMENT}),
        Change("announced", {"arrived_at": SOME_MOMENT, "outcome": "surplus"}),
    ),
    *(
        Case("billing_payment_is_frozen", Change("payment", values), Change("payment", {"status": "refunded"}))
        for values in (
            {"invoice_id": Id("other invoice")},
            {"provider": "promo"},
            {"provider_payment_id": "receipt-other"},
            {"idempotency_key": "another"},
            {"created_at": SOME_MOMENT},
        )
    ),
    Case("billing_payment_is_never_deleted", Delete("payment"), Change("payment", {"status": "refunded"})),
]


@made_once
def rows() -> Rows:
    return {
        "payment": PaymentFactory.create(provider_payment_id="receipt", key="the payment's"),
        "other invoice": InvoiceFactory.create(),
        "announced": AnnouncedPaymentFactory.create(),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestPayment(GuardTests):
    pass


@pytest.mark.parametrize("guard", ["billing_payment_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
