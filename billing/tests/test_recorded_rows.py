"""Which changes of money and of what is sold are told in the audit log, by which trigger."""

from __future__ import annotations

from typing import Final

import pytest

from accounts.tests.factories import CompanyFactory
from audit.models import AuditLog
from audit.tests.recorded import Case, RecordTests
from billing.tests.factories import PaymentFactory, PromoCodeFactory, TariffFactory, funded_wallet
from core.ids import uuid7
from core.tests.guards import SOME_MOMENT, Change, Copy, Delete, Id, Rows
from core.tests.made_once import made_once

CASES: Final = [
    Case(
        "billing_tariff_is_audited",
        Change("tariff", {"price": 1}),
        "billing.tariff.updated",
        untold=Change("tariff", {"updated_at": SOME_MOMENT}),
    ),
    Case("billing_tariff_is_audited", Copy("tariff", {"id": uuid7(), "slug": "new"}), "billing.tariff.created"),
    Case("billing_tariff_is_audited", Delete("tariff"), "billing.tariff.deleted"),
    Case("billing_promocode_is_audited", Copy("code", {"id": uuid7(), "code": "NEW"}), "billing.promocode.created"),
    Case("billing_promocode_is_audited", Delete("code"), "billing.promocode.deleted"),
    Case(
        "billing_promocode_change_is_audited",
        Change("code", {"discount_value": 99}),
        "billing.promocode.updated",
        # Each use is a row of its own.
        untold=Change("code", {"uses_count": 1}),
    ),
    # A change does not hide behind a use.
    Case(
        "billing_promocode_change_is_audited",
        Change("code", {"discount_value": 98, "uses_count": 1}),
        "billing.promocode.updated",
    ),
    Case(
        "billing_invoice_is_audited",
        Copy("invoice", {"id": uuid7(), "idempotency_key": "another", "number_in_year": 77}),
        "billing.invoice.created",
    ),
    Case("billing_invoice_is_audited", Change("invoice", {"status": "refunded"}), "billing.invoice.updated"),
    Case(
        "billing_payment_is_audited",
        Copy(
            "payment",
            {"id": uuid7(), "idempotency_key": "another", "provider_payment_id": "other", "outcome": "surplus"},
        ),
        "billing.payment.created",
    ),
    Case("billing_payment_is_audited", Change("payment", {"status": "refunded"}), "billing.payment.updated"),
    Case(
        "billing_wallet_is_audited",
        Copy("wallet", {"id": uuid7(), "user_id": None, "company_id": Id("company")}),
        "billing.wallet.created",
    ),
    *(
        Case(
            "billing_wallet_change_is_audited",
            Change("wallet", values),
            "billing.wallet.updated",
            # The ledger itself records the balance.
            untold=Change("wallet", {"token_balance": 99, "balance_version": 2, "held_tokens": 1}),
        )
        for values in (
            {"frozen_at": SOME_MOMENT},
            {"frozen_reason": "a doubt"},
            {"debt_tokens": 1},
            {"subscription_end": SOME_MOMENT},
        )
    ),
]


@made_once
def rows() -> Rows:
    payment = PaymentFactory.create()
    return {
        "tariff": TariffFactory.create(),
        "code": PromoCodeFactory.create(),
        "invoice": payment.invoice,
        "payment": payment,
        "wallet": funded_wallet(),
        "company": CompanyFactory.create(),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestRow(RecordTests):
    pass


@pytest.mark.django_db
def test_hides_what_an_invoices_key_stands_for(rows: Rows) -> None:
    told = AuditLog.objects.get(entity_type="billing.invoice", action="billing.invoice.created").new_value
    assert told is not None
    assert told["request_hash"] == "***"
