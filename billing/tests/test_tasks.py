"""Billing's jobs, from the beat to the row: once in each period, safe to run twice and at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from audit.models import AdminAlert
from billing import tasks
from billing.models import LotCheckpoint, PromoCode, ReconciliationCheckpoint, Transaction, Wallet
from billing.operations import charge_batches, reconciliation
from billing.operations.charge_batches import ChargeItem
from billing.operations.ledger import CHECKPOINT_EVERY
from billing.owners import Owner
from billing.tests.deeds import assert_books_are_true, booked, hold, ledger
from billing.tests.factories import TESTER, InvoiceFactory, PromoCodeFactory, add_lot, funded_wallet, new_key
from billing.tests.races import outcomes, without
from billing.tests.snapshots import snapshot
from conftest import TestClock
from core.jobs import drain, registry, runner, sweeper
from core.jobs.runner import Outcome
from core.models import Job
from core.tasks import run_job, tick
from core.tests.brokers import filesystem_broker, woken

pytestmark = pytest.mark.django_db(transaction=True)

EXPIRE = "billing.expire_holds_and_lots"
INVOICES = "billing.expire_invoices"
CREDITS = "billing.expire_credit_requests"
CHECKPOINTS = "billing.checkpoint_lots"
RECONCILE = "billing.reconcile"
PERIODS = {
    EXPIRE: 60,
    INVOICES: 60,
    CREDITS: 300,
    CHECKPOINTS: 600,
    RECONCILE: 86_400,
    "billing.announce_expiring_tokens": 3_600,
    "billing.announce_low_balances": 300,
    "billing.compare_statements": 86_400,
    "billing.mature_referrals": 600,
    "billing.poll_checkouts": 300,
    "billing.poll_refunds": 300,
    "billing.renew_subscriptions": 300,
    "billing.sweep_webhooks": 60,
}


def due_house(clock: TestClock) -> tuple[Wallet, Wallet, PromoCode]:
    """A wallet whose lot has expired, one whose hold has run out, and a code with a use to be given back."""
    lapsing = funded_wallet(tokens=20, expires_in=timedelta(days=1))
    add_lot(lapsing, 50)
    holding = funded_wallet(tokens=10)
    hold(holding, 4, expires_in=60)
    code = PromoCodeFactory.create(max_uses=1)
    InvoiceFactory.create(promo_code=code)
    clock.advance(days=2)
    return lapsing, holding, code


def assert_settled(lapsing: Wallet, holding: Wallet, code: PromoCode) -> None:
    """Everything that was due in the house has been booked once."""
    assert ledger(lapsing) == [("grant", 20, 20), ("grant", 50, 70), ("expiration", -20, 50)]
    assert booked(holding) == (10, 0, 1)
    code.refresh_from_db()
    assert code.uses_count == 0
    for wallet in (lapsing, holding):
        assert_books_are_true(wallet)
    assert reconciliation.run(by=TESTER, full=True).is_clean


def queued(name: str) -> Job:
    """The job of the present period."""
    sweeper.enqueue_periods()
    return Job.objects.get(name=name, state="queued")


def test_each_has_its_period() -> None:
    periods = {each.name: each.every_seconds for each in registry.periodic_jobs() if each.name.startswith("billing.")}
    assert periods == PERIODS


def test_the_beat_wakes_a_worker_who_books_what_is_due(clock: TestClock, tmp_path: Path) -> None:
    house = due_house(clock)
    with filesystem_broker(tmp_path) as messages:
        tick()
        for job_id in woken(messages):
            run_job(job_id)
    states = dict(Job.objects.filter(name__startswith="billing.").values_list("name", "state"))
    assert states == dict.fromkeys(PERIODS, "done")
    assert_settled(*house)


def test_a_period_has_one_job_however_often_the_beat_comes(clock: TestClock) -> None:
    # A minute may end while they come.
    clock.stop()
    for _time in range(3):
        drain.run_due(periods=True)
    assert Job.objects.filter(name=EXPIRE).count() == 1
    clock.advance(seconds=60)
    drain.run_due(periods=True)
    assert Job.objects.filter(name=EXPIRE).count() == 2


def test_two_workers_at_once_book_everything_once(clock: TestClock) -> None:
    house = due_house(clock)
    sweeper.enqueue_periods()
    ran = outcomes(drain.run_due, drain.run_due)
    done = sorted(name for worker in ran.results for name, _outcome in worker if name.startswith("billing."))
    assert done == sorted(PERIODS)
    assert {outcome for worker in ran.results for _name, outcome in worker} == {Outcome.DONE}
    assert_settled(*house)


@pytest.mark.parametrize("name", [EXPIRE, INVOICES])
def test_one_job_goes_to_one_of_two_workers(clock: TestClock, name: str) -> None:
    due_house(clock)
    job = queued(name)
    ran = outcomes(*[lambda: runner.run(job.pk)] * 2)
    assert sorted(ran.results) == sorted([Outcome.DONE, Outcome.NOT_TAKEN])


def test_handlers_that_run_at_once_all_the_same_book_once(clock: TestClock) -> None:
    """As after a lease that was lost while its worker lived on."""
    house = due_house(clock)
    outcomes(
        *[lambda: tasks.expire_holds_and_lots(by=TESTER)] * 3,
        *[lambda: tasks.expire_invoices(by=TESTER)] * 3,
    )
    assert_settled(*house)


@pytest.mark.parametrize("handler", [tasks.expire_holds_and_lots, tasks.expire_invoices, tasks.checkpoint_lots])
def test_a_handler_that_runs_again_finds_nothing_to_do(clock: TestClock, handler: object) -> None:
    assert callable(handler)
    due_house(clock)
    handler(by=TESTER)
    moved = snapshot()
    handler(by=TESTER)
    assert snapshot() == moved


def test_a_job_whose_worker_died_runs_again_after_its_lease(clock: TestClock) -> None:
    house = due_house(clock)
    job = queued(EXPIRE)
    assert runner.claim(job.pk) is not None
    assert runner.run(job.pk) is Outcome.NOT_TAKEN
    clock.advance(seconds=registry.definition(EXPIRE).lease_seconds)
    assert (EXPIRE, Outcome.DONE) in drain.run_due()
    assert (INVOICES, Outcome.DONE) in drain.run_due(periods=True)
    assert_settled(*house)


def test_the_ledger_names_the_job(clock: TestClock) -> None:
    due_house(clock)
    drain.run_due(periods=True)
    assert Transaction.objects.get(type="expiration").actor == {"kind": "job", "id": EXPIRE, "label": EXPIRE}


def test_long_ledgers_get_checkpoints() -> None:
    wallet = funded_wallet(tokens=CHECKPOINT_EVERY)
    items = [ChargeItem(Owner.wallet(wallet.pk), 1, new_key()) for _number in range(CHECKPOINT_EVERY)]
    charge_batches.charge_many(items=items, by=TESTER)
    assert runner.run(queued(CHECKPOINTS).pk) is Outcome.DONE
    assert LotCheckpoint.objects.get(wallet=wallet).sequence == CHECKPOINT_EVERY + 1


def test_the_books_are_checked_and_differences_raise_alerts() -> None:
    with without("billing_wallet", "billing_wallet_balance_moves_with_its_version"):
        sound, broken = funded_wallet(tokens=10), funded_wallet(tokens=10)
        Wallet.objects.filter(pk=broken.pk).update(token_balance=11)
        assert runner.run(queued(RECONCILE).pk) is Outcome.DONE
        assert [each.wallet_id for each in ReconciliationCheckpoint.objects.all()] == [sound.pk]
        assert {alert.context["invariant"] for alert in AdminAlert.objects.all()} == {"I1", "I13"}
