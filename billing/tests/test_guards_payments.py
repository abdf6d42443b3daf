"""What the database itself refuses about money that arrived."""

from __future__ import annotations

from typing import Final

import pytest

from billing.models import Payment
from billing.tests.factories import InvoiceFactory, PaymentFactory
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
    check_deferred,
    execute,
    refused_by,
)

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
    ),
    *(
        Case("billing_payment_is_frozen", Change("payment", values), Change("payment", {"status": "refunded"}))
        for values in (
            {"amount": 1},
            {"currency": "USD"},
            {"outcome": "surplus"},
            {"invoice_id": Id("other invoice")},
            {"provider": "promo"},
            {"provider_payment_id": "receipt-other"},
            {"idempotency_key": "another"},
            {"created_at": SOME_MOMENT},
        )
    ),
    Case("billing_payment_is_never_deleted", Delete("payment"), Change("payment", {"status": "refunded"})),
]


@pytest.fixture
def rows() -> Rows:
    return {
        "payment": PaymentFactory.create(provider_payment_id="receipt", key="the payment's"),
        "other invoice": InvoiceFactory.create(),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestPayment(GuardTests):
    pass


@pytest.mark.django_db
class TestTruncation:
    def test_is_refused_by_billing_payment_is_never_truncated(self, truncation_guards: None, rows: Rows) -> None:
        check_deferred()
        with refused_by("billing_payment_is_never_truncated"):
            execute("TRUNCATE billing_payment")
        assert Payment.objects.count() == 1

    def test_would_lose_the_money_without_it(self, rows: Rows) -> None:
        check_deferred()
        execute("TRUNCATE billing_payment")
        assert not Payment.objects.exists()
