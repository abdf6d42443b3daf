"""Our books beside YooKassa's, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from billing.models import Payment, ProviderStatement, Refund, StatementLine
from billing.operations import payments, provider_statements
from billing.tests.deeds import shown
from billing.tests.factories import TESTER, InvoiceFactory, new_key
from billing.tests.tills import YooKassaTill, yookassa
from conftest import TestClock
from core.money import Money

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till() -> Iterator[YooKassaTill]:
    with yookassa() as made:
        yield made


def night(clock: TestClock) -> ProviderStatement:
    clock.advance(days=1)
    return provider_statements.reconcile(provider="yookassa", by=TESTER)


def counts(statement: ProviderStatement) -> dict[str, int]:
    names = ("matched", "missing_here", "missing_there", "amount_differs", "decided")
    return {name: value for name in names if (value := getattr(statement, name))}


def test_payments_and_parts_that_went_back_agree(till: YooKassaTill, clock: TestClock) -> None:
    payment = till.paid()
    till.paid()
    for _part in range(2):
        till.do("refund", payment=payment.provider_payment_id, amount="10.00")
    till.deliver()
    assert Refund.objects.count() == 2
    assert counts(night(clock)) == {"matched": 4}
    assert not StatementLine.objects.exists()


def test_what_no_notification_told_is_booked(till: YooKassaTill, clock: TestClock) -> None:
    checkout = till.begun()
    paid = checkout.provider_payment_id
    till.do("pay", payment=paid)
    till.do("refund", payment=paid, amount="49.00")
    assert counts(night(clock)) == {"missing_here": 2}
    for line in StatementLine.objects.order_by("direction"):
        provider_statements.book(line_id=line.pk, by=TESTER)
    payment = Payment.objects.get()
    assert (payment.provider_payment_id, payment.status) == (paid, "partially_refunded")
    assert Refund.objects.get().amount == 4_900
    assert counts(night(clock)) == {"matched": 2}
    # The notifications come after all, and change nothing.
    before = shown(checkout.invoice.wallet)
    till.deliver()
    assert shown(checkout.invoice.wallet) == before
    assert (Payment.objects.count(), Refund.objects.count()) == (1, 1)


def test_what_a_server_recorded_is_the_same_payment(till: YooKassaTill, clock: TestClock) -> None:
    checkout = till.begun()
    till.do("pay", payment=checkout.provider_payment_id)
    payments.record_success(
        invoice_id=checkout.invoice_id,
        provider="yookassa",
        provider_payment_id=checkout.provider_payment_id,
        amount=checkout.invoice.amount_money,
        key=new_key(),
        by=TESTER,
    )
    assert counts(night(clock)) == {"matched": 1}


def test_what_a_server_made_up_is_missing_there(till: YooKassaTill, clock: TestClock) -> None:
    invoice = InvoiceFactory.create()
    till.paid()
    night(clock)
    payments.record_success(
        invoice_id=invoice.pk,
        provider="yookassa",
        provider_payment_id="of-nobody",
        amount=invoice.amount_money,
        key=new_key(),
        by=TESTER,
    )
    assert counts(night(clock)) == {"matched": 1, "missing_there": 1}
    line = StatementLine.objects.get()
    assert (line.reference, line.our_money, line.their_money) == ("of-nobody", invoice.amount_money, None)
    assert line.payment == Payment.objects.get(provider_payment_id="of-nobody")


def test_another_amount_there(till: YooKassaTill, clock: TestClock) -> None:
    payment = till.paid()
    till.shop.payments[payment.provider_payment_id]["amount"]["value"] = "148.00"
    assert counts(night(clock)) == {"amount_differs": 1}
    line = StatementLine.objects.get()
    assert (line.our_money, line.their_money) == (payment.amount_money, Money(14_800, "RUB"))


def test_play_money_is_in_no_books(till: YooKassaTill, clock: TestClock) -> None:
    checkout = till.begun()
    till.do("pay", payment=checkout.provider_payment_id, changes={"test": True})
    with override_settings(PAYMENTS_ACCEPT_TEST=False):
        assert counts(night(clock)) == {}
    with override_settings(PAYMENTS_ACCEPT_TEST=True):
        assert counts(night(clock)) == {"missing_here": 1}
