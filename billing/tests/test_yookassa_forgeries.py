"""What YooKassa never said, or said of other money: nothing is credited for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from audit.models import AdminAlert
from billing.models import Invoice, Payment, PaymentEvent, Transaction
from billing.tests import deeds
from billing.tests.factories import InvoiceFactory
from billing.tests.tills import YooKassaTill, notify, yookassa
from core.jobs import drain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till() -> Iterator[YooKassaTill]:
    with yookassa() as made:
        yield made


def state(invoice: Invoice) -> str:
    invoice.refresh_from_db()
    return invoice.status


def tokens(invoice: Invoice) -> int:
    return deeds.shown(invoice.wallet)[0]


def alerts() -> list[str]:
    return sorted(
        fingerprint.partition(":")[0] for fingerprint in AdminAlert.objects.values_list("fingerprint", flat=True)
    )


class TestForgeries:
    def test_of_a_payment_that_was_never_paid(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        checkout = till.begun(invoice)
        forged = {**till.shop.payments[checkout.provider_payment_id], "status": "succeeded", "paid": True}
        till.do("forge", body={"type": "notification", "event": "payment.succeeded", "object": forged})
        assert till.deliver(repeat=2) == [200, 200]
        assert (state(invoice), tokens(invoice)) == ("pending", 0)
        # The true message is another one, and is looked into.
        till.do("pay", payment=checkout.provider_payment_id)
        till.deliver()
        assert (state(invoice), tokens(invoice)) == ("paid", 50)

    def test_of_a_payment_that_is_none(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        for event in ("payment.succeeded", "refund.succeeded"):
            made_up = {"id": "2b8e4a3c-000f-5000-9000-1f0c5a6b7d8e", "metadata": {"invoice": str(invoice.pk)}}
            till.do("forge", body={"type": "notification", "event": event, "object": made_up})
        assert till.deliver() == [200, 200]
        assert state(invoice) == "pending"
        assert not Payment.objects.exists()
        alert = AdminAlert.objects.get()
        assert (alert.fingerprint, alert.count) == ("billing.notice_of_nothing:yookassa", 2)
        assert "2b8e4a3c-000f-5000-9000-1f0c5a6b7d8e" in alert.body

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"amount": {"value": "1.00", "currency": "RUB"}}, "billing.payment_mismatch"),
            ({"amount": {"value": "149.00", "currency": "USD"}}, "billing.payment_mismatch"),
            ({"test": True}, "billing.payment_is_test"),
        ],
        ids=["another amount", "another currency", "a test"],
    )
    def test_what_was_paid_otherwise_credits_nothing_and_is_alerted(
        self, till: YooKassaTill, changes: dict[str, Any], says: str
    ) -> None:
        invoice = InvoiceFactory.create()
        checkout = till.begun(invoice)
        till.do("pay", payment=checkout.provider_payment_id, changes=changes)
        till.deliver(repeat=2)
        assert (state(invoice), tokens(invoice)) == ("pending", 0)
        assert says in alerts()
        assert not Transaction.objects.exists()

    @pytest.mark.parametrize(
        "amount",
        [{"value": "149.005", "currency": "RUB"}, {"value": "149.00", "currency": "DOGE"}, {"value": 149}, None],
    )
    def test_an_amount_that_is_none_credits_nothing(self, till: YooKassaTill, amount: object) -> None:
        invoice = InvoiceFactory.create()
        checkout = till.begun(invoice)
        till.do("pay", payment=checkout.provider_payment_id, changes={"amount": amount})
        till.deliver()
        assert (state(invoice), tokens(invoice)) == ("pending", 0)

    def test_a_test_payment_counts_where_the_settings_say_so(self, till: YooKassaTill) -> None:
        with override_settings(PAYMENTS_ACCEPT_TEST=True):
            assert till.paid(test=True).outcome == "credited"

    def test_a_payment_without_the_word_test_is_one(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        till.do("pay", payment=till.begun(invoice).provider_payment_id, changes={"test": None})
        till.deliver()
        assert state(invoice) == "pending"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"event": "payment.succeeded"},
            {"event": "payment.succeeded", "object": {"id": "../refunds"}},
            {"event": "payment.succeeded", "object": {"id": 7}},
            {"event": ["payment"], "object": {"id": "x"}},
        ],
        ids=str,
    )
    def test_what_names_nothing_is_not_kept(self, till: YooKassaTill, body: dict[str, Any]) -> None:
        assert notify(body) == 200
        assert not PaymentEvent.objects.exists()

    def test_an_event_that_nobody_knows_does_nothing(self, till: YooKassaTill) -> None:
        assert notify({"event": "payout.succeeded", "object": {"id": "po-1"}}) == 200
        assert drain.run_due() == [("billing.apply_payment_event", "done")]
        assert till.house.calls() == []
