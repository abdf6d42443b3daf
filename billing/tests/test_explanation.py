"""Where a customer's tokens came from and went: as a query and as ``manage.py explain_balance``."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django.utils.translation import override
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from accounts.people import actor_of
from accounts.tests.factories import StaffFactory, UserFactory
from billing import errors
from billing.models import Wallet
from billing.operations import grants, holds, wallets
from billing.owners import Owner
from billing.queries.explanation import Explanation, explain_balance
from billing.tests.deeds import charge, hold, pay
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PromoCodeFactory,
    WalletFactory,
    add_lot,
    funded_wallet,
    new_key,
)
from billing.tests.snapshots import snapshot
from conftest import TestClock
from core.actors import Actor
from core.ids import uuid7

pytestmark = pytest.mark.django_db

OLGA = Actor(kind="user", id="7", label="olga", user_id="7")


def explain(wallet: Wallet, *, limit: int = 200, before: int | None = None) -> Explanation:
    with override("en"):
        return explain_balance(Owner.wallet(wallet.pk), limit=limit, before=before)


def because(wallet: Wallet) -> dict[int, tuple[str, ...]]:
    """Why each row is there, by sequence."""
    return {line.transaction.sequence: line.because for line in explain(wallet).lines}


class TestLines:
    def test_name_invoice_promo_code_and_payment(self) -> None:
        wallet = WalletFactory.create()
        code = PromoCodeFactory.create(code="SPRING", discount_type="bonus_tokens", discount_value=7)
        invoice = InvoiceFactory.create(wallet=wallet, promo_code=code)
        pay(invoice, provider_payment_id="receipt-1")
        invoice.refresh_from_db()
        came_from = (
            f"invoice {invoice.number} of {invoice.amount_money}",
            "promo code SPRING",
            "payment by hand receipt-1",
        )
        assert because(wallet) == {1: came_from, 2: came_from}

    def test_name_a_free_invoices_own_payment(self) -> None:
        wallet = WalletFactory.create()
        invoice = InvoiceFactory.create(wallet=wallet, promo_code=PromoCodeFactory.create(discount_value=100))
        assert f"payment promo code promo:{invoice.pk}" in because(wallet)[1]

    def test_name_the_hold_that_was_captured(self) -> None:
        wallet = funded_wallet(tokens=10)
        placed = hold(wallet, 4)
        holds.capture(hold_id=placed.pk, tokens=3, by=TESTER)
        assert because(wallet)[2] == (f"hold {placed.pk} of 4",)

    def test_name_the_lot_that_expired_and_when_it_would(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=20, expires_in=timedelta(days=1))
        (credit,) = explain(wallet).lines
        assert credit.transaction.expires_at is not None
        clock.advance(days=1)
        add_lot(wallet, 5)
        holds.release(hold_id=hold(wallet, 1).pk, by=TESTER)
        given, ends = credit.transaction.created_at, credit.transaction.expires_at
        assert because(wallet) == {
            1: (f"expires {ends:%Y-%m-%d}",),
            2: (),
            3: (f"from the manual credit of {given:%Y-%m-%d} (no. 1)",),
        }

    def test_name_who_did_it_and_in_which_words(self) -> None:
        wallet = funded_wallet(tokens=0)
        operator = actor_of(StaffFactory.create(login="olga", role="operator"))
        grants.give(owner=Owner.wallet(wallet.pk), tokens=5, reason="an apology", key=new_key(), by=operator)
        charge(wallet, 2, description="a brief")
        told = [(line.who, line.transaction.description) for line in explain(wallet).lines]
        assert told == [("tests", "a brief"), ("olga", "an apology")]

    def test_come_newest_first_and_page_back(self) -> None:
        wallet = funded_wallet(tokens=10)
        for _time in range(5):
            charge(wallet, 1)
        first = explain(wallet, limit=4)
        assert [line.transaction.sequence for line in first.lines] == [6, 5, 4, 3]
        assert first.older == 2
        rest = explain(wallet, limit=4, before=3)
        assert ([line.transaction.sequence for line in rest.lines], rest.older) == ([2, 1], 0)

    def test_of_an_empty_ledger_are_none(self) -> None:
        found = explain(WalletFactory.create())
        assert (found.lines, found.older, found.open_holds, found.unswept) == ([], 0, [], 0)


def test_shows_balance_lots_holds_and_what_nobody_has_booked_yet(clock: TestClock) -> None:
    wallet = funded_wallet(tokens=50)
    add_lot(wallet, 20, expires_in=timedelta(days=1))
    late, soon = (hold(wallet, tokens, expires_in=days * 86_400) for tokens, days in ((3, 9), (4, 5)))
    clock.advance(days=1)
    found = explain(wallet)
    assert (found.balance.token_balance, found.balance.held_tokens, found.balance.available_tokens) == (57, 7, 50)
    assert [lot.remaining for lot in found.balance.lots] == [7, 50]
    assert found.open_holds == [soon, late]
    assert found.unswept == 13


def test_asking_writes_nothing(clock: TestClock) -> None:
    wallet = funded_wallet(tokens=20, expires_in=timedelta(days=1))
    clock.advance(days=1)
    before = snapshot()
    explain(wallet)
    assert snapshot() == before


def test_costs_the_same_however_long_the_ledger(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    short, long = WalletFactory.create(), WalletFactory.create()
    for wallet, times in ((short, 1), (long, 6)):
        for _time in range(times):
            pay(InvoiceFactory.create(wallet=wallet))
            charge(wallet, 1)
    for wallet in (short, long):
        with django_assert_num_queries(7):
            explain(wallet)


def test_of_nobody_is_not_found() -> None:
    with pytest.raises(errors.WalletNotFound):
        explain_balance(Owner.user(uuid7()))


class TestTheCommand:
    def call(self, *args: str) -> str:
        out = StringIO()
        with override("en"):
            call_command("explain_balance", *args, stdout=out, no_color=True)
        return out.getvalue()

    @pytest.fixture
    def anna(self) -> User:
        return UserFactory.create(username="Anna_1")

    def test_tells_the_whole_story(self, anna: User, clock: TestClock) -> None:
        wallet = funded_wallet(user=anna, tokens=0)
        pay(InvoiceFactory.create(wallet=wallet), provider_payment_id="receipt-1")
        add_lot(wallet, 20, expires_in=timedelta(days=1))
        until = timezone.localtime(Wallet.objects.get(pk=wallet.pk).next_expiry_at)
        charge(wallet, 5, description="a brief")
        placed = hold(wallet, 2, expires_in=5 * 86_400)
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=OLGA)
        clock.advance(days=1)
        lines = self.call(str(anna.pk)).splitlines()
        assert lines[:6] == [
            "Balance 52, held 2, available 50, debt 0.",
            "Frozen: a doubt",
            "13 tokens have expired and will be booked with the next movement.",
            f"  left 2 of 20 (manual credit, no. 2), expires: {until:%Y-%m-%d %H:%M}",
            "  left 50 of 50 (purchase, no. 1), expires: never",
            f"  held 2: {placed.pk}",
        ]
        charged, granted, bought = lines[7:]
        assert charged.split()[0] == "3"
        assert charged.endswith("-5  →       65  charge             a brief; tests")
        assert "+20  →       70  manual credit      for a test; expires " in granted
        assert "payment by hand receipt-1; tests" in bought

    def test_finds_a_person_by_whatever_names_them(self, anna: User) -> None:
        add_lot(wallets.open_for_user(user_id=anna.pk, by=TESTER), 42)
        for name in (str(anna.pk), str(anna.telegram_id), "Anna_1", "@anna_1"):
            assert self.call(name).startswith("Balance 42,"), name

    def test_finds_staff_by_login(self) -> None:
        olga = StaffFactory.create(login="olga")
        wallets.open_for_user(user_id=olga.pk, by=TESTER)
        assert self.call("olga").startswith("Balance 0,")

    def test_shows_the_last_rows_and_says_that_there_are_more(self, anna: User) -> None:
        wallet = funded_wallet(user=anna, tokens=10)
        for _time in range(5):
            charge(wallet, 1)
        lines = self.call(str(anna.pk), "--rows", "2").splitlines()
        assert [line.split()[0] for line in lines[-3:-1]] == ["6", "5"]
        assert lines[-1] == "… and 4 older rows (--rows shows more)."

    @pytest.mark.parametrize("name", [str(UUID(int=7)), "1", "9" * 30, "nobody", "@nobody", ""])
    def test_refuses_who_is_not_there(self, anna: User, name: str) -> None:
        with pytest.raises(CommandError):
            self.call(name)

    def test_refuses_a_name_that_two_have(self, anna: User) -> None:
        UserFactory.create(username="anna_1")
        with pytest.raises(CommandError, match="2 users answer to '@anna_1'"):
            self.call("@anna_1")
