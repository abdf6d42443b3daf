"""
What the tables' owner could do, and what finds it.

The application's role owns its tables. Triggers and constraints hold against their owner, too, but an owner can take
them away. Whoever does that and rewrites history leaves books that do not agree: reconciliation names the invariant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import pytest
from django.db import connection

from audit.models import AdminAlert
from billing.operations import reconciliation
from billing.tests import deeds
from billing.tests.factories import TESTER, InvoiceFactory, PaymentFactory, PromoCodeFactory, add_lot, funded_wallet
from core.ids import uuid7
from core.tests.guards import Change, Copy, Deed, Delete, Id, Rows, check_deferred, execute, switch_off
from core.tests.made_once import made_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("as_the_owner")]


def test_the_applications_role_owns_its_tables() -> None:
    """So that every guard that fires in these tests fires against the owner."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^(billing|audit)_' "
            "AND tableowner <> current_user"
        )
        assert cursor.fetchone() == (0,)


@dataclass(frozen=True)
class Forgery:
    """
    :param what: in words
    :param guards: what has to be taken away first
    :param invariant: what no longer holds
    """

    what: str
    guards: tuple[str, ...]
    deed: Deed
    invariant: str

    def __str__(self) -> str:
        return self.what


APPEND_ONLY: Final = ("billing_transaction_is_append_only",)

FORGERIES: Final = [
    Forgery("a charge made smaller", APPEND_ONLY, Change("charge", {"tokens_delta": -1}), "I1"),
    Forgery("a charge deleted", APPEND_ONLY, Delete("charge"), "I1"),
    Forgery("a balance after rewritten", APPEND_ONLY, Change("charge", {"balance_after": 0}), "I3"),
    Forgery("a row moved in its sequence", APPEND_ONLY, Change("charge", {"sequence": 77}), "I3"),
    Forgery(
        "a balance set by hand",
        ("billing_wallet_balance_moves_with_its_version",),
        Change("wallet", {"token_balance": 5_000}),
        "I1",
    ),
    Forgery(
        "a balance set by hand with its version", (), Change("wallet", {"token_balance": 9, "balance_version": 9}), "I1"
    ),
    Forgery("held tokens freed by hand", (), Change("wallet", {"held_tokens": 0}), "I2"),
    Forgery("a hold deleted", ("billing_hold_is_never_deleted",), Delete("hold"), "I2"),
    Forgery("a payment deleted", ("billing_payment_is_never_deleted",), Delete("payment"), "I4"),
    Forgery(
        "a payment that credits nothing any more",
        ("billing_payment_that_arrived_stays_what_it_was",),
        Change("payment", {"outcome": "surplus"}),
        "I4",
    ),
    Forgery(
        "an invoice that sells more",
        ("billing_invoice_is_frozen", "billing_invoice_status_follows_its_edges"),
        Change("paid", {"tokens": 51}),
        "I4",
    ),
    Forgery(
        "a credit without a payment",
        (),
        Copy("purchase", {"id": uuid7(), "sequence": 99, "idempotency_key": "forged", "invoice_id": Id("invoice")}),
        "I4",
    ),
    Forgery(
        "more taken back than the lot gave",
        (),
        Copy(
            "charge",
            {
                "id": uuid7(),
                "sequence": 99,
                "idempotency_key": "forged",
                "type": "refund",
                "tokens_delta": -101,
                "reverses_id": Id("lot"),
            },
        ),
        "I5",
    ),
    Forgery(
        "a hold captured without its charge",
        (),
        Change("hold", {"state": "captured", "captured_tokens": 5, "closed_at": "2026-01-31T12:00:00Z"}),
        "I6",
    ),
    Forgery("a use of a code deleted", ("billing_promoredemption_is_never_deleted",), Delete("redemption"), "I7"),
    Forgery("a code's uses counted by hand", (), Change("code", {"uses_count": 0}), "I7"),
    Forgery(
        "an invoice's number changed",
        ("billing_invoice_status_follows_its_edges",),
        Change("paid", {"number_in_year": 77}),
        "I12",
    ),
    Forgery("a credit made smaller than what was spent of it", APPEND_ONLY, Change("lot", {"tokens_delta": 10}), "I13"),
]


@partial(made_once, scope="module")
def rows() -> Rows:
    wallet = funded_wallet(tokens=100)
    charge = deeds.charge(wallet, 30).transaction
    payment = PaymentFactory.create()
    code = PromoCodeFactory.create(max_uses=5)
    invoice = InvoiceFactory.create(promo_code=code)
    return {
        "wallet": wallet,
        "lot": wallet.transactions.get(sequence=1),
        "charge": charge,
        "hold": deeds.hold(wallet, 5),
        "payment": payment,
        "paid": payment.invoice,
        "purchase": payment.invoice.transactions.get(),
        "code": code,
        "invoice": invoice,
        "redemption": invoice.redemption,
    }


def invariants() -> set[str]:
    return {found.invariant for found in reconciliation.run(full=True, by=TESTER).divergences}


@pytest.mark.parametrize("forgery", FORGERIES, ids=str)
def test_is_found_by_reconciliation(forgery: Forgery, rows: Rows) -> None:
    assert invariants() == set()
    switch_off(rows[forgery.deed.row]._meta.db_table, *forgery.guards)
    assert forgery.deed.run(rows) == 1
    assert forgery.invariant in invariants()
    assert AdminAlert.objects.filter(fingerprint__startswith=f"billing.reconciliation:{forgery.invariant}:").exists()


def test_a_truncated_ledger_is_found_by_reconciliation(rows: Rows) -> None:
    check_deferred()
    execute("TRUNCATE billing_transaction CASCADE")
    assert {"I1", "I4"} <= invariants()


def test_words_that_move_no_tokens_are_not_found(rows: Rows) -> None:
    """Reconciliation counts. It does not know what was written beside the numbers: docs/MONEY.md says so."""
    switch_off("billing_transaction", *APPEND_ONLY)
    Change("charge", {"description": "something else", "actor": '{"kind": "user"}'}).run(rows)
    assert invariants() == set()


def test_an_expired_lot_with_anything_left_is_found() -> None:
    wallet = funded_wallet(tokens=10, expires_in=timedelta(days=1))
    add_lot(wallet, 5)
    assert invariants() == set()
    switch_off("billing_transaction", *APPEND_ONLY)
    execute("UPDATE billing_transaction SET expires_at = now() - interval '1 day' WHERE expires_at IS NOT NULL")
    assert invariants() == {"I13"}
