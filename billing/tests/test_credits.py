"""Lots added to a wallet, and taken back from their own credit only."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import errors
from billing.models import Transaction, Wallet
from billing.operations import credits
from billing.operations import ledger as ledger_operations
from billing.operations.credits import Credited, Reversed
from billing.queries.lots import replay_wallet
from billing.tests.deeds import assert_books_are_true, booked, charge, hold, ledger
from billing.tests.factories import TESTER, add_lot, funded_wallet, new_key
from billing.tests.races import lined_up
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core import clock as database_clock
from core.ids import uuid7

pytestmark = pytest.mark.django_db

Type = Transaction.Type


def add(wallet: Wallet, tokens: int, *, key: str | None = None, type: Transaction.Type = Type.REFERRAL) -> Credited:
    return credits.add(wallet_id=wallet.pk, type=type, tokens=tokens, key=key or new_key(), by=TESTER)


def take_back(lot: Transaction, tokens: int, *, key: str | None = None) -> Reversed:
    return credits.reverse(lot_id=lot.pk, tokens=tokens, type=Type.REFUND, key=key or new_key(), by=TESTER)


def indebted(wallet: Wallet, tokens: int) -> None:
    """Give a wallet a debt, which no operation of this version makes yet."""
    Wallet.objects.filter(pk=wallet.pk).update(debt_tokens=tokens)


def left(wallet: Wallet) -> list[int]:
    """What is left of each lot, in spending order."""
    return [lot.remaining for lot in replay_wallet(wallet.pk).lots]


class TestAdd:
    def test_credits_a_lot(self) -> None:
        wallet = funded_wallet(tokens=0)
        lot = add(wallet, 5).transaction
        assert (lot.type, lot.tokens_delta, lot.balance_after, lot.sequence) == ("referral", 5, 5, 1)
        assert booked(wallet) == (5, 0, 1)

    def test_keeps_the_soonest_expiry_in_the_wallet(self) -> None:
        wallet = funded_wallet(tokens=0)
        soon, late = (database_clock.now() + timedelta(days=days) for days in (1, 2))
        for expires_at in (late, soon, None, late):
            credits.add(wallet_id=wallet.pk, type=Type.BONUS, tokens=1, key=new_key(), expires_at=expires_at, by=TESTER)
        wallet.refresh_from_db()
        assert wallet.next_expiry_at == soon

    def test_gives_the_first_credit_back_for_its_key(self) -> None:
        wallet = funded_wallet(tokens=0)
        first = add(wallet, 5, key="mine")
        moved = snapshot()
        again = add(wallet, 5, key="mine")
        assert (again.replayed, again.transaction) == (True, first.transaction)
        assert snapshot() == moved

    def test_refuses_a_key_that_stands_for_another_credit(self, unmoved: Unmoved) -> None:
        wallet = funded_wallet(tokens=0)
        add(wallet, 5, key="mine")
        with unmoved(errors.IdempotencyMismatch):
            add(wallet, 5, key="mine", type=Type.BONUS)

    def test_refuses_a_wallet_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.WalletNotFound):
            credits.add(wallet_id=uuid7(), type=Type.BONUS, tokens=1, key=new_key(), by=TESTER)

    @pytest.mark.parametrize("tokens", [0, -5])
    def test_refuses_numbers_out_of_range(self, unmoved: Unmoved, tokens: int) -> None:
        wallet = funded_wallet()
        with unmoved(errors.TokensOutOfRange):
            add(wallet, tokens)

    @pytest.mark.parametrize(("debt", "balance", "debt_left"), [(3, 2, 0), (5, 0, 0), (8, 0, 3)])
    def test_repays_a_debt_first(self, debt: int, balance: int, debt_left: int) -> None:
        wallet = funded_wallet(tokens=0)
        indebted(wallet, debt)
        lot = add(wallet, 5).transaction
        repaid = Transaction.objects.get(reverses=lot)
        assert (repaid.type, repaid.tokens_delta) == ("adjustment", -min(debt, 5))
        assert repaid.metadata == {"debt_repaid": min(debt, 5)}
        assert booked(wallet) == (balance, 0, 2)
        assert wallet.debt_tokens == debt_left
        assert_books_are_true(wallet)

    def test_repays_from_the_new_lot_and_leaves_others_alone(self) -> None:
        wallet = funded_wallet(tokens=10, expires_in=timedelta(days=1))
        indebted(wallet, 3)
        add(wallet, 5)
        assert left(wallet) == [10, 2]

    def test_repays_once_for_a_key(self) -> None:
        wallet = funded_wallet(tokens=0)
        indebted(wallet, 8)
        add(wallet, 5, key="mine")
        add(wallet, 5, key="mine")
        assert booked(wallet) == (0, 0, 2)
        assert wallet.debt_tokens == 3


class TestReverse:
    def test_takes_from_its_own_lot_only(self) -> None:
        wallet = funded_wallet(tokens=10, expires_in=timedelta(days=1))
        lot = add(wallet, 5).transaction
        back = take_back(lot, 4)
        assert back.transaction is not None
        assert (back.tokens, back.shortfall) == (4, 0)
        assert (back.transaction.type, back.transaction.reverses_id) == ("refund", lot.pk)
        assert left(wallet) == [10, 1]
        assert_books_are_true(wallet)

    def test_says_what_had_been_spent(self) -> None:
        wallet = funded_wallet(tokens=0)
        lot = add(wallet, 5).transaction
        add(wallet, 50)
        charge(wallet, 3)
        back = take_back(lot, 5)
        assert (back.tokens, back.shortfall) == (2, 3)
        assert left(wallet) == [50]

    def test_takes_nothing_of_what_is_held(self) -> None:
        wallet = funded_wallet(tokens=0)
        lot = add(wallet, 5).transaction
        hold(wallet, 4)
        back = take_back(lot, 5)
        assert (back.tokens, back.shortfall) == (1, 4)
        assert booked(wallet) == (4, 4, 2)

    def test_writes_no_row_when_nothing_is_left(self) -> None:
        wallet = funded_wallet(tokens=0)
        lot = add(wallet, 5).transaction
        charge(wallet, 5)
        back = take_back(lot, 5)
        assert (back.transaction, back.tokens, back.shortfall) == (None, 0, 5)
        assert ledger(wallet) == [("referral", 5, 5), ("charge", -5, 0)]

    def test_books_what_has_expired_first(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=5, expires_in=timedelta(days=1))
        lot = Transaction.objects.get(wallet=wallet)
        clock.advance(days=1)
        assert take_back(lot, 5).shortfall == 5
        assert ledger(wallet)[1:] == [("expiration", -5, 0)]

    def test_gives_the_first_answer_back_for_its_key(self) -> None:
        wallet = funded_wallet(tokens=0)
        lot = add(wallet, 5).transaction
        charge(wallet, 3)
        first = take_back(lot, 4, key="mine")
        moved = snapshot()
        assert take_back(lot, 4, key="mine") == first
        assert snapshot() == moved

    def test_refuses_a_key_that_stands_for_another_reversal(self, unmoved: Unmoved) -> None:
        lot = add(funded_wallet(tokens=0), 5).transaction
        take_back(lot, 2, key="mine")
        with unmoved(errors.IdempotencyMismatch):
            take_back(lot, 1, key="mine")

    def test_refuses_more_than_the_credit_gave_all_together(self, unmoved: Unmoved) -> None:
        wallet = funded_wallet(tokens=0)
        lot = add(wallet, 5).transaction
        add(wallet, 50)
        take_back(lot, 3)
        with unmoved(errors.ReversalExceedsLot) as refusal:
            take_back(lot, 3)
        assert refusal.value.data == {"required": 3, "remaining": 2}
        assert (refusal.value.code, refusal.value.status) == ("billing.reversal_exceeds_lot", 409)

    @pytest.mark.django_db(transaction=True)
    def test_takes_back_once_what_many_ask_for_at_once(self) -> None:
        wallet = funded_wallet(tokens=0)
        lot = add(wallet, 5).transaction
        add_lot(wallet, 50)
        ran = lined_up(wallet, *[lambda: take_back(lot, 3)] * 4)
        assert (len(ran.results), ran.codes) == (1, {"billing.reversal_exceeds_lot": 3})
        assert left(wallet) == [2, 50]


def test_no_row_of_any_kind_takes_more_than_there_is(unmoved: Unmoved) -> None:
    wallet = funded_wallet(tokens=5)
    with unmoved(errors.InsufficientTokens) as refusal:
        ledger_operations.append(wallet, type=Type.ADJUSTMENT, tokens_delta=-6, key=new_key(), by=TESTER)
    assert refusal.value.data == {"required": 6, "available": 5}
