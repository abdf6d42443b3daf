"""``manage.py reconcile``: true books pass, and each kind of damage is found and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import models, transaction
from django.utils.translation import override

from audit.models import AdminAlert
from billing.models import (
    Hold,
    Invoice,
    InvoiceCounter,
    LotCheckpoint,
    Payment,
    PromoCode,
    PromoRedemption,
    ReconciliationCheckpoint,
    Transaction,
    Wallet,
)
from billing.operations import expirations, holds, invoices, ledger, reconciliation
from billing.operations.reconciliation import Report
from billing.queries.reconciliation import SHOWN
from billing.tests.deeds import charge, hold, pay
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PromoCodeFactory,
    TariffFactory,
    WalletFactory,
    add_lot,
    funded_wallet,
)
from billing.tests.races import outcomes, without
from billing.tests.snapshots import snapshot
from conftest import TestClock
from core.database_roles import as_owner

pytestmark = pytest.mark.django_db(transaction=True)

# What would refuse the damage, by table.
GUARDS = {
    "billing_transaction": ("billing_transaction_is_append_only", "billing_transaction_key_is_unique_per_wallet"),
    "billing_wallet": (
        "billing_wallet_balance_moves_with_its_version",
        "billing_wallet_held_tokens_are_covered",
        "billing_wallet_is_never_deleted",
    ),
    "billing_hold": ("billing_hold_is_closed_once", "billing_hold_is_frozen"),
    "billing_payment": ("billing_payment_is_never_deleted",),
    "billing_invoice": ("billing_invoice_is_frozen", "billing_invoice_status_follows_its_edges"),
    "billing_promocode": ("billing_promocode_is_not_overused",),
    "billing_promoredemption": ("billing_promoredemption_is_closed_once", "billing_promoredemption_is_frozen"),
}


@contextmanager
def guards_off() -> Iterator[None]:
    """Let history be edited, for the length of the block."""
    with ExitStack() as stack:
        for table, guards in GUARDS.items():
            stack.enter_context(without(table, *guards))
        stack.enter_context(as_owner())
        yield


def run(*, full: bool = True) -> Report:
    return reconciliation.run(by=TESTER, full=full)


def found(report: Report) -> set[tuple[str, str]]:
    """Invariant and kind of subject of each divergence."""
    return {(each.invariant, each.subject.rpartition(" ")[0]) for each in report.divergences}


def a_busy_house() -> Wallet:
    """A wallet that has seen everything, and another that is bystander."""
    wallet = funded_wallet(tokens=100)
    add_lot(wallet, 20, expires_in=timedelta(days=10))
    charge(wallet, 5)
    holds.capture(hold_id=hold(wallet, 4).pk, tokens=3, by=TESTER)
    holds.release(hold_id=hold(wallet, 4).pk, by=TESTER)
    hold(wallet, 6)
    bonus = PromoCodeFactory.create(discount_type="bonus_tokens", discount_value=7, max_uses=5)
    pay(InvoiceFactory.create(wallet=wallet, promo_code=bonus))
    invoices.cancel(invoice_id=InvoiceFactory.create(promo_code=bonus).pk, by=TESTER)
    InvoiceFactory.create(promo_code=bonus)
    InvoiceFactory.create(wallet=wallet, promo_code=PromoCodeFactory.create(discount_value=100))
    pay(InvoiceFactory.create(tariff=TariffFactory.create(tokens=0, subscription_days=30)))
    wallet.refresh_from_db()
    return wallet


class TestTrueBooks:
    def test_are_found_true(self) -> None:
        a_busy_house()
        report = run()
        assert report.divergences == ()
        assert report.is_clean
        assert report.rows == Transaction.objects.count()
        assert report.wallets == Transaction.objects.values("wallet").distinct().count()
        assert not AdminAlert.objects.exists()

    def test_stay_true_while_something_is_due_that_nobody_has_booked(self, clock: TestClock) -> None:
        a_busy_house()
        clock.advance(days=20)
        assert run().is_clean
        expirations.sweep(by=TESTER)
        assert run().is_clean

    def test_stay_true_when_a_hold_protects_what_has_expired(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=20, expires_in=timedelta(days=1))
        hold(wallet, 12, expires_in=5 * 86_400)
        clock.advance(days=2)
        expirations.sweep(by=TESTER)
        assert run().is_clean

    def test_raise_no_false_alarm_under_traffic(self) -> None:
        wallet = funded_wallet(tokens=100)

        def traffic() -> None:
            for _time in range(10):
                charge(wallet, 1)
                holds.release(hold_id=hold(wallet, 1).pk, by=TESTER)

        reports: list[Report] = []

        def checks() -> None:
            reports.extend(run(full=bool(number % 2)) for number in range(10))

        outcomes(traffic, traffic, checks)
        assert [report.divergences for report in reports] == [()] * 10

    def test_of_nobody_are_true(self) -> None:
        assert run() == Report(wallets=0, rows=0, divergences=())


class TestIncremental:
    def test_folds_only_what_has_moved_since_the_last_clean_run(self) -> None:
        wallet, idle = funded_wallet(tokens=10), funded_wallet(tokens=10)
        assert run(full=False) == Report(wallets=2, rows=2, divergences=())
        assert run(full=False) == Report(wallets=0, rows=0, divergences=())
        charge(wallet, 3)
        charge(wallet, 3)
        assert run(full=False) == Report(wallets=1, rows=2, divergences=())
        assert ReconciliationCheckpoint.objects.get(wallet=wallet).sequence == 3
        assert ReconciliationCheckpoint.objects.get(wallet=wallet).balance == 4
        assert ReconciliationCheckpoint.objects.get(wallet=idle).sequence == 1

    def test_a_full_run_reads_everything_again(self) -> None:
        charge(funded_wallet(tokens=10), 3)
        run(full=False)
        assert run(full=True).rows == 2

    def test_running_twice_moves_nothing(self) -> None:
        a_busy_house()
        run(full=False)
        before = snapshot()
        run(full=False)
        assert snapshot() == before

    def test_a_wallet_that_diverges_gets_no_checkpoint_and_is_told_of_again(self) -> None:
        with guards_off():
            wallet, sound = funded_wallet(tokens=10), funded_wallet(tokens=10)
            Wallet.objects.filter(pk=wallet.pk).update(token_balance=11)
            for _time in range(2):
                assert ("I1", "wallet") in found(run(full=False))
            assert [each.wallet_id for each in ReconciliationCheckpoint.objects.all()] == [sound.pk]
            alert = AdminAlert.objects.get(fingerprint=f"billing.reconciliation:I1:wallet {wallet.pk}")
            assert (alert.count, alert.severity) == (2, "critical")

    def test_starts_from_lot_checkpoints_and_a_full_run_judges_them(self) -> None:
        wallet = funded_wallet(tokens=10)
        charge(wallet, 3)
        ledger.write_checkpoint(wallet_id=wallet.pk, by=TESTER)
        assert run(full=False).is_clean
        kept = LotCheckpoint.objects.get()
        lots = [[*lot[:3], lot[3] + 1, *lot[4:]] for lot in kept.lots]
        LotCheckpoint.objects.update(lots=lots)
        charge(wallet, 1)
        assert found(run(full=False)) == {("I13", "wallet")}
        assert found(run(full=True)) == {("I13", "checkpoint of wallet")}


def delete(row: models.Model) -> None:
    """Without the ORM's looking after what refers to it."""
    row._meta.model._base_manager.filter(pk=row.pk)._raw_delete(using=row._state.db)


def edit_a_delta(wallet: Wallet) -> None:
    row = Transaction.objects.get(wallet=wallet, sequence=3)
    Transaction.objects.filter(pk=row.pk).update(tokens_delta=row.tokens_delta - 1)


def edit_a_balance_after(wallet: Wallet) -> None:
    row = Transaction.objects.get(wallet=wallet, sequence=3)
    Transaction.objects.filter(pk=row.pk).update(balance_after=row.balance_after + 1)


def delete_a_row(wallet: Wallet) -> None:
    delete(Transaction.objects.get(wallet=wallet, sequence=3))


def delete_the_last_row(wallet: Wallet) -> None:
    delete(Transaction.objects.filter(wallet=wallet).latest("sequence"))


def move_a_balance(wallet: Wallet) -> None:
    Wallet.objects.filter(pk=wallet.pk).update(token_balance=wallet.token_balance + 1)


def move_a_version(wallet: Wallet) -> None:
    Wallet.objects.filter(pk=wallet.pk).update(balance_version=wallet.balance_version + 1)


def move_held_tokens(wallet: Wallet) -> None:
    Wallet.objects.filter(pk=wallet.pk).update(held_tokens=wallet.held_tokens + 1)


def hold_more_than_there_is(wallet: Wallet) -> None:
    more = wallet.token_balance + 1
    Hold.objects.filter(wallet=wallet, state="open").update(tokens=more)
    Wallet.objects.filter(pk=wallet.pk).update(held_tokens=more)


def credit_a_purchase_twice(wallet: Wallet) -> None:
    row = Transaction.objects.get(wallet=wallet, type="bonus")
    ledger.append(wallet, type=Transaction.Type.BONUS, tokens_delta=7, key="twin", by=TESTER, invoice_id=row.invoice_id)


def forget_a_purchases_credit(wallet: Wallet) -> None:
    Transaction.objects.filter(wallet=wallet, type="bonus").update(invoice=None)


def delete_a_payment(wallet: Wallet) -> None:
    delete(Payment.objects.filter(invoice__wallet=wallet, provider="manual").latest("pk"))


def unpay_an_invoice(wallet: Wallet) -> None:
    paid = Invoice.objects.filter(wallet=wallet, status="paid").earliest("pk")
    Invoice.objects.filter(pk=paid.pk).update(status="expired", paid_at=None, number_year=None, number_in_year=None)


def take_back_more_than_a_lot_gave(wallet: Wallet) -> None:
    lot = Transaction.objects.get(wallet=wallet, type="bonus")
    ledger.append(wallet, type=Transaction.Type.REFUND, tokens_delta=-8, key="too much", by=TESTER, reverses_id=lot.pk)


def take_back_from_anothers_lot(wallet: Wallet) -> None:
    other = Transaction.objects.get(wallet=funded_wallet(tokens=10))
    ledger.append(wallet, type=Transaction.Type.REFUND, tokens_delta=-1, key="astray", by=TESTER, reverses_id=other.pk)


def forget_a_capture(wallet: Wallet) -> None:
    Hold.objects.filter(wallet=wallet, state="captured").update(state="released", captured_tokens=0)


def capture_another_number(wallet: Wallet) -> None:
    Hold.objects.filter(wallet=wallet, state="captured").update(captured_tokens=2)


def count_a_use_too_many(_wallet: Wallet) -> None:
    PromoCode.objects.filter(max_uses=5).update(uses_count=3)


def overuse_a_code(_wallet: Wallet) -> None:
    PromoCode.objects.filter(max_uses=5).update(max_uses=1)


def apply_a_use_of_an_unpaid_invoice(wallet: Wallet) -> None:
    pending = PromoRedemption.objects.get(state="reserved")
    PromoRedemption.objects.filter(pk=pending.pk).update(state="applied", closed_at=wallet.created_at)


def give_a_use_to_another_wallet(wallet: Wallet) -> None:
    PromoRedemption.objects.filter(wallet=wallet).update(wallet=WalletFactory.create())


def skip_an_invoice_number(_wallet: Wallet) -> None:
    InvoiceCounter.objects.update(last_number=99)


def leave_a_gap_in_the_numbers(wallet: Wallet) -> None:
    last = Invoice.objects.filter(status="paid").latest("number_in_year")
    Invoice.objects.filter(pk=last.pk).update(number_in_year=7)


def overlook_an_expiry(wallet: Wallet) -> None:
    row = Transaction.objects.get(wallet=wallet, sequence=2)
    Transaction.objects.filter(pk=row.pk).update(expires_at=wallet.created_at)


DAMAGE: dict[Callable[[Wallet], None], set[tuple[str, str]]] = {
    edit_a_delta: {("I1", "wallet"), ("I13", "wallet")},
    edit_a_balance_after: {("I3", "wallet")},
    delete_a_row: {("I1", "wallet"), ("I13", "wallet")},
    delete_the_last_row: {("I1", "wallet"), ("I4", "payment"), ("I13", "wallet")},
    move_a_balance: {("I1", "wallet"), ("I13", "wallet")},
    move_a_version: {("I3", "wallet")},
    move_held_tokens: {("I2", "wallet")},
    hold_more_than_there_is: {("I2", "wallet")},
    credit_a_purchase_twice: {("I4", "payment")},
    forget_a_purchases_credit: {("I4", "payment")},
    delete_a_payment: {("I4", "credit"), ("I4", "invoice")},
    unpay_an_invoice: {("I4", "payment"), ("I7", "redemption"), ("I12", "year")},
    take_back_more_than_a_lot_gave: {("I5", "lot"), ("I13", "wallet")},
    take_back_from_anothers_lot: {("I5", "lot"), ("I13", "wallet")},
    forget_a_capture: {("I6", "hold")},
    capture_another_number: {("I6", "hold")},
    count_a_use_too_many: {("I7", "promo code")},
    overuse_a_code: {("I7", "promo code")},
    apply_a_use_of_an_unpaid_invoice: {("I7", "redemption")},
    give_a_use_to_another_wallet: {("I7", "redemption")},
    skip_an_invoice_number: {("I12", "year")},
    leave_a_gap_in_the_numbers: {("I12", "year")},
    overlook_an_expiry: {("I13", "wallet")},
}


class TestDamage:
    def test_of_each_kind_is_found_and_named(self) -> None:
        found_by_kind, alerts_by_kind = {}, {}
        with guards_off():
            wallet = a_busy_house()
            assert run().is_clean
            for damage in DAMAGE:
                with transaction.atomic():
                    damage(wallet)
                    report = run()
                    found_by_kind[damage] = found(report)
                    alerts_by_kind[damage] = AdminAlert.objects.count() - len(report.divergences)
                    transaction.set_rollback(True)
                wallet.refresh_from_db()
            assert run().is_clean
        assert found_by_kind == DAMAGE
        assert set(alerts_by_kind.values()) == {0}

    def test_names_the_first_row_that_is_wrong(self) -> None:
        with guards_off():
            wallet = a_busy_house()
            edit_a_balance_after(wallet)
            (divergence,) = run().divergences
            assert divergence.subject == f"wallet {wallet.pk}"
            assert divergence.facts["first_wrong"] == 3
            assert f"I3 wallet {wallet.pk}: " in str(divergence)

    def test_is_told_of_no_more_than_anybody_reads(self) -> None:
        with guards_off():
            for _number in range(SHOWN + 1):
                WalletFactory.create()
            Wallet.objects.update(held_tokens=1)
            assert len(run().divergences) == SHOWN


class TestTheCommand:
    def call(self, *args: str) -> tuple[str, str]:
        out, err = StringIO(), StringIO()
        with override("en"):
            call_command("reconcile", *args, stdout=out, stderr=err, no_color=True)
        return out.getvalue(), err.getvalue()

    def test_says_that_the_books_agree(self) -> None:
        charge(funded_wallet(tokens=10), 3)
        out, err = self.call("--strict")
        assert out.split() == ["1", "wallets,", "2", "ledger", "rows", "checked,", "0", "divergences."]
        assert err == ""

    def test_strict_fails_with_status_1_and_names_what_diverges(self) -> None:
        with guards_off():
            wallet = a_busy_house()
            move_held_tokens(wallet)
            err = StringIO()
            with pytest.raises(CommandError) as failure:
                call_command("reconcile", "--strict", stdout=StringIO(), stderr=err, no_color=True)
            assert failure.value.returncode == 1
            assert f"I2 wallet {wallet.pk}" in err.getvalue()

    def test_without_strict_it_tells_and_succeeds(self) -> None:
        with guards_off():
            move_held_tokens(a_busy_house())
            _out, err = self.call()
            assert err.startswith("I2 wallet")

    def test_incremental_reads_what_has_moved(self) -> None:
        funded_wallet(tokens=10)
        self.call("--incremental")
        out, _err = self.call("--incremental")
        assert out.startswith("0 wallets, 0 ledger rows")
