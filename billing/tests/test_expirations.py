"""Tokens and holds that run out: when they do, in which order, and what protects them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from audit.models import AdminAlert
from billing import errors
from billing.models import Transaction, Wallet
from billing.operations import expirations, holds, ledger
from billing.operations.expirations import Booked
from billing.owners import Owner
from billing.queries import balances
from billing.tests.deeds import assert_books_are_true, booked, charge, hold, shown
from billing.tests.deeds import ledger as rows_of
from billing.tests.factories import TESTER, add_lot, funded_wallet
from billing.tests.races import outcomes
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core import clock as database_clock
from core.ids import uuid7

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def wallet_of_two_lots() -> Wallet:
    """20 tokens that expire tomorrow and 50 that never do."""
    wallet = funded_wallet(tokens=50)
    add_lot(wallet, 20, expires_in=DAY)
    return wallet


def book(wallet: Wallet) -> Booked:
    return expirations.book(wallet_id=wallet.pk, by=TESTER)


def lots(wallet: Wallet) -> list[int]:
    """What is left of each lot as the owner is shown it, in spending order."""
    return [lot.remaining for lot in balances.get_balance(Owner.wallet(wallet.pk)).lots]


class TestLots:
    def test_those_that_expire_soonest_are_spent_first(self) -> None:
        wallet = wallet_of_two_lots()
        charge(wallet, 30)
        assert lots(wallet) == [40]
        assert booked(wallet) == (40, 0, 3)

    def test_what_is_left_of_a_lot_expires_and_the_others_stay(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        charge(wallet, 5)
        assert lots(wallet) == [15, 50]
        clock.advance(days=1)
        assert book(wallet) == Booked(expired_tokens=15, expired_holds=0)
        assert lots(wallet) == [50]
        assert rows_of(wallet)[-1] == ("expiration", -15, 50)
        assert_books_are_true(wallet)

    def test_expiration_takes_from_its_own_lot(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        lot = Transaction.objects.get(wallet=wallet, tokens_delta=20)
        clock.advance(days=1)
        book(wallet)
        row = Transaction.objects.get(wallet=wallet, type="expiration")
        assert row.reverses_id == lot.pk
        assert row.actor["label"] == "tests"

    def test_shown_balances_leave_out_what_has_expired_before_any_sweeper_came(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        charge(wallet, 5)
        clock.advance(days=1)
        assert shown(wallet) == (50, 50)
        assert lots(wallet) == [50]
        assert wallet.user_id is not None
        assert balances.shown_balances([wallet.user_id])[wallet.user_id].token_balance == 50
        # Nothing is booked yet: looking writes nothing.
        assert booked(wallet) == (65, 0, 3)
        book(wallet)
        assert shown(wallet) == (50, 50)

    def test_expire_at_their_moment_and_not_before(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        clock.advance(days=1, seconds=-1)
        assert shown(wallet) == (70, 70)
        assert book(wallet) == Booked(0, 0)
        clock.advance(seconds=1)
        assert shown(wallet) == (50, 50)
        assert book(wallet) == Booked(20, 0)

    def test_several_expire_each_with_a_row(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        add_lot(wallet, 3, expires_in=2 * DAY)
        add_lot(wallet, 4, expires_in=3 * DAY)
        clock.advance(days=2)
        assert book(wallet).expired_tokens == 23
        assert rows_of(wallet)[-2:] == [("expiration", -20, 57), ("expiration", -3, 54)]
        wallet.refresh_from_db()
        assert wallet.next_expiry_at == database_clock.now() + DAY

    def test_a_lot_that_was_spent_leaves_no_row(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        charge(wallet, 20)
        clock.advance(days=1)
        assert book(wallet) == Booked(0, 0)
        wallet.refresh_from_db()
        assert wallet.next_expiry_at is None
        assert booked(wallet) == (50, 0, 3)

    def test_booking_twice_books_once(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        clock.advance(days=1)
        book(wallet)
        moved = snapshot()
        assert book(wallet) == Booked(0, 0)
        assert snapshot() == moved

    def test_refuses_a_wallet_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.WalletNotFound):
            expirations.book(wallet_id=uuid7(), by=TESTER)


class TestHoldsOverExpiringTokens:
    def test_protect_them_until_they_are_released(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        placed = hold(wallet, 12, expires_in=5 * 86_400)
        clock.advance(days=1)
        assert shown(wallet) == (62, 50)
        assert book(wallet) == Booked(8, 0)
        assert booked(wallet) == (62, 12, 3)
        assert wallet.protected_tokens == 12
        assert book(wallet) == Booked(0, 0)
        holds.release(hold_id=placed.pk, by=TESTER)
        assert rows_of(wallet)[-2:] == [("expiration", -8, 62), ("expiration", -12, 50)]
        assert booked(wallet) == (50, 0, 4)
        assert wallet.protected_tokens == 0
        assert_books_are_true(wallet)

    def test_protect_them_from_a_sweeper_that_comes_only_after_the_release(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        placed = hold(wallet, 12, expires_in=5 * 86_400)
        clock.advance(days=1)
        holds.release(hold_id=placed.pk, by=TESTER)
        assert shown(wallet) == (50, 50)
        assert book(wallet) == Booked(20, 0)

    def test_capture_takes_the_protected_tokens(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        placed = hold(wallet, 12, expires_in=5 * 86_400)
        clock.advance(days=1)
        book(wallet)
        holds.capture(hold_id=placed.pk, by=TESTER)
        assert lots(wallet) == [50]
        assert booked(wallet) == (50, 0, 4)

    def test_what_a_capture_leaves_of_them_expires(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        placed = hold(wallet, 12, expires_in=5 * 86_400)
        clock.advance(days=1)
        book(wallet)
        holds.capture(hold_id=placed.pk, tokens=2, by=TESTER)
        assert rows_of(wallet)[-2:] == [("capture", -2, 60), ("expiration", -10, 50)]
        assert_books_are_true(wallet)

    def test_one_of_two_holds_goes_on_protecting(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        one, other = (hold(wallet, tokens, expires_in=5 * 86_400) for tokens in (6, 8))
        clock.advance(days=1)
        book(wallet)
        assert booked(wallet)[:2] == (64, 14)
        holds.release(hold_id=one.pk, by=TESTER)
        assert booked(wallet)[:2] == (58, 8)
        holds.release(hold_id=other.pk, by=TESTER)
        assert booked(wallet)[:2] == (50, 0)
        assert_books_are_true(wallet)

    def test_that_run_out_protect_nothing(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        placed = hold(wallet, 12, expires_in=2 * 86_400)
        clock.advance(days=1)
        book(wallet)
        clock.advance(days=1)
        assert shown(wallet) == (50, 50)
        assert book(wallet) == Booked(expired_tokens=12, expired_holds=1)
        placed.refresh_from_db()
        assert placed.state == "expired"
        assert_books_are_true(wallet)

    def test_that_ran_out_give_no_charge_the_tokens_that_they_had_protected(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        hold(wallet, 20, expires_in=3 * 86_400)
        clock.advance(days=2)
        book(wallet)
        assert shown(wallet) == (70, 50)
        clock.advance(days=2)
        assert shown(wallet) == (50, 50)
        charge(wallet, 5)
        assert shown(wallet) == (45, 45)
        assert rows_of(wallet)[2:] == [("expiration", -20, 50), ("charge", -5, 45)]
        assert_books_are_true(wallet)

    def test_that_ran_out_protect_nothing_for_the_next_hold(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        hold(wallet, 20, expires_in=3 * 86_400)
        clock.advance(days=2)
        book(wallet)
        clock.advance(days=2)
        hold(wallet, 20)
        assert shown(wallet) == (50, 30)
        assert booked(wallet)[:2] == (50, 20)


class TestSweep:
    def test_books_every_wallet_that_has_something_due(self, clock: TestClock) -> None:
        lapsing, holding, idle = wallet_of_two_lots(), funded_wallet(tokens=10), funded_wallet(tokens=10)
        hold(holding, 4, expires_in=60)
        clock.advance(days=1)
        assert sorted(expirations.list_due_wallets()) == sorted([lapsing.pk, holding.pk])
        assert len(expirations.list_due_wallets(limit=1)) == 1
        assert expirations.sweep(by=TESTER) == 2
        assert [booked(wallet) for wallet in (lapsing, holding, idle)] == [(50, 0, 3), (10, 0, 1), (10, 0, 1)]

    def test_finds_nothing_the_second_time(self, clock: TestClock) -> None:
        wallet_of_two_lots()
        clock.advance(days=1)
        expirations.sweep(by=TESTER)
        moved = snapshot()
        assert expirations.sweep(by=TESTER) == 0
        assert snapshot() == moved

    @pytest.mark.django_db(transaction=True)
    def test_books_once_when_sweepers_race(self, clock: TestClock) -> None:
        wallets = [wallet_of_two_lots() for _number in range(5)]
        holding = funded_wallet(tokens=10)
        hold(holding, 4, expires_in=60)
        clock.advance(days=1)
        outcomes(*[lambda: expirations.sweep(by=TESTER)] * 4)
        for wallet in wallets:
            assert booked(wallet) == (50, 0, 3)
            assert_books_are_true(wallet)
        assert booked(holding) == (10, 0, 1)

    @pytest.mark.django_db(transaction=True)
    def test_leaves_a_ledger_that_contradicts_itself_alone_and_alerts(self, clock: TestClock) -> None:
        broken, sound = wallet_of_two_lots(), wallet_of_two_lots()
        lot = Transaction.objects.get(wallet=broken, tokens_delta=20)
        ledger.append(
            broken,
            type=Transaction.Type.ADJUSTMENT,
            tokens_delta=-30,
            key="more than its lot has",
            by=TESTER,
            reverses_id=lot.pk,
        )
        clock.advance(days=1)
        assert expirations.sweep(by=TESTER) == 1
        assert booked(sound) == (50, 0, 3)
        assert booked(broken) == (40, 0, 3)
        alert = AdminAlert.objects.get()
        assert alert.fingerprint == f"billing.expiry_impossible:{broken.pk}"
        assert (alert.severity, alert.context) == ("critical", {"wallet": str(broken.pk)})


class TestShownBalances:
    def test_agree_with_each_wallets_own(self, clock: TestClock) -> None:
        wallets = [wallet_of_two_lots(), funded_wallet(tokens=7), funded_wallet(tokens=0)]
        hold(wallets[0], 12, expires_in=5 * 86_400)
        hold(wallets[1], 3, expires_in=60)
        lapsing_under_a_hold = wallet_of_two_lots()
        hold(lapsing_under_a_hold, 15, expires_in=60)
        wallets.append(lapsing_under_a_hold)
        clock.advance(days=1)
        views = balances.shown_balances([wallet.user_id for wallet in wallets if wallet.user_id])
        assert [views[wallet.user_id].token_balance for wallet in wallets if wallet.user_id] == [62, 7, 0, 50]
        in_a_list = balances.shown_wallets(list(Wallet.objects.all()))
        for wallet in wallets:
            assert wallet.user_id is not None
            assert views[wallet.user_id].token_balance == shown(wallet)[0]
            listed = in_a_list[wallet.pk]
            assert (listed.token_balance, listed.available_tokens) == shown(wallet)

    def test_start_from_checkpoints(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        ledger.write_checkpoint(wallet_id=wallet.pk, by=TESTER)
        charge(wallet, 5)
        clock.advance(days=1)
        assert wallet.user_id is not None
        assert balances.shown_balances([wallet.user_id])[wallet.user_id].token_balance == 50

    def test_leave_out_who_has_no_wallet(self) -> None:
        assert balances.shown_balances([uuid7()]) == {}

    @pytest.mark.parametrize(("days", "queries"), [(0, 1), (1, 5)])
    def test_cost_the_same_however_many(
        self, clock: TestClock, django_assert_num_queries: DjangoAssertNumQueries, days: int, queries: int
    ) -> None:
        wallets = [funded_wallet(tokens=7) for _number in range(2)]
        if days:
            wallets += [wallet_of_two_lots() for _number in range(4)]
            clock.advance(days=days)
        for some in (wallets[-1:], wallets):
            with django_assert_num_queries(queries):
                balances.shown_balances([wallet.user_id for wallet in some if wallet.user_id])


class TestBalanceAt:
    def test_is_what_was_shown_then(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=0)
        moments = {database_clock.now(): 0}

        def note(**by: float) -> None:
            clock.advance(**by)
            moments[database_clock.now()] = shown(wallet)[0]

        note(hours=1)
        add_lot(wallet, 50)
        note(hours=1)
        add_lot(wallet, 20, expires_in=DAY)
        placed = hold(wallet, 12, expires_in=5 * 86_400)
        note(hours=1)
        charge(wallet, 3)
        note(hours=1)
        # Expired, not booked, and protected in part.
        note(days=1)
        book(wallet)
        note(hours=1)
        holds.release(hold_id=placed.pk, by=TESTER)
        note(hours=1)
        assert list(moments.values()) == [0, 0, 50, 70, 67, 62, 62, 50]
        for moment, balance in moments.items():
            # What happened at the moment itself is counted; a second before the next deed is after it.
            assert balances.balance_at(wallet_id=wallet.pk, moment=moment - timedelta(seconds=1)) == balance, moment

    def test_leaves_out_holds_that_had_run_out(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        hold(wallet, 12, expires_in=2 * 86_400)
        clock.advance(days=3)
        book(wallet)
        now = database_clock.now()
        for days, balance in ((2.5, 70), (1.5, 62), (0.5, 50), (0, 50)):
            assert balances.balance_at(wallet_id=wallet.pk, moment=now - timedelta(days=days)) == balance, days

    def test_reads_before_a_checkpoint_too(self, clock: TestClock) -> None:
        wallet = wallet_of_two_lots()
        then = database_clock.now()
        clock.advance(hours=1)
        charge(wallet, 25)
        ledger.write_checkpoint(wallet_id=wallet.pk, by=TESTER)
        assert balances.balance_at(wallet_id=wallet.pk, moment=then) == 70
        assert balances.balance_at(wallet_id=wallet.pk, moment=then + 2 * DAY) == 45

    def test_is_nothing_before_the_first_row_and_without_a_wallet(self) -> None:
        wallet = funded_wallet()
        assert balances.balance_at(wallet_id=wallet.pk, moment=timezone.now() - DAY) == 0
        assert balances.balance_at(wallet_id=uuid7(), moment=timezone.now()) == 0
