"""Payments that arrive at one moment over many connections: one is credited, and none is dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from audit.models import AdminAlert
from billing.models import Invoice, InvoiceCounter, Payment, Transaction, Wallet
from billing.operations.payments import Recorded
from billing.tests.deeds import booked, pay
from billing.tests.factories import InvoiceFactory, TariffFactory, WalletFactory
from billing.tests.races import lined_up, outcomes, without
from core import clock as database_clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wallet() -> Wallet:
    return WalletFactory.create()


@pytest.fixture
def invoice(wallet: Wallet) -> Invoice:
    """50 tokens for 149 ₽."""
    return InvoiceFactory.create(wallet=wallet)


def test_one_payment_told_by_many_is_credited_once(wallet: Wallet, invoice: Invoice) -> None:
    ran = lined_up(wallet, *[lambda: pay(invoice, provider_payment_id="receipt-1", key="mine")] * 6)
    assert (len(ran.results), ran.refusals) == (6, [])
    assert len({recorded.payment.pk for recorded in ran.results}) == 1
    assert [recorded.replayed for recorded in ran.results].count(False) == 1
    assert booked(wallet) == (50, 0, 1)


def test_of_different_payments_one_is_credited_and_the_others_are_kept(wallet: Wallet, invoice: Invoice) -> None:
    def pays(number: int) -> Callable[[], Recorded]:
        return lambda: pay(invoice, provider_payment_id=f"receipt-{number}")

    ran = lined_up(wallet, *[pays(number) for number in range(6)])
    assert sorted(recorded.payment.outcome for recorded in ran.results) == ["credited", *["surplus"] * 5]
    assert booked(wallet) == (50, 0, 1)
    assert AdminAlert.objects.count() == 5


def test_one_payment_told_for_two_invoices_belongs_to_one() -> None:
    bills = [InvoiceFactory.create() for _number in range(2)]

    def pays(invoice: Invoice) -> Callable[[], Recorded]:
        return lambda: pay(invoice, provider_payment_id="receipt-1")

    ran = outcomes(*[pays(invoice) for invoice in bills])
    assert (len(ran.results), ran.codes) == (1, {"billing.payment_of_another_invoice": 1})
    assert Transaction.objects.filter(type="purchase").count() == 1


def test_numbers_have_no_gaps_when_some_payments_go_back() -> None:
    bills = [InvoiceFactory.create() for _number in range(8)]

    def pays(invoice: Invoice, *, goes_back: bool) -> Callable[[], None]:
        def run() -> None:
            with transaction.atomic():
                pay(invoice)
                transaction.set_rollback(goes_back)

        return run

    outcomes(*[pays(invoice, goes_back=number % 2 == 1) for number, invoice in enumerate(bills)])
    numbers = Invoice.objects.filter(status="paid").values_list("number_in_year", flat=True)
    assert sorted(number or 0 for number in numbers) == [1, 2, 3, 4]
    assert InvoiceCounter.objects.get().last_number == 4


def test_both_of_two_payments_extend_the_subscription(wallet: Wallet) -> None:
    tariff = TariffFactory.create(tokens=0, subscription_days=30)
    bills = [InvoiceFactory.create(wallet=wallet, tariff=tariff) for _number in range(2)]

    def pays(invoice: Invoice) -> Callable[[], Recorded]:
        return lambda: pay(invoice)

    lined_up(wallet, *[pays(invoice) for invoice in bills])
    wallet.refresh_from_db()
    assert wallet.subscription_end is not None
    assert wallet.subscription_end - database_clock.now() > timedelta(days=59)


def test_the_database_refuses_a_second_credit_of_one_invoice(invoice: Invoice) -> None:
    insert_payment(invoice, "receipt-1")
    with pytest.raises(IntegrityError, match="billing_payment_credits_an_invoice_once"):
        insert_payment(invoice, "receipt-2")


def test_a_writer_who_read_first_credits_twice_without_that_wall() -> None:
    with without("billing_payment", "billing_payment_credits_an_invoice_once"):
        invoice = InvoiceFactory.create()
        outcomes(lambda: insert_payment(invoice, "receipt-1"), lambda: insert_payment(invoice, "receipt-2"))
        assert Payment.objects.filter(invoice=invoice, outcome="credited").count() == 2


def insert_payment(invoice: Invoice, receipt: str) -> Payment:
    """What a writer does who asked earlier whether the invoice was paid, as nobody in the house may."""
    return Payment.objects.create(
        provider="manual",
        provider_payment_id=receipt,
        invoice=invoice,
        amount=invoice.amount,
        currency=invoice.currency,
        status="succeeded",
        outcome="credited",
        idempotency_key=receipt,
    )
