"""Lot checkpoints: they bound what a replay reads and change nothing of what it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from billing import errors
from billing.models import LotCheckpoint, Transaction, Wallet
from billing.operations import charge_batches, expirations, ledger
from billing.operations.charge_batches import ChargeItem
from billing.operations.ledger import CHECKPOINT_EVERY
from billing.owners import Owner
from billing.queries.lots import replay_wallet
from billing.tests.deeds import assert_books_are_true, charge, shown
from billing.tests.factories import TESTER, add_lot, funded_wallet, new_key
from billing.tests.races import outcomes
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core.ids import uuid7

pytestmark = pytest.mark.django_db


def wallet_with_rows(rows: int) -> Wallet:
    """A wallet of two lots whose ledger has so many rows."""
    wallet = funded_wallet(tokens=400, expires_in=timedelta(days=1))
    add_lot(wallet, 1_000)
    items = [ChargeItem(Owner.wallet(wallet.pk), 1, new_key()) for _number in range(rows - 2)]
    charge_batches.charge_many(items=items, by=TESTER)
    wallet.refresh_from_db()
    assert wallet.balance_version == rows
    return wallet


def test_bounds_what_a_replay_reads_and_changes_nothing_of_what_it_says() -> None:
    wallet = wallet_with_rows(300)
    whole = replay_wallet(wallet.pk)
    assert ledger.write_checkpoint(wallet_id=wallet.pk, by=TESTER) == 300
    charge(wallet, 1)
    from_checkpoint = replay_wallet(wallet.pk)
    assert (whole.rows_read, from_checkpoint.rows_read) == (300, 1)
    assert from_checkpoint.lots == replay_wallet(wallet.pk, from_checkpoint=False).lots
    assert [lot.remaining for lot in from_checkpoint.lots] == [101, 1_000]


def test_is_one_per_wallet_the_latest() -> None:
    wallet = wallet_with_rows(10)
    ledger.write_checkpoint(wallet_id=wallet.pk, by=TESTER)
    charge(wallet, 1)
    ledger.write_checkpoint(wallet_id=wallet.pk, by=TESTER)
    assert LotCheckpoint.objects.get(wallet=wallet).sequence == 11


def test_is_not_read_for_what_lies_before_it() -> None:
    wallet = wallet_with_rows(10)
    ledger.write_checkpoint(wallet_id=wallet.pk, by=TESTER)
    assert replay_wallet(wallet.pk, up_to=2).rows_read == 2


def test_of_an_empty_ledger_is_none() -> None:
    wallet = funded_wallet(tokens=0)
    assert ledger.write_checkpoint(wallet_id=wallet.pk, by=TESTER) == 0
    assert not LotCheckpoint.objects.exists()


def test_refuses_a_wallet_that_is_not_there(unmoved: Unmoved) -> None:
    with unmoved(errors.WalletNotFound):
        ledger.write_checkpoint(wallet_id=uuid7(), by=TESTER)


def test_is_left_by_whoever_had_to_read_far(clock: TestClock) -> None:
    short, long = wallet_with_rows(CHECKPOINT_EVERY - 1), wallet_with_rows(CHECKPOINT_EVERY)
    clock.advance(days=1)
    for wallet in (short, long):
        expirations.book(wallet_id=wallet.pk, by=TESTER)
        assert shown(wallet)[0] == 1_000 - (wallet.balance_version - 402)
        assert_books_are_true(wallet)
    assert [each.wallet_id for each in LotCheckpoint.objects.all()] == [long.pk]


class TestSweep:
    def test_leaves_checkpoints_on_ledgers_that_have_grown_long(self) -> None:
        short, long = wallet_with_rows(CHECKPOINT_EVERY - 1), wallet_with_rows(CHECKPOINT_EVERY)
        assert ledger.list_without_recent_checkpoint() == [long.pk]
        assert ledger.sweep_checkpoints(by=TESTER) == 1
        assert LotCheckpoint.objects.get().sequence == CHECKPOINT_EVERY
        charge(short, 1)
        charge(long, 1)
        assert ledger.list_without_recent_checkpoint() == [short.pk]

    def test_finds_nothing_the_second_time(self) -> None:
        wallet_with_rows(CHECKPOINT_EVERY)
        ledger.sweep_checkpoints(by=TESTER)
        moved = snapshot()
        assert ledger.sweep_checkpoints(by=TESTER) == 0
        assert snapshot() == moved

    @pytest.mark.django_db(transaction=True)
    def test_passes_a_ledger_by_that_contradicts_itself(self) -> None:
        broken, sound = wallet_with_rows(CHECKPOINT_EVERY), wallet_with_rows(CHECKPOINT_EVERY)
        ledger.append(
            broken,
            type=Transaction.Type.ADJUSTMENT,
            tokens_delta=-401,
            key="more than its lot had",
            by=TESTER,
            reverses_id=Transaction.objects.get(wallet=broken, tokens_delta=400).pk,
        )
        assert ledger.sweep_checkpoints(by=TESTER) == 1
        assert LotCheckpoint.objects.get().wallet_id == sound.pk

    @pytest.mark.django_db(transaction=True)
    def test_keeps_one_when_sweepers_race_with_charges(self) -> None:
        wallet = wallet_with_rows(CHECKPOINT_EVERY)
        deeds: list[Callable[[], object]] = [lambda: ledger.sweep_checkpoints(by=TESTER), lambda: charge(wallet, 1)]
        assert outcomes(*deeds * 3).refusals == []
        kept = LotCheckpoint.objects.get(wallet=wallet)
        assert CHECKPOINT_EVERY <= kept.sequence <= CHECKPOINT_EVERY + 3
        assert replay_wallet(wallet.pk).lots == replay_wallet(wallet.pk, from_checkpoint=False).lots
