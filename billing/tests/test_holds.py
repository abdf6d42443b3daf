"""Tokens set aside: placed, captured, released, once."""

from datetime import timedelta
from typing import Any

import pytest

from billing import errors
from billing.models import Hold, Transaction
from billing.operations import expirations, holds, wallets
from billing.owners import Owner
from billing.queries.holds import get_hold
from billing.tests.deeds import assert_books_are_true, booked, charge, hold, ledger, shown
from billing.tests.factories import TESTER, HoldFactory, add_lot, funded_wallet, new_key
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core import clock as database_clock
from core.errors import IdempotencyKeyInvalid, ValidationFailed
from core.ids import uuid7

pytestmark = pytest.mark.django_db


def capture(placed: Hold, tokens: int | None = None) -> Transaction:
    return holds.capture(hold_id=placed.pk, tokens=tokens, by=TESTER)


def release(placed: Hold) -> Hold:
    return holds.release(hold_id=placed.pk, by=TESTER)


class TestPlace:
    def test_sets_tokens_aside(self) -> None:
        wallet = funded_wallet(tokens=10)
        placed = holds.place(
            owner=Owner.wallet(wallet.pk),
            tokens=4,
            key="mine",
            expires_in=60,
            description="a brief",
            metadata={"brief": 17},
            by=TESTER,
        )
        stored = Hold.objects.get(pk=placed.hold.pk)
        assert not placed.replayed
        assert (stored.wallet_id, stored.tokens, stored.captured_tokens) == (wallet.pk, 4, 0)
        assert (stored.state, stored.closed_at) == ("open", None)
        assert (stored.description, stored.metadata) == ("a brief", {"brief": 17})
        assert stored.actor == {"kind": "system", "id": "tests", "label": "tests"}
        assert stored.expires_at - stored.created_at == timedelta(seconds=60)
        # The ledger does not move: nothing has been spent.
        assert booked(wallet) == (10, 4, 1)
        assert shown(wallet) == (10, 6)

    def test_holds_the_last_token(self) -> None:
        wallet = funded_wallet(tokens=10)
        hold(wallet, 6)
        hold(wallet, 4)
        assert booked(wallet) == (10, 10, 1)

    def test_gives_the_first_hold_back_whatever_became_of_it(self) -> None:
        wallet = funded_wallet(tokens=10)
        first = hold(wallet, 10, key="mine")
        for step in (lambda: None, lambda: release(first)):
            step()
            moved = snapshot()
            assert hold(wallet, 10, key="mine") == first
            assert snapshot() == moved

    @pytest.mark.parametrize("asked", [{"tokens": 2}, {"expires_in": 61}])
    def test_refuses_a_key_that_stands_for_another_request(self, unmoved: Unmoved, asked: dict[str, Any]) -> None:
        wallet = funded_wallet(tokens=10)
        hold(wallet, key="mine", expires_in=60)
        with unmoved(errors.IdempotencyMismatch):
            hold(wallet, key="mine", **{"expires_in": 60, **asked})

    def test_refuses_more_than_is_left(self, unmoved: Unmoved) -> None:
        wallet = funded_wallet(tokens=10)
        hold(wallet, 6)
        with unmoved(errors.InsufficientTokens) as refusal:
            hold(wallet, 5)
        assert refusal.value.data == {"required": 5, "available": 4}

    def test_refuses_a_frozen_wallet(self, unmoved: Unmoved) -> None:
        wallet = funded_wallet(tokens=10)
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
        with unmoved(errors.WalletFrozen):
            hold(wallet, 1)

    def test_refuses_a_wallet_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.WalletNotFound):
            holds.place(owner=Owner.user(uuid7()), tokens=1, key=new_key(), by=TESTER)

    @pytest.mark.parametrize("tokens", [0, -1, 10**12 + 1])
    def test_refuses_numbers_out_of_range(self, unmoved: Unmoved, tokens: int) -> None:
        wallet = funded_wallet()
        with unmoved(errors.TokensOutOfRange):
            hold(wallet, tokens)

    @pytest.mark.parametrize("seconds", [0, -1, 30 * 86_400 + 1])
    def test_refuses_times_out_of_range(self, unmoved: Unmoved, seconds: int) -> None:
        wallet = funded_wallet()
        with unmoved(ValidationFailed) as refusal:
            hold(wallet, expires_in=seconds)
        assert list(refusal.value.fields) == ["expires_in"]
        assert refusal.value.code == "common.validation_error"

    def test_refuses_keys_that_are_none(self, unmoved: Unmoved) -> None:
        wallet = funded_wallet()
        with unmoved(IdempotencyKeyInvalid):
            hold(wallet, key="ключ")

    def test_does_not_hold_what_has_expired(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=20, expires_in=timedelta(days=1))
        add_lot(wallet, 5)
        clock.advance(days=1)
        hold(wallet, 5)
        assert ledger(wallet)[2:] == [("expiration", -20, 5)]
        assert_books_are_true(wallet)

    def test_takes_over_the_tokens_of_a_hold_that_ran_out(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=10)
        hold(wallet, 10, expires_in=60)
        clock.advance(seconds=60)
        hold(wallet, 10)
        assert booked(wallet) == (10, 10, 1)
        assert sorted(wallet.holds.values_list("state", flat=True)) == ["expired", "open"]


class TestCapture:
    def test_takes_what_is_held(self) -> None:
        wallet = funded_wallet(tokens=10)
        placed = hold(wallet, 4)
        row = capture(placed)
        placed.refresh_from_db()
        assert (placed.state, placed.captured_tokens) == ("captured", 4)
        assert placed.closed_at is not None
        assert (row.type, row.tokens_delta, row.hold_id, row.sequence) == ("capture", -4, placed.pk, 2)
        assert booked(wallet) == (6, 0, 2)
        assert_books_are_true(wallet)

    def test_releases_the_rest(self) -> None:
        wallet = funded_wallet(tokens=10)
        placed = hold(wallet, 4)
        capture(placed, 1)
        placed.refresh_from_db()
        assert (placed.state, placed.captured_tokens) == ("captured", 1)
        assert booked(wallet) == (9, 0, 2)

    def test_leaves_other_holds_alone(self) -> None:
        wallet = funded_wallet(tokens=10)
        one, other = hold(wallet, 4), hold(wallet, 6)
        capture(one)
        assert booked(wallet) == (6, 6, 2)
        capture(other)
        assert booked(wallet) == (0, 0, 3)

    def test_keeps_its_promise_in_a_frozen_wallet(self) -> None:
        wallet = funded_wallet(tokens=10)
        placed = hold(wallet, 4)
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
        capture(placed)
        assert booked(wallet) == (6, 0, 2)

    def test_refuses_more_than_is_held(self, unmoved: Unmoved) -> None:
        placed = HoldFactory.create(tokens=4)
        with unmoved(errors.CaptureExceedsHold) as refusal:
            capture(placed, 5)
        assert refusal.value.data == {"required": 5, "held": 4}
        assert (refusal.value.code, refusal.value.status) == ("billing.capture_exceeds_hold", 409)

    @pytest.mark.parametrize("close", [capture, release])
    def test_refuses_a_closed_hold(self, unmoved: Unmoved, close: Any) -> None:
        placed = HoldFactory.create()
        close(placed)
        placed.refresh_from_db()
        with unmoved(errors.HoldClosed) as refusal:
            capture(placed)
        assert refusal.value.data == {"state": placed.state}
        assert (refusal.value.code, refusal.value.status) == ("billing.hold_closed", 409)

    def test_refuses_a_hold_that_ran_out_before_any_sweeper_came(self, unmoved: Unmoved, clock: TestClock) -> None:
        placed = HoldFactory.create(expires_in=60)
        clock.advance(seconds=60)
        with unmoved(errors.HoldClosed) as refusal:
            capture(placed)
        assert refusal.value.data == {"state": "expired"}

    def test_refuses_a_hold_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.HoldNotFound) as refusal:
            holds.capture(hold_id=uuid7(), by=TESTER)
        assert (refusal.value.code, refusal.value.status) == ("billing.hold_not_found", 404)

    @pytest.mark.parametrize("tokens", [0, -1])
    def test_refuses_numbers_out_of_range(self, unmoved: Unmoved, tokens: int) -> None:
        placed = HoldFactory.create()
        with unmoved(errors.TokensOutOfRange):
            capture(placed, tokens)


class TestRelease:
    def test_gives_the_tokens_back(self) -> None:
        wallet = funded_wallet(tokens=10)
        placed = hold(wallet, 4)
        released = release(placed)
        assert (released.state, released.captured_tokens) == ("released", 0)
        assert released.closed_at is not None
        assert booked(wallet) == (10, 0, 1)
        charge(wallet, 10)

    def test_changes_nothing_the_second_time(self) -> None:
        placed = HoldFactory.create()
        first = release(placed)
        moved = snapshot()
        assert release(placed).closed_at == first.closed_at
        assert snapshot() == moved

    def test_refuses_a_captured_hold(self, unmoved: Unmoved) -> None:
        placed = HoldFactory.create()
        capture(placed)
        with unmoved(errors.HoldClosed) as refusal:
            release(placed)
        assert refusal.value.data == {"state": "captured"}

    @pytest.mark.parametrize("swept", [True, False])
    def test_refuses_a_hold_that_ran_out_swept_or_not(self, unmoved: Unmoved, clock: TestClock, swept: bool) -> None:
        placed = HoldFactory.create(expires_in=60)
        clock.advance(seconds=60)
        if swept:
            expirations.book(wallet_id=placed.wallet_id, by=TESTER)
        with unmoved(errors.HoldClosed) as refusal:
            release(placed)
        assert refusal.value.data == {"state": "expired"}

    def test_refuses_a_hold_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.HoldNotFound):
            holds.release(hold_id=uuid7(), by=TESTER)


def test_runs_out_by_the_databases_clock(clock: TestClock) -> None:
    clock.advance(days=400)
    placed = HoldFactory.create(expires_in=60)
    assert timedelta(0) < placed.expires_at - database_clock.now() <= timedelta(seconds=60)
    capture(placed)


class TestQuery:
    @pytest.mark.parametrize("close", [capture, release])
    def test_shows_a_hold_as_it_is(self, close: Any) -> None:
        placed = HoldFactory.create()
        assert get_hold(placed.pk).state == "open"
        close(placed)
        placed.refresh_from_db()
        assert get_hold(placed.pk).state == placed.state

    def test_shows_a_hold_that_ran_out_as_expired_before_any_sweeper_came(self, clock: TestClock) -> None:
        placed = HoldFactory.create(expires_in=60)
        clock.advance(seconds=60)
        assert get_hold(placed.pk).state == "expired"
        placed.refresh_from_db()
        assert placed.state == "open"

    def test_finds_no_hold_that_is_not_there(self) -> None:
        with pytest.raises(errors.HoldNotFound):
            get_hold(uuid7())
