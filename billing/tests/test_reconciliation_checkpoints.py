"""Lot checkpoints of reconciliation: they bound what the next check reads, and hide nothing from a full one."""

from __future__ import annotations

from uuid import UUID

import pytest

from billing.models import LotCheckpoint, Transaction, Wallet
from billing.operations import ledger, reconciliation
from billing.operations.ledger import CHECKPOINT_EVERY
from billing.operations.reconciliation import LOT_CHECKPOINT_AFTER, Report
from billing.queries.lots import replay_wallet
from billing.queries.reconciliation import judge_lots
from billing.tests.deeds import charge
from billing.tests.factories import TESTER, add_lot, funded_wallet
from billing.tests.races import outcomes, without
from billing.tests.snapshots import snapshot
from core.database_roles import as_owner

pytestmark = pytest.mark.django_db(transaction=True)


def run(*, full: bool = True) -> Report:
    return reconciliation.run(by=TESTER, full=full)


def found(report: Report) -> set[tuple[str, str]]:
    """Invariant and kind of subject of each divergence."""
    return {(each.invariant, each.subject.rpartition(" ")[0]) for each in report.divergences}


def grown_wallet(rows: int = LOT_CHECKPOINT_AFTER + 1) -> Wallet:
    """A wallet whose ledger has so many rows."""
    wallet = funded_wallet(tokens=1_000)
    charge_times(wallet, rows - 1)
    return wallet


def charge_times(wallet: Wallet, times: int) -> None:
    for _time in range(times):
        charge(wallet, 1)


def rows_read(*wallets: Wallet, from_checkpoint: bool = True) -> list[int]:
    """How many rows the next check reads of each wallet."""
    ids = [wallet.pk for wallet in wallets]
    read = {each.wallet_id: each.rows_read for each in judge_lots(ids, from_checkpoint=from_checkpoint)}
    return [read[wallet_id] for wallet_id in ids]


def checkpoints() -> dict[UUID, int]:
    """At which row each wallet's lot checkpoint stands."""
    return dict(LotCheckpoint.objects.values_list("wallet_id", "sequence"))


def spoil_a_row(wallet: Wallet, sequence: int) -> None:
    """So that neither the sum nor the chain shows it: only the lots do."""
    Transaction.objects.filter(wallet=wallet, sequence=sequence).update(expires_at=wallet.created_at)


@pytest.mark.parametrize("full", [True, False])
def test_let_the_next_check_read_new_rows_only(full: bool) -> None:
    short, grown = grown_wallet(LOT_CHECKPOINT_AFTER), grown_wallet()
    assert run(full=full).is_clean
    assert checkpoints() == {grown.pk: LOT_CHECKPOINT_AFTER + 1}
    charge_times(grown, 2)
    charge_times(short, 1)
    # In one chunk: each wallet from its own checkpoint, and one that has none from its first row.
    assert rows_read(short, grown) == [LOT_CHECKPOINT_AFTER + 1, 2]
    assert rows_read(short, grown, from_checkpoint=False) == [LOT_CHECKPOINT_AFTER + 1, LOT_CHECKPOINT_AFTER + 3]
    assert run(full=False).is_clean
    assert checkpoints() == {short.pk: LOT_CHECKPOINT_AFTER + 1, grown.pk: LOT_CHECKPOINT_AFTER + 1}
    assert run(full=False) == Report(wallets=0, rows=0, divergences=())


def test_without_them_the_next_check_reads_the_whole_ledger() -> None:
    grown = grown_wallet()
    run()
    LotCheckpoint.objects.all().delete()
    charge_times(grown, 2)
    assert rows_read(grown) == [LOT_CHECKPOINT_AFTER + 3]


def test_move_forward_when_as_many_rows_have_come_again() -> None:
    grown = grown_wallet()
    run(full=False)
    for _time in range(2):
        charge_times(grown, LOT_CHECKPOINT_AFTER)
        run(full=False)
    assert checkpoints() == {grown.pk: 3 * LOT_CHECKPOINT_AFTER + 1}
    assert rows_read(grown) == [0]


def test_never_move_backwards() -> None:
    grown = grown_wallet()
    behind = replay_wallet(grown.pk)
    charge_times(grown, 1)
    ledger.write_checkpoint(wallet_id=grown.pk, by=TESTER)
    before = snapshot()
    ledger.keep_checkpoints([(grown.pk, behind.sequence, behind.lots)])
    assert snapshot() == before


def test_are_kept_by_a_full_run_that_finds_them_true() -> None:
    grown_wallet()
    run()
    before = LotCheckpoint.objects.values().get()
    assert run().is_clean
    assert LotCheckpoint.objects.values().get() == before


def test_are_judged_by_a_full_run_before_it_replaces_them() -> None:
    wallet = grown_wallet()
    run()
    kept = LotCheckpoint.objects.get()
    LotCheckpoint.objects.update(lots=[[*lot[:3], lot[3] + 1, *lot[4:]] for lot in kept.lots])
    charge_times(wallet, LOT_CHECKPOINT_AFTER + 1)
    for _time in range(2):
        assert found(run()) == {("I13", "checkpoint of wallet")}
    assert checkpoints() == {wallet.pk: kept.sequence}


def test_of_a_row_that_the_wallet_has_not_reached_are_found() -> None:
    wallet = grown_wallet()
    run()
    LotCheckpoint.objects.update(sequence=wallet.balance_version + LOT_CHECKPOINT_AFTER + 5)
    charge_times(wallet, 1)
    assert found(run(full=False)) >= {("I13", "checkpoint of wallet")}
    assert found(run()) >= {("I13", "checkpoint of wallet")}


def test_hide_a_row_spoilt_before_them_from_all_but_a_full_run() -> None:
    with without("billing_transaction", "billing_transaction_is_append_only"), as_owner():
        wallet = grown_wallet()
        run()
        spoil_a_row(wallet, 1)
        charge_times(wallet, 1)
        assert run(full=False).is_clean
        assert ("I13", "checkpoint of wallet") in found(run(full=True))


def test_do_not_hide_a_row_spoilt_after_them() -> None:
    with without("billing_transaction", "billing_transaction_is_append_only"), as_owner():
        wallet = grown_wallet()
        run()
        add_lot(wallet, 5)
        spoil_a_row(wallet, LOT_CHECKPOINT_AFTER + 2)
        assert found(run(full=False)) == {("I13", "wallet")}
        assert checkpoints() == {wallet.pk: LOT_CHECKPOINT_AFTER + 1}


def test_are_not_left_where_the_books_do_not_agree() -> None:
    with without("billing_transaction", "billing_transaction_is_append_only"), as_owner():
        wallet, sound = grown_wallet(), grown_wallet()
        Transaction.objects.filter(wallet=wallet, sequence=3).update(balance_after=0)
        assert found(run()) == {("I3", "wallet")}
        assert list(checkpoints()) == [sound.pk]


def test_stay_true_when_checks_race_with_charges_and_sweepers() -> None:
    wallets = [grown_wallet(CHECKPOINT_EVERY), grown_wallet(), grown_wallet()]

    def traffic() -> None:
        for wallet in wallets:
            charge_times(wallet, LOT_CHECKPOINT_AFTER)

    def checks() -> None:
        for _time in range(3):
            assert run(full=False).is_clean

    raced = outcomes(traffic, traffic, checks, checks, lambda: ledger.sweep_checkpoints(by=TESTER))
    assert raced.refusals == []
    assert set(checkpoints()) == {wallet.pk for wallet in wallets}
    assert run(full=True).is_clean, "which replays every ledger and judges its checkpoint"
    for wallet in wallets:
        assert replay_wallet(wallet.pk).lots == replay_wallet(wallet.pk, from_checkpoint=False).lots
