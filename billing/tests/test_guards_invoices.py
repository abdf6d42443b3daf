"""What the database itself refuses about invoices."""

from __future__ import annotations

from itertools import product
from typing import Final

import pytest

from billing.models import InvoiceCounter
from billing.operations import invoices
from billing.tests.factories import TESTER, InvoiceFactory, PaymentFactory, PromoCodeFactory, WalletFactory
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
    check_deferred,
    execute,
    refused_by,
)
from core.tests.made_once import made_once

NEW: Final = {"id": uuid7(), "idempotency_key": "another"}
PAID: Final = {"status": "paid", "paid_at": SOME_MOMENT, "number_year": 2026, "number_in_year": 77}


def priced(list_price: int, discount: int, amount: int) -> Copy:
    return Copy("pending", {**NEW, "list_price": list_price, "discount_amount": discount, "amount": amount})


def made(**values: object) -> Copy:
    return Copy("pending", {**NEW, **values})


PRICES: Final = [
    Case("billing_invoice_amounts_add_up", priced(14_900, 4_917, 9_982), priced(14_900, 4_917, 9_983)),
    Case(
        "billing_invoice_amounts_add_up",
        priced(14_900, 0, 1),
        priced(14_900, 14_899, 1),
    ),
    Case(
        "billing_invoice_discount_fits_the_price",
        # Less than nothing to pay.
        priced(100, 101, -1),
        priced(100, 100, 0),
        behind=("billing_invoice_is_free_only_by_discount",),
    ),
    Case("billing_invoice_discount_fits_the_price", priced(100, -1, 101), priced(100, 0, 100)),
    Case(
        "billing_invoice_is_free_only_by_discount",
        priced(100, 0, 0),
        priced(100, 100, 0),
        in_front=("billing_invoice_amounts_add_up",),
    ),
    Case("billing_invoice_list_price_is_positive", priced(0, 0, 0), priced(1, 0, 1)),
    Case("billing_invoice_stars_are_not_negative", made(amount_stars=-1), made(amount_stars=0)),
    Case("billing_invoice_tokens_are_not_negative", made(tokens=-1), made(tokens=0)),
    Case("billing_invoice_tokens_are_not_negative", made(bonus_tokens=-1), made(bonus_tokens=0)),
    Case("billing_invoice_tariff_version_check", made(tariff_version=-1), made(tariff_version=0)),
    Case("billing_invoice_subscription_days_check", made(subscription_days=-1), made(subscription_days=0)),
    Case("billing_invoice_period_months_check", made(period_months=-1), made(period_months=0)),
    Case("billing_invoice_grace_days_check", made(grace_days=-1), made(grace_days=0)),
    Case("billing_invoice_token_validity_days_check", made(token_validity_days=-1), made(token_validity_days=None)),
    Case("billing_invoice_number_year_check", made(**{**PAID, "number_year": -1}), made(**PAID)),
    Case("billing_invoice_number_in_year_check", made(**{**PAID, "number_in_year": -1}), made(**PAID)),
]

NUMBERS_AND_KEYS: Final = [
    Case(
        "billing_invoice_number_is_unique",
        Copy("paid", NEW),
        Copy("paid", {**NEW, "number_in_year": 77}),
    ),
    Case("billing_invoice_key_is_unique_per_wallet", Copy("pending", {"id": uuid7()}), Copy("pending", NEW)),
    *(
        Case(
            "billing_invoice_paid_has_a_number_and_a_moment",
            Change("pending", {**PAID, missing: None}),
            Change("pending", PAID),
        )
        for missing in ("paid_at", "number_year", "number_in_year")
    ),
    *(
        Case(
            "billing_invoice_paid_has_a_number_and_a_moment",
            Change("pending", {"status": "cancelled", given: PAID[given]}),
            Change("pending", {"status": "cancelled"}),
        )
        for given in ("paid_at", "number_year", "number_in_year")
    ),
]

FROZEN: Final = [
    *(
        Case("billing_invoice_is_frozen", Change("pending", values), Change("pending", {"status": "cancelled"}))
        for values in (
            {"status": "cancelled", "wallet_id": Id("other wallet")},
            {"status": "cancelled", "list_price": 15_000, "amount": 15_000},
            {"status": "cancelled", "discount_amount": 1, "amount": 14_899},
            {"status": "cancelled", "currency": "USD"},
            {"status": "cancelled", "amount_stars": 1},
            {"status": "cancelled", "tokens": 5_000},
            {"status": "cancelled", "bonus_tokens": 5_000},
            {"status": "cancelled", "tariff_version": 2},
            {"status": "cancelled", "token_validity_days": 1},
            {"status": "cancelled", "subscription_days": 365},
            {"status": "cancelled", "promo_code_id": Id("code")},
            {"status": "cancelled", "idempotency_key": "another"},
            {"status": "cancelled", "expires_at": SOME_MOMENT},
            {"status": "cancelled", "created_at": SOME_MOMENT},
        )
    ),
    Case("billing_invoice_is_never_deleted", Delete("pending"), Change("pending", {"status": "cancelled"})),
]

STATUSES: Final = ("pending", "paid", "expired", "cancelled", "partially_refunded", "refunded")
EDGES: Final = {
    ("pending", "paid"),
    ("pending", "expired"),
    ("pending", "cancelled"),
    # Money that comes late is still honoured.
    ("expired", "paid"),
    ("paid", "partially_refunded"),
    ("paid", "refunded"),
    ("partially_refunded", "refunded"),
    # A verdict may be turned: what was lost is won after all.
    ("partially_refunded", "paid"),
    ("refunded", "partially_refunded"),
    ("refunded", "paid"),
}
NUMBERED: Final = ("paid", "partially_refunded", "refunded")


@made_once
def rows() -> Rows:
    expired = InvoiceFactory.create()
    execute("UPDATE billing_invoice SET status = 'expired' WHERE id = %s", expired.pk)
    cancelled = InvoiceFactory.create()
    invoices.cancel(invoice_id=cancelled.pk, by=TESTER)
    return {
        "pending": InvoiceFactory.create(),
        "expired": expired,
        "cancelled": cancelled,
        "paid": PaymentFactory.create().invoice,
        "other wallet": WalletFactory.create(),
        "code": PromoCodeFactory.create(),
    }


@pytest.mark.parametrize("case", [*PRICES, *NUMBERS_AND_KEYS, *FROZEN], ids=str)
class TestInvoice(GuardTests):
    pass


def _step(rows: Rows, was: str, then: str) -> int:
    """Try a step of the status, with all that the new status needs, by SQL."""
    row = rows["paid" if was in NUMBERED else was]
    if was in ("partially_refunded", "refunded"):
        execute("UPDATE billing_invoice SET status = %s WHERE id = %s", was, row.pk)
    facts = ", paid_at = now(), number_year = 2026, number_in_year = 77"
    begins = was not in NUMBERED and then in NUMBERED
    return execute(f"UPDATE billing_invoice SET status = %s{facts if begins else ''} WHERE id = %s", then, row.pk)


@pytest.mark.django_db
@pytest.mark.parametrize(("was", "then"), list(product(STATUSES, STATUSES)))
def test_changes_its_status_only_as_billing_invoice_status_follows_its_edges(rows: Rows, was: str, then: str) -> None:
    if (was, then) in EDGES:
        assert _step(rows, was, then) == 1
        return
    with refused_by("billing_invoice_status_follows_its_edges"):
        _step(rows, was, then)


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["paid_at", "number_year", "number_in_year"])
def test_keeps_the_number_and_moment_that_were_given(rows: Rows, column: str) -> None:
    new = {"paid_at": SOME_MOMENT, "number_year": 1999, "number_in_year": 77}[column]
    with refused_by("billing_invoice_status_follows_its_edges"):
        Change("paid", {"status": "refunded", column: new}).run(rows)
    assert Change("paid", {"status": "refunded"}).run(rows) == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("as_the_owner")
def test_would_go_back_to_pending_without_the_trigger(rows: Rows) -> None:
    check_deferred()
    execute("ALTER TABLE billing_invoice DISABLE TRIGGER billing_invoice_status_follows_its_edges")
    back = Change("paid", {"status": "pending", "paid_at": None, "number_year": None, "number_in_year": None})
    assert back.run(rows) == 1


@pytest.mark.parametrize("guard", ["billing_invoice_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass


@pytest.fixture
def year() -> Rows:
    return {"year": InvoiceCounter.objects.create(year=2001, last_number=5)}


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "billing_invoicecounter_last_number_check",
            Change("year", {"last_number": -1}),
            Change("year", {"last_number": 0}),
        ),
        Case("billing_invoicecounter_year_check", Change("year", {"year": -1}), Change("year", {"year": 0})),
    ],
    ids=str,
)
class TestCounter(GuardTests):
    @pytest.fixture
    def rows(self, year: Rows) -> Rows:
        return year
