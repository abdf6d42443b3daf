"""Recording that money has arrived: credited once, and never dropped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from audit.models import AdminAlert, AuditLog
from billing import errors, events
from billing.models import Invoice, Payment, Transaction, Wallet
from billing.operations import expirations, invoices, payments
from billing.operations.payments import Recorded
from billing.tests.deeds import assert_books_are_true, booked, ledger, pay
from billing.tests.factories import TESTER, InvoiceFactory, PromoCodeFactory, TariffFactory, WalletFactory, new_key
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core import clock as database_clock
from core.errors import IdempotencyKeyInvalid, ValidationFailed
from core.ids import uuid7
from core.money import MAX_MINOR_UNITS, Money

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet() -> Wallet:
    return WalletFactory.create()


@pytest.fixture
def invoice(wallet: Wallet) -> Invoice:
    """50 tokens for 149 ₽."""
    return InvoiceFactory.create(wallet=wallet)


def rub(amount: int) -> Money:
    return Money(amount, "RUB")


def only_alert() -> AdminAlert:
    return AdminAlert.objects.get()


class TestCredit:
    def test_gives_what_was_bought(self, wallet: Wallet, invoice: Invoice) -> None:
        recorded = pay(invoice, provider_payment_id="receipt-1", key="mine")
        invoice.refresh_from_db()
        payment = Payment.objects.get()
        assert (recorded.payment, recorded.invoice, recorded.replayed) == (payment, invoice, False)
        assert (payment.provider, payment.provider_payment_id) == ("manual", "receipt-1")
        assert (payment.amount, payment.currency, payment.status) == (14_900, "RUB", "succeeded")
        assert (payment.outcome, payment.idempotency_key) == ("credited", "mine")
        assert (invoice.status, invoice.number_in_year) == ("paid", 1)
        assert invoice.paid_at is not None
        row = Transaction.objects.get(wallet=wallet)
        assert (row.type, row.tokens_delta, row.invoice_id) == ("purchase", 50, invoice.pk)
        assert (row.description, row.metadata) == (invoice.tariff.name, {"payment": str(payment.pk)})
        assert row.actor["label"] == "tests"
        assert booked(wallet) == (50, 0, 1)
        assert not AdminAlert.objects.exists()

    def test_tokens_and_bonus_are_lots_that_live_as_long_as_was_sold(self, wallet: Wallet) -> None:
        tariff = TariffFactory.create(tokens=50, token_validity_days=30)
        code = PromoCodeFactory.create(discount_type="bonus_tokens", discount_value=7)
        invoice = InvoiceFactory.create(wallet=wallet, tariff=tariff, promo_code=code)
        pay(invoice)
        expires_at = database_clock.now() + timedelta(days=30)
        rows = Transaction.objects.filter(wallet=wallet).order_by("sequence")
        assert [(row.type, row.tokens_delta, row.expires_at) for row in rows] == [
            ("purchase", 50, expires_at),
            ("bonus", 7, expires_at),
        ]

    def test_their_life_begins_with_the_payment(self, wallet: Wallet, clock: TestClock) -> None:
        tariff = TariffFactory.create(token_validity_days=1)
        invoice = InvoiceFactory.create(wallet=wallet, tariff=tariff)
        clock.advance(days=5)
        pay(invoice)
        clock.advance(hours=23)
        assert expirations.book(wallet_id=wallet.pk, by=TESTER).expired_tokens == 0
        clock.advance(hours=1)
        assert expirations.book(wallet_id=wallet.pk, by=TESTER).expired_tokens == 50

    def test_each_payment_extends_the_subscription(self, wallet: Wallet, clock: TestClock) -> None:
        tariff = TariffFactory.create(tokens=0, subscription_days=30)
        began = database_clock.now()
        for _time in range(2):
            pay(InvoiceFactory.create(wallet=wallet, tariff=tariff))
        wallet.refresh_from_db()
        assert wallet.subscription_end == began + timedelta(days=60)
        clock.advance(days=100)
        pay(InvoiceFactory.create(wallet=wallet, tariff=tariff))
        wallet.refresh_from_db()
        assert wallet.subscription_end == began + timedelta(days=130)
        assert ledger(wallet) == []

    def test_repays_a_debt_first(self, wallet: Wallet, invoice: Invoice) -> None:
        Wallet.objects.filter(pk=wallet.pk).update(debt_tokens=20)
        pay(invoice)
        assert ledger(wallet) == [("purchase", 50, 50), ("adjustment", -20, 30)]
        assert_books_are_true(wallet)

    def test_in_stars_pays_an_invoice_in_roubles(self, wallet: Wallet) -> None:
        invoice = InvoiceFactory.create(wallet=wallet, tariff=TariffFactory.create(price_stars=100))
        assert pay(invoice, Money(100, "XTR")).payment.outcome == "credited"
        assert booked(wallet)[0] == 50

    def test_is_written_into_the_audit_log(self, invoice: Invoice) -> None:
        payment = pay(invoice).payment
        deed = AuditLog.objects.get(action="billing.payment.recorded")
        assert (deed.entity_id, deed.actor["label"]) == (str(payment.pk), "tests")
        assert deed.metadata["invoice"] == str(invoice.pk)

    @pytest.mark.django_db(transaction=True)
    def test_is_announced_after_commit_and_only_then(self, invoice: Invoice) -> None:
        heard: list[UUID] = []

        def listener(*, invoice_id: UUID, **_sent: Any) -> None:
            assert Invoice.objects.get(pk=invoice_id).status == "paid"
            heard.append(invoice_id)

        events.invoice_paid.connect(listener)
        try:
            with transaction.atomic():
                pay(invoice)
                assert heard == []
                transaction.set_rollback(True)
            assert heard == []
            pay(invoice)
            pay(invoice)
            assert heard == [invoice.pk]
        finally:
            events.invoice_paid.disconnect(listener)


class TestTheSamePayment:
    def test_is_credited_once_and_answered_alike(self, wallet: Wallet, invoice: Invoice) -> None:
        first = pay(invoice, provider_payment_id="receipt-1", key="mine")
        moved = snapshot()
        again = pay(invoice, provider_payment_id="receipt-1", key="mine")
        assert (again.replayed, again.payment) == (True, first.payment)
        assert again.invoice.status == "paid"
        assert snapshot() == moved

    def test_is_known_by_its_providers_id_whatever_the_key(self, invoice: Invoice) -> None:
        first = pay(invoice, provider_payment_id="receipt-1")
        moved = snapshot()
        assert pay(invoice, provider_payment_id="receipt-1").payment == first.payment
        assert snapshot() == moved

    def test_of_another_amount_is_another_request(self, unmoved: Unmoved, invoice: Invoice) -> None:
        pay(invoice, provider_payment_id="receipt-1")
        for amount in (rub(14_901), Money(14_900, "USD")):
            with unmoved(errors.IdempotencyMismatch):
                pay(invoice, amount, provider_payment_id="receipt-1")

    def test_a_key_that_stands_for_another_payment_is_refused(self, unmoved: Unmoved, invoice: Invoice) -> None:
        pay(invoice, provider_payment_id="receipt-1", key="mine")
        with unmoved(errors.IdempotencyMismatch):
            pay(invoice, provider_payment_id="receipt-2", key="mine")

    def test_keys_are_an_invoices_own(self, invoice: Invoice) -> None:
        other = InvoiceFactory.create()
        pay(invoice, provider_payment_id="receipt-1", key="mine")
        assert not pay(other, provider_payment_id="receipt-2", key="mine").replayed

    def test_of_another_invoice_is_refused(self, unmoved: Unmoved, invoice: Invoice) -> None:
        other = InvoiceFactory.create()
        pay(invoice, provider_payment_id="receipt-1")
        with unmoved(errors.PaymentOfAnotherInvoice) as refusal:
            pay(other, provider_payment_id="receipt-1")
        assert (refusal.value.code, refusal.value.status) == ("billing.payment_of_another_invoice", 409)


class TestSurplus:
    def test_a_second_payment_is_kept_credited_nowhere_and_alerted(self, wallet: Wallet, invoice: Invoice) -> None:
        pay(invoice, provider_payment_id="receipt-1")
        recorded = pay(invoice, provider_payment_id="receipt-2")
        assert (recorded.payment.outcome, recorded.payment.status) == ("surplus", "succeeded")
        assert Payment.objects.filter(invoice=invoice).count() == 2
        assert booked(wallet) == (50, 0, 1)
        alert = only_alert()
        assert alert.fingerprint == f"billing.payment_surplus:{recorded.payment.pk}"
        assert alert.severity == "critical"
        assert alert.context == {"payment": str(recorded.payment.pk), "invoice": str(invoice.pk)}
        assert AuditLog.objects.get(action="billing.payment.surplus").entity_id == str(recorded.payment.pk)
        assert recorded.raise_for_mismatch() is recorded

    def test_a_surplus_told_twice_is_kept_once(self, invoice: Invoice) -> None:
        pay(invoice, provider_payment_id="receipt-1")
        first = pay(invoice, provider_payment_id="receipt-2")
        moved = snapshot()
        assert pay(invoice, provider_payment_id="receipt-2").payment == first.payment
        assert snapshot() == moved

    def test_a_surplus_of_any_amount_is_kept(self, invoice: Invoice) -> None:
        pay(invoice)
        assert pay(invoice, Money(1, "USD"), provider_payment_id="another").payment.outcome == "surplus"

    def test_money_for_a_cancelled_invoice_is_kept_and_alerted(self, wallet: Wallet, invoice: Invoice) -> None:
        invoices.cancel(invoice_id=invoice.pk, by=TESTER)
        recorded = pay(invoice)
        assert (recorded.payment.outcome, recorded.invoice.status) == ("surplus", "cancelled")
        assert booked(wallet) == (0, 0, 0)
        assert only_alert().context["payment"] == str(recorded.payment.pk)


class TestMismatch:
    @pytest.mark.parametrize(
        "amount", [Money(14_899, "RUB"), Money(14_901, "RUB"), Money(14_900, "USD"), Money(100, "XTR")], ids=str
    )
    def test_another_amount_is_kept_credited_nowhere_and_alerted(
        self, wallet: Wallet, invoice: Invoice, amount: Money
    ) -> None:
        recorded = pay(invoice, amount)
        with pytest.raises(errors.PaymentMismatch) as refusal:
            recorded.raise_for_mismatch()
        assert (refusal.value.code, refusal.value.status) == ("billing.payment_mismatch", 409)
        assert refusal.value.data == {
            "payment": str(recorded.payment.pk),
            "expected": {"amount": 14_900, "currency": "RUB"},
            "received": {"amount": amount.amount, "currency": amount.currency},
        }
        kept = Payment.objects.get()
        assert (kept.outcome, kept.amount_money) == ("mismatch", amount)
        invoice.refresh_from_db()
        assert (invoice.status, booked(wallet)) == ("pending", (0, 0, 0))
        alert = only_alert()
        assert (alert.fingerprint, alert.severity) == (f"billing.payment_mismatch:{kept.pk}", "critical")
        assert AuditLog.objects.filter(action="billing.payment.mismatch").count() == 1

    def test_told_twice_it_is_kept_once_and_refused_alike(self, invoice: Invoice) -> None:
        first = pay(invoice, rub(1))
        moved = snapshot()
        again = pay(invoice, rub(1))
        assert (again.replayed, again.payment) == (True, first.payment)
        assert snapshot() == moved
        with pytest.raises(errors.PaymentMismatch):
            again.raise_for_mismatch()

    def test_the_right_payment_still_counts_afterwards(self, wallet: Wallet, invoice: Invoice) -> None:
        pay(invoice, rub(1), provider_payment_id="receipt-1")
        assert pay(invoice, provider_payment_id="receipt-2").payment.outcome == "credited"
        assert booked(wallet)[0] == 50

    def test_a_doors_refusal_leaves_the_payment_where_it_is(self, invoice: Invoice) -> None:
        recorded = pay(invoice, rub(1))
        with pytest.raises(errors.PaymentMismatch):
            recorded.raise_for_mismatch()
        assert Payment.objects.get() == recorded.payment


class TestLatePayments:
    @pytest.mark.parametrize("swept", [True, False])
    def test_of_an_expired_invoice_are_honoured(
        self, wallet: Wallet, invoice: Invoice, clock: TestClock, swept: bool
    ) -> None:
        clock.advance(days=3)
        if swept:
            invoices.sweep(by=TESTER)
        recorded = pay(invoice)
        assert (recorded.payment.outcome, recorded.invoice.status) == ("credited", "paid")
        assert booked(wallet) == (50, 0, 1)
        assert not AdminAlert.objects.exists()

    def test_of_a_wrong_amount_are_kept_and_alerted(self, wallet: Wallet, invoice: Invoice, clock: TestClock) -> None:
        clock.advance(days=3)
        invoices.sweep(by=TESTER)
        assert pay(invoice, rub(1)).payment.outcome == "mismatch"
        assert booked(wallet) == (0, 0, 0)


class TestRefusals:
    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"provider": "nobody"}, "provider"),
            ({"provider": ""}, "provider"),
            ({"provider": "promo"}, "provider"),
            ({"provider_payment_id": ""}, "provider_payment_id"),
            ({"provider_payment_id": "x" * 256}, "provider_payment_id"),
            ({"amount": Money(0, "RUB")}, "amount"),
            ({"amount": Money(-1, "RUB")}, "amount"),
            ({"amount": Money(MAX_MINOR_UNITS + 1, "RUB")}, "amount"),
        ],
    )
    def test_name_the_field_and_move_nothing(
        self, unmoved: Unmoved, invoice: Invoice, wrong: dict[str, Any], field: str
    ) -> None:
        with unmoved(ValidationFailed) as refusal:
            record(invoice, **wrong)
        assert list(refusal.value.fields) == [field]

    @pytest.mark.parametrize("key", ["", "ключ", "x" * 256, "billing:invoice:1:free"])
    def test_of_keys_that_are_none(self, unmoved: Unmoved, invoice: Invoice, key: str) -> None:
        with unmoved(IdempotencyKeyInvalid):
            record(invoice, key=key)

    def test_of_an_invoice_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.InvoiceNotFound):
            payments.record_success(
                invoice_id=uuid7(),
                provider="manual",
                provider_payment_id="receipt",
                amount=rub(1),
                key=new_key(),
                by=TESTER,
            )

    def test_nobody_settles_an_invoice_for_nothing_that_asks_for_money(
        self, unmoved: Unmoved, invoice: Invoice
    ) -> None:
        with unmoved(ValidationFailed) as refusal:
            payments.settle_free(invoice_id=invoice.pk, by=TESTER)
        assert list(refusal.value.fields) == ["invoice_id"]

    def test_a_free_invoice_is_settled_once(self) -> None:
        free = InvoiceFactory.create(promo_code=PromoCodeFactory.create(discount_value=100))
        moved = snapshot()
        assert payments.settle_free(invoice_id=free.pk, by=TESTER).replayed
        assert snapshot() == moved


def record(invoice: Invoice, **changed: Any) -> Recorded:
    asked: dict[str, Any] = {
        "provider": "manual",
        "provider_payment_id": "receipt-1",
        "amount": invoice.amount_money,
        "key": "mine",
        **changed,
    }
    return payments.record_success(invoice_id=invoice.pk, by=TESTER, **asked)
