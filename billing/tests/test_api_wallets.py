"""A customer's tokens over HTTP: the wallet, the ledger, the numbers."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from billing.models import Transaction, Wallet
from billing.operations import wallets
from billing.owners import Owner
from billing.tests import deeds
from billing.tests.callers import Caller, pages
from billing.tests.factories import TESTER, InvoiceFactory, PaymentFactory, WalletFactory, add_lot, funded_wallet
from conftest import TestClock
from core import clock as database_clock
from core.api.moments import as_rfc3339

pytestmark = pytest.mark.django_db


def path(wallet: Wallet, what: str) -> str:
    return f"users/{wallet.user_id}/{what}"


class TestWallet:
    def test_tells_balance_holds_and_lots(self) -> None:
        wallet = funded_wallet(tokens=50)
        add_lot(wallet, 20, expires_at=database_clock.now() + timedelta(days=1))
        deeds.hold(wallet, 7)
        eternal, passing = Transaction.objects.filter(wallet=wallet).order_by("sequence")

        answer = Caller("billing:read").get(path(wallet, "wallet"))

        assert answer.status_code == 200
        assert answer.json() == {
            "token_balance": 70,
            "held_tokens": 7,
            "available_tokens": 63,
            "debt_tokens": 0,
            "balance_version": 2,
            "subscription_end": None,
            "frozen": False,
            "lots": [
                {
                    "transaction": str(passing.pk),
                    "type": "grant",
                    "tokens": 20,
                    "remaining": 20,
                    "expires_at": as_rfc3339(passing.expires_at or database_clock.now()),
                },
                {
                    "transaction": str(eternal.pk),
                    "type": "grant",
                    "tokens": 50,
                    "remaining": 50,
                    "expires_at": None,
                },
            ],
        }

    def test_leaves_out_what_has_expired_before_anybody_booked_it(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=50)
        add_lot(wallet, 20, expires_at=database_clock.now() + timedelta(hours=1))
        clock.advance(hours=2)

        answer = Caller("billing:read").get(path(wallet, "wallet")).json()

        assert (answer["token_balance"], len(answer["lots"])) == (50, 1)
        wallet.refresh_from_db()
        assert wallet.token_balance == 70, "nothing was booked by looking"

    def test_says_that_it_is_frozen(self) -> None:
        wallet = funded_wallet()
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a dispute", by=TESTER)
        assert Caller("billing:read").get(path(wallet, "wallet")).json()["frozen"] is True


class TestLedger:
    def test_lists_rows_newest_first(self) -> None:
        wallet = funded_wallet(tokens=50)
        row = deeds.charge(wallet, 3, description="a brief", metadata={"pages": 3}).transaction

        answer = Caller("billing:read").get(path(wallet, "transactions"))

        assert answer.status_code == 200
        first, second = answer.json()["results"]
        assert first == {
            "id": str(row.pk),
            "sequence": 2,
            "type": "charge",
            "tokens_delta": -3,
            "balance_after": 47,
            "description": "a brief",
            "invoice": None,
            "hold": None,
            "reverses": None,
            "expires_at": None,
            "metadata": {"pages": 3},
            "created_at": as_rfc3339(row.created_at),
        }
        assert second["tokens_delta"] == 50
        assert (answer.json()["next"], answer.json()["previous"]) == (None, None)

    def test_names_what_a_row_belongs_to(self, clock: TestClock) -> None:
        wallet = WalletFactory.create()
        payment = PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet))
        held = deeds.hold(wallet, 5)
        add_lot(wallet, 20, expires_at=database_clock.now() + timedelta(hours=1))
        caller = Caller()
        caller.post(f"holds/{held.pk}/capture", key="capture")
        clock.advance(hours=2)
        deeds.charge(wallet, 45 + 20 - 20)

        rows = {row["type"]: row for row in caller.get(path(wallet, "transactions")).json()["results"]}

        assert rows["purchase"]["invoice"] == str(payment.invoice_id)
        assert rows["capture"]["hold"] == str(held.pk)
        assert rows["expiration"]["reverses"] == rows["grant"]["id"]

    def test_is_walked_page_by_page_without_gaps(self) -> None:
        wallet = funded_wallet(tokens=100)
        for _ in range(6):
            deeds.charge(wallet)
        stranger = funded_wallet(tokens=1)
        walked = pages(Caller("billing:read"), path(wallet, "transactions"), limit=3)
        assert [[row["sequence"] for row in page] for page in walked] == [[7, 6, 5], [4, 3, 2], [1]]
        assert len(pages(Caller("billing:read"), path(stranger, "transactions"), limit=3)[0]) == 1

    def test_refuses_a_parameter_that_it_does_not_know(self) -> None:
        answer = Caller("billing:read").get(path(funded_wallet(), "transactions"), type="charge")
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == ["type"]


class TestStatistics:
    def test_tells_what_a_customer_did(self) -> None:
        wallet = WalletFactory.create()
        PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet))
        deeds.charge(wallet, 2)
        deeds.charge(wallet, 3)

        answer = Caller("billing:read").get(path(wallet, "stats"))

        assert answer.status_code == 200
        assert wallet.user is not None
        assert answer.json() == {
            "balance": 45,
            "total_generated": 2,
            "generations_this_month": 2,
            "total_spent": {"amount": 14_900, "currency": "RUB"},
            "is_premium": False,
            "member_since": as_rfc3339(wallet.user.created_at),
        }


@pytest.mark.parametrize("what", ["wallet", "transactions", "stats"])
class TestStrangers:
    def test_are_not_found(self, what: str) -> None:
        answer = Caller("billing:read").get(f"users/{uuid4()}/{what}")
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"

    def test_whose_id_is_no_id_are_not_found(self, what: str) -> None:
        assert Caller("billing:read").get(f"users/anna/{what}").status_code == 404
