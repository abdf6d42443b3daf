"""Charging and holding at one moment over many connections: nobody overspends, no key works twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.db.models import F

from billing import errors
from billing.models import Hold, Transaction, Wallet
from billing.operations import charge_batches, charges, expirations, grants, holds
from billing.operations.charge_batches import ChargeItem
from billing.operations.charges import Charged
from billing.owners import Owner
from billing.tests.deeds import assert_books_are_true, booked, charge, hold, ledger
from billing.tests.factories import TESTER, add_lot, funded_wallet, new_key
from billing.tests.races import lined_up, outcomes, without
from conftest import TestClock

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "billing_transaction_key_is_unique_per_wallet"
NOT_NEGATIVE = ("billing_wallet_balance_is_not_negative", "billing_wallet_held_tokens_are_covered")


class TestTheBalance:
    def test_gives_the_last_token_to_one_of_32(self) -> None:
        wallet = funded_wallet(tokens=1)
        ran = outcomes(*[lambda: charge(wallet, 1)] * 32)
        assert len(ran.results) == 1
        assert ran.codes == {"billing.insufficient_tokens": 31}
        assert ledger(wallet) == [("grant", 1, 1), ("charge", -1, 0)]
        assert_books_are_true(wallet)

    def test_is_decided_after_the_lock(self) -> None:
        """All have begun before the first may go on, so that each judges a balance that others have moved."""
        wallet = funded_wallet(tokens=5)
        ran = lined_up(wallet, *[lambda: charge(wallet, 2)] * 6)
        assert (len(ran.results), ran.codes) == (2, {"billing.insufficient_tokens": 4})
        assert {refusal.data["available"] for refusal in ran.refusals} == {1}
        assert_books_are_true(wallet)

    def test_serves_charges_batches_and_holds_from_one_purse(self) -> None:
        wallet = funded_wallet(tokens=10)

        def in_a_batch() -> None:
            (result,) = charge_batches.charge_many(items=[ChargeItem(Owner.wallet(wallet.pk), 3, new_key())], by=TESTER)
            if result.error:
                raise result.error

        deeds: list[Callable[[], object]] = [lambda: charge(wallet, 3), in_a_batch, lambda: hold(wallet, 3)]
        ran = outcomes(*deeds * 2)
        assert (len(ran.results), ran.codes) == (3, {"billing.insufficient_tokens": 3})
        balance, held, _version = booked(wallet)
        assert balance - held == 1
        assert_books_are_true(wallet)

    def test_does_not_lose_credits_that_arrive_meanwhile(self) -> None:
        wallet = funded_wallet(tokens=10)
        credit: Callable[[], object] = lambda: add_lot(wallet, 1)  # noqa: E731  one of two kinds of runners
        spend: Callable[[], object] = lambda: charge(wallet, 2)  # noqa: E731  the other
        ran = outcomes(*[credit, spend] * 4)
        assert ran.refusals == []
        assert booked(wallet) == (6, 0, 9)
        assert_books_are_true(wallet)

    def test_never_waits_in_a_circle(self) -> None:
        """Two batches over the same wallets in opposite order, again and again."""
        wallets = [funded_wallet(tokens=40) for _number in range(4)]

        def batch(order: list[Wallet]) -> Callable[[], list[str]]:
            items = [ChargeItem(Owner.wallet(wallet.pk), 1, new_key()) for wallet in order for _time in range(5)]
            return lambda: [result.status for result in charge_batches.charge_many(items=items, by=TESTER)]

        ran = outcomes(*[batch(order) for order in (wallets, wallets[::-1]) for _time in range(4)])
        assert ran.results == [["charged"] * 20] * 8
        for wallet in wallets:
            assert booked(wallet) == (0, 0, 41)
            assert_books_are_true(wallet)


def write_later(wallet: Wallet) -> Callable[[], bool]:
    """A writer who decides by what was read before, as nobody in the house may."""
    seen = Wallet.objects.get(pk=wallet.pk)

    def run() -> bool:
        if seen.token_balance < 1:
            return False
        try:
            Wallet.objects.filter(pk=wallet.pk).update(
                token_balance=F("token_balance") - 1, balance_version=F("balance_version") + 1
            )
        except IntegrityError:
            return False
        return True

    return run


class TestTheBalanceWithoutItsStatement:
    def test_the_database_refuses_a_writer_who_read_first(self) -> None:
        wallet = funded_wallet(tokens=1)
        ran = outcomes(*[write_later(wallet) for _number in range(4)])
        assert sorted(ran.results) == [False, False, False, True]
        assert booked(wallet)[0] == 0

    def test_harm_is_done_when_the_database_does_not(self) -> None:
        with without("billing_wallet", *NOT_NEGATIVE):
            wallet = funded_wallet(tokens=1)
            ran = outcomes(*[write_later(wallet) for _number in range(4)])
            assert ran.results == [True] * 4
            assert booked(wallet)[0] == -3


class TestAKey:
    def test_works_once_for_50_callers_who_all_get_one_answer(self) -> None:
        wallet = funded_wallet(tokens=10)
        ran = outcomes(*[lambda: charge(wallet, 3, key="mine", metadata={"n": 1})] * 50)
        assert len(ran.results) == 50
        assert len({tuple(map(str, charged.row)) for charged in ran.results}) == 1
        assert [charged.replayed for charged in ran.results].count(False) == 1
        assert booked(wallet) == (7, 0, 2)

    def test_works_once_when_it_takes_the_last_token(self) -> None:
        """A loser of the race finds an empty wallet, and is answered with the winner's charge all the same."""
        wallet = funded_wallet(tokens=1)
        ran = lined_up(wallet, *[lambda: charge(wallet, 1, key="mine")] * 6)
        assert (len(ran.results), ran.refusals) == (6, [])
        assert len({charged.transaction.pk for charged in ran.results}) == 1
        assert booked(wallet) == (0, 0, 2)

    def test_stands_for_one_of_two_requests(self) -> None:
        wallet = funded_wallet(tokens=10)
        deeds: list[Callable[[], Charged]] = [
            lambda: charge(wallet, 1, key="mine"),
            lambda: charge(wallet, 2, key="mine"),
        ]
        ran = lined_up(wallet, *deeds * 3)
        assert (len(ran.results), ran.codes) == (3, {"billing.idempotency_mismatch": 3})
        assert len({charged.transaction.pk for charged in ran.results}) == 1
        assert booked(wallet)[2] == 2

    def test_works_once_in_racing_batches(self) -> None:
        wallet = funded_wallet(tokens=10)

        def batch() -> list[str]:
            items = [ChargeItem(Owner.wallet(wallet.pk), 1, f"key-{number}") for number in range(3)]
            return [result.status for result in charge_batches.charge_many(items=items, by=TESTER)]

        ran = lined_up(wallet, *[batch] * 4)
        assert sorted(ran.results) == [["charged"] * 3, *[["replayed"] * 3] * 3]
        assert booked(wallet) == (7, 0, 4)

    def test_works_once_for_a_charge_and_a_grant(self) -> None:
        wallet = funded_wallet(tokens=10)
        owner = Owner.wallet(wallet.pk)
        deeds: list[Callable[[], object]] = [
            lambda: charges.charge(owner=owner, tokens=1, key="mine", by=TESTER),
            lambda: grants.give(owner=owner, tokens=1, reason="for a test", key="mine", by=TESTER),
        ]
        ran = outcomes(*deeds * 2)
        assert (len(ran.results), ran.codes) == (2, {"billing.idempotency_mismatch": 2})
        assert booked(wallet)[2] == 2

    def test_works_twice_without_its_unique_constraint(self) -> None:
        with without("billing_transaction", KEY):
            wallet = funded_wallet(tokens=10)
            ran = lined_up(wallet, *[lambda: charge(wallet, 3, key="mine")] * 3)
            assert len({charged.transaction.pk for charged in ran.results}) == 3
            assert booked(wallet) == (1, 0, 4)


class TestHolds:
    def test_are_placed_as_far_as_the_balance_goes(self) -> None:
        wallet = funded_wallet(tokens=10)
        ran = outcomes(*[lambda: hold(wallet, 3)] * 8)
        assert (len(ran.results), ran.codes) == (3, {"billing.insufficient_tokens": 5})
        assert booked(wallet) == (10, 9, 1)
        assert_books_are_true(wallet)

    def test_a_key_holds_once(self) -> None:
        wallet = funded_wallet(tokens=10)
        ran = lined_up(wallet, *[lambda: hold(wallet, 3, key="mine")] * 6)
        assert len({placed.pk for placed in ran.results}) == 1
        assert (len(ran.results), booked(wallet)) == (6, (10, 3, 1))

    def test_is_captured_once(self) -> None:
        wallet = funded_wallet(tokens=10)
        placed = hold(wallet, 4)
        ran = lined_up(wallet, *[lambda: holds.capture(hold_id=placed.pk, by=TESTER)] * 6)
        assert (len(ran.results), ran.codes) == (1, {"billing.hold_closed": 5})
        assert booked(wallet) == (6, 0, 2)

    def test_is_captured_or_released_but_not_both(self) -> None:
        for _time in range(5):
            wallet = funded_wallet(tokens=10)
            placed = hold(wallet, 4)
            deeds: list[Callable[[], object]] = [
                lambda: holds.capture(hold_id=placed.pk, by=TESTER),  # noqa: B023  runs before the loop goes on
                lambda: holds.release(hold_id=placed.pk, by=TESTER),  # noqa: B023  likewise
            ]
            ran = outcomes(*deeds)
            placed.refresh_from_db()
            assert (len(ran.results), ran.codes) == (1, {"billing.hold_closed": 1})
            assert booked(wallet) == ((6, 0, 2) if placed.state == "captured" else (10, 0, 1))

    def test_that_ran_out_is_closed_once_by_everybody_who_comes(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=10)
        placed = hold(wallet, 10, expires_in=60)
        clock.advance(seconds=60)
        deeds: list[Callable[[], object]] = [
            lambda: expirations.book(wallet_id=wallet.pk, by=TESTER),
            lambda: charge(wallet, 5),
            lambda: holds.capture(hold_id=placed.pk, by=TESTER),
        ]
        ran = outcomes(*deeds * 2)
        assert (len(ran.results), ran.codes) == (4, {"billing.hold_closed": 2})
        assert booked(wallet) == (0, 0, 3)
        assert_books_are_true(wallet)

    def test_the_database_refuses_to_close_a_hold_twice(self) -> None:
        placed = hold(funded_wallet(), 4)
        ran = lined_up(placed, *[close_later(placed, state) for state in ("captured", "released")])
        assert sorted(ran.results) == [False, True]

    def test_a_hold_is_closed_twice_without_its_trigger(self) -> None:
        with without("billing_hold", "billing_hold_is_closed_once"):
            placed = hold(funded_wallet(), 4)
            ran = lined_up(placed, *[close_later(placed, state) for state in ("captured", "released")])
            assert ran.results == [True, True]


def close_later(placed: Hold, state: str) -> Callable[[], bool]:
    """A writer who decides by the state that was read before, as nobody in the house may."""

    def run() -> bool:
        tokens = placed.tokens if state == "captured" else 0
        try:
            Hold.objects.filter(pk=placed.pk).update(state=state, captured_tokens=tokens, closed_at=placed.created_at)
        except IntegrityError:
            return False
        return True

    return run


def test_a_lot_expires_once_for_everybody_who_comes(clock: TestClock) -> None:
    wallet = funded_wallet(tokens=20, expires_in=timedelta(days=1))
    add_lot(wallet, 50)
    clock.advance(days=1)
    deeds: list[Callable[[], object]] = [
        lambda: expirations.book(wallet_id=wallet.pk, by=TESTER),
        lambda: charge(wallet, 10),
        lambda: hold(wallet, 10),
    ]
    ran = outcomes(*deeds * 2)
    assert ran.refusals == []
    assert Transaction.objects.filter(wallet=wallet, type="expiration").count() == 1
    assert booked(wallet) == (30, 20, 5)
    assert_books_are_true(wallet)


def test_a_refused_key_may_be_used_again() -> None:
    wallet = funded_wallet(tokens=1)
    ran = outcomes(*[lambda: charge(wallet, 2, key="mine")] * 3)
    assert ran.codes == {errors.InsufficientTokens.code: 3}
    add_lot(wallet, 1)
    assert not charge(wallet, 2, key="mine").replayed
