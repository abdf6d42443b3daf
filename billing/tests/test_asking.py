"""Asking after payments and refunds of which nobody has told, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from audit.models import AdminAlert
from billing.operations import checkouts, refunds
from billing.tests.factories import TESTER, InvoiceFactory
from billing.tests.payment_factories import RefundFactory
from billing.tests.tills import YooKassaTill, stripe, yookassa
from conftest import TestClock
from core.jobs import drain

pytestmark = pytest.mark.django_db(transaction=True)

PAYMENTS = "GET /yookassa/v3/payments"


@pytest.fixture
def till() -> Iterator[YooKassaTill]:
    with yookassa() as made:
        yield made


def test_what_was_asked_after_longest_ago_comes_first(till: YooKassaTill) -> None:
    for _abandoned in range(3):
        till.begun()
    newest = till.begun()
    till.do("pay", payment=newest.provider_payment_id)
    assert checkouts.sweep(limit=3, by=TESTER) == 3
    newest.invoice.refresh_from_db()
    assert newest.invoice.status == "pending"
    assert checkouts.sweep(limit=3, by=TESTER) == 3
    newest.invoice.refresh_from_db()
    assert newest.invoice.status == "paid"
    asked = [call.path.rpartition("/")[2] for call in till.house.calls(PAYMENTS)]
    assert len(set(asked)) == 4


def test_one_that_fails_is_alerted_and_the_others_go_on(till: YooKassaTill) -> None:
    poisoned, paid = till.begun(), till.begun()
    till.do("pay", payment=paid.provider_payment_id)
    till.house.script(f"{PAYMENTS}/{poisoned.provider_payment_id}", kind="status", status=403)
    assert checkouts.sweep(by=TESTER) == 1
    paid.invoice.refresh_from_db()
    assert paid.invoice.status == "paid"
    assert AdminAlert.objects.get(severity="critical").fingerprint == f"billing.checkout_stuck:{poisoned.pk}"


def test_a_silent_provider_is_left_alone_and_another_is_not(till: YooKassaTill) -> None:
    for _abandoned in range(5):
        till.begun()
    till.house.script(PAYMENTS, kind="status", status=500, times=100)
    with stripe() as other:
        invoice = InvoiceFactory.create()
        other.do("pay", session=other.begun(invoice).provider_payment_id)
        assert checkouts.sweep(by=TESTER) == 1
    invoice.refresh_from_db()
    assert invoice.status == "paid"
    assert len(till.house.calls(PAYMENTS)) == 3


def test_a_provider_that_answers_between_silences_is_asked_on(till: YooKassaTill) -> None:
    begun = [till.begun() for _abandoned in range(5)]
    for number in (0, 1, 3, 4):
        till.house.script(f"{PAYMENTS}/{begun[number].provider_payment_id}", kind="status", status=500)
    assert checkouts.sweep(by=TESTER) == 1
    assert len(till.house.calls(PAYMENTS)) == 5


def test_a_provider_that_is_silent_about_refunds_is_left_alone(till: YooKassaTill, clock: TestClock) -> None:
    till.do("hold_refunds")
    for _bought in range(4):
        RefundFactory.create(payment=till.paid())
    drain.run_due()
    clock.advance(minutes=11)
    asked = len(till.house.calls("GET /yookassa/v3/refunds"))
    till.house.script("GET /yookassa/v3/refunds", kind="status", status=500, times=100)
    assert refunds.sweep(by=TESTER) == 0
    assert len(till.house.calls("GET /yookassa/v3/refunds")) == asked + 3
