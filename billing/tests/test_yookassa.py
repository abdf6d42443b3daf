"""YooKassa over real HTTP, on good days and on bad ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
import requests
from django.test import override_settings

from audit.models import AdminAlert
from billing import errors
from billing.gateways import providers
from billing.gateways.provider import Order, ProviderRefused, ProviderUnavailable
from billing.models import Checkout, Invoice, Payment, PaymentEvent, Refund
from billing.operations import checkouts, refunds
from billing.rules.payment_events import Kind
from billing.tests import deeds
from billing.tests.factories import TESTER, InvoiceFactory, TariffFactory, new_key
from billing.tests.tills import YooKassaTill, yookassa
from conftest import TestClock
from core.ids import uuid7
from core.jobs import drain
from core.money import Money

# What an operation refuses rolls its own transaction back, not the test's.
pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def till() -> Iterator[YooKassaTill]:
    with yookassa() as made:
        yield made


def state(invoice: Invoice) -> str:
    invoice.refresh_from_db()
    return invoice.status


def tokens(invoice: Invoice) -> int:
    return deeds.shown(invoice.wallet)[0]


def give_back(payment: Payment, policy: Refund.Policy = Refund.Policy.FULL, **more: Any) -> Refund:
    made = refunds.issue(
        payment_id=payment.pk, policy=policy, reason="They asked", key=new_key(), by=TESTER, **more
    ).refund
    drain.run_due()
    made.refresh_from_db()
    return made


def alerts() -> list[str]:
    return sorted(
        fingerprint.partition(":")[0] for fingerprint in AdminAlert.objects.values_list("fingerprint", flat=True)
    )


def order(**changes: Any) -> Order:
    plain: dict[str, Any] = {
        "invoice_id": uuid7(),
        "amount": Money(14_900, "RUB"),
        "title": "Package",
        "description": "50 tokens",
        "key": new_key(),
    }
    return Order(**plain | changes)


class TestPaying:
    def test_credits_once_however_often_it_is_told(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        checkout = till.begun(invoice)
        assert checkout.url == f"{till.house.address}/yookassa/till/{checkout.provider_payment_id}"
        assert state(invoice) == "pending"

        till.do("pay", payment=checkout.provider_payment_id)
        assert till.deliver(repeat=3) == [200, 200, 200]

        assert (state(invoice), tokens(invoice)) == ("paid", 50)
        assert PaymentEvent.objects.filter(kind=Kind.SUCCEEDED).count() == 1
        assert PaymentEvent.objects.filter(kind=Kind.NOTICE).count() == 1
        payment = Payment.objects.get()
        assert (payment.provider, payment.amount, payment.outcome) == ("yookassa", 14_900, "credited")
        assert alerts() == []

    def test_asks_for_what_the_invoice_asks(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create(tariff=TariffFactory.create(subscription_days=30, description="A month"))
        checkout = checkouts.start(
            invoice_id=invoice.pk, provider="yookassa", return_url="https://shop.example/thanks", by=TESTER
        )
        (call,) = till.house.calls("POST /yookassa/v3/payments")
        assert call.body == {
            "amount": {"value": "149.00", "currency": "RUB"},
            "capture": True,
            "description": "A month",
            "metadata": {"invoice": str(invoice.pk)},
            "confirmation": {"type": "redirect", "return_url": "https://shop.example/thanks"},
            "save_payment_method": True,
        }
        assert call.headers["idempotence-key"] == str(checkout.key)

    def test_is_asked_for_once(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        assert till.begun(invoice).url == till.begun(invoice).url
        assert len(till.house.calls("POST /yookassa/v3/payments")) == 1

    def test_comes_by_asking_where_nothing_is_told(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        checkout = till.begun(invoice)
        till.do("pay", payment=checkout.provider_payment_id)
        assert checkouts.sweep(by=TESTER) == 1
        assert (state(invoice), tokens(invoice)) == ("paid", 50)
        till.deliver()
        assert tokens(invoice) == 50

    def test_that_is_declined_leaves_the_invoice_alone(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        checkout = till.begun(invoice)
        till.do("decline", payment=checkout.provider_payment_id)
        till.deliver()
        assert state(invoice) == "pending"
        assert Payment.objects.get().status == "cancelled"

    def test_is_done_by_a_person_at_the_till(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        checkout = checkouts.start(
            invoice_id=invoice.pk, provider="yookassa", return_url="https://shop.example/thanks", by=TESTER
        )
        page = requests.get(checkout.url, timeout=5)
        assert "149.00 ₽" in page.text
        left = requests.post(f"{checkout.url}/pay", timeout=5, allow_redirects=False)
        assert (left.status_code, left.headers["Location"]) == (303, "https://shop.example/thanks")
        till.deliver()
        assert state(invoice) == "paid"


class TestBadDays:
    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "drop"},
            {"kind": "html", "status": 502},
            {"kind": "html", "status": 200},
            {"kind": "html", "status": 404},
            {"kind": "truncate"},
            {"kind": "huge"},
            {"kind": "status", "status": 500},
            {"kind": "status", "status": 429},
            {"kind": "status", "status": 401},
        ],
        ids=str,
    )
    def test_an_order_that_nobody_answered_is_asked_for_with_the_same_key(
        self, till: YooKassaTill, fault: dict[str, Any]
    ) -> None:
        till.house.script("POST /yookassa/v3/payments", **fault)
        invoice = InvoiceFactory.create()
        with pytest.raises(errors.ProviderNotAvailable):
            till.begun(invoice)
        assert Checkout.objects.get().answered_at is None

        checkout = till.begun(invoice)

        first, second = till.house.calls("POST /yookassa/v3/payments")
        assert first.headers["idempotence-key"] == second.headers["idempotence-key"] == str(checkout.key)
        assert len(till.shop.payments) == 1
        till.do("pay", payment=checkout.provider_payment_id)
        till.deliver()
        assert (state(invoice), tokens(invoice)) == ("paid", 50)

    def test_an_order_that_is_refused_is_not_asked_for_again(self, till: YooKassaTill) -> None:
        till.house.script("POST /yookassa/v3/payments", kind="status", status=403, says="No payments here")
        with pytest.raises(errors.ProviderNotOffered) as refusal:
            till.begun()
        assert refusal.value.detail == "forbidden"
        assert not PaymentEvent.objects.exists()

    def test_a_payment_of_which_nobody_could_ask_is_asked_for_later(self, till: YooKassaTill, clock: TestClock) -> None:
        invoice = InvoiceFactory.create()
        till.do("pay", payment=till.begun(invoice).provider_payment_id)
        till.house.script("GET /yookassa/v3/payments", kind="status", status=500, times=2)
        till.deliver()
        assert state(invoice) == "pending"
        clock.advance(minutes=30)
        drain.run_due()
        clock.advance(minutes=30)
        drain.run_due()
        assert (state(invoice), tokens(invoice)) == ("paid", 50)

    @pytest.mark.parametrize("reverse", [False, True])
    def test_messages_may_come_in_any_order(self, till: YooKassaTill, reverse: bool) -> None:
        invoice = InvoiceFactory.create()
        checkout = till.begun(invoice)
        till.do("pay", payment=checkout.provider_payment_id, times=2)
        till.do("refund", payment=checkout.provider_payment_id)
        till.deliver(repeat=2, reverse=reverse)
        assert (state(invoice), tokens(invoice)) == ("refunded", 0)
        assert Refund.objects.count() == 1
        assert alerts() == []


class TestRefunds:
    def test_sends_back_what_the_desk_says(self, till: YooKassaTill) -> None:
        payment = till.paid()
        refund = give_back(payment)
        (made,) = till.shop.refunds.values()
        assert (refund.state, refund.provider_refund_id) == ("succeeded", made["id"])
        assert made["amount"] == {"value": "149.00", "currency": "RUB"}
        till.deliver(repeat=2)
        assert (state(payment.invoice), tokens(payment.invoice)) == ("refunded", 0)
        assert Refund.objects.count() == 1

    def test_sends_back_a_part(self, till: YooKassaTill) -> None:
        payment = till.paid()
        deeds.charge(payment.invoice.wallet, 30)
        give_back(payment, Refund.Policy.UNSPENT)
        (made,) = till.shop.refunds.values()
        assert Decimal(made["amount"]["value"]) == Decimal("59.60")
        assert (state(payment.invoice), tokens(payment.invoice)) == ("partially_refunded", 0)

    def test_a_refusal_gives_the_tokens_back_and_is_alerted(self, till: YooKassaTill) -> None:
        payment = till.paid()
        till.do("refuse_refunds", reason="insufficient_funds")
        refund = give_back(payment)
        assert (refund.state, refund.failure) == ("failed", "insufficient_funds")
        assert (state(payment.invoice), tokens(payment.invoice)) == ("paid", 50)
        assert alerts() == ["billing.refund_failed"]

    def test_an_error_is_a_refusal_with_its_code(self, till: YooKassaTill) -> None:
        payment = till.paid()
        till.house.script("POST /yookassa/v3/refunds", kind="status", status=400, says="Not refundable")
        refund = give_back(payment)
        assert (refund.state, refund.failure) == ("failed", "invalid_request: Not refundable")
        assert tokens(payment.invoice) == 50

    @pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "status", "status": 500}, {"kind": "html"}], ids=str)
    @pytest.mark.parametrize("hours", [1, 30])
    def test_of_which_nobody_knows_is_sent_again_and_done_once(
        self, till: YooKassaTill, clock: TestClock, fault: dict[str, Any], hours: int
    ) -> None:
        payment = till.paid()
        till.house.script("POST /yookassa/v3/refunds", **fault)
        refund = give_back(payment)
        assert refund.state == "pending"
        assert tokens(payment.invoice) == 0
        # Keys are forgotten after a day.
        if hours > 24:
            till.shop.forget_keys()
        clock.advance(hours=hours)
        drain.run_due()
        refund.refresh_from_db()
        assert refund.state == "succeeded"
        assert len(till.shop.refunds) == 1

    def test_that_takes_its_time_is_told_later(self, till: YooKassaTill) -> None:
        payment = till.paid()
        till.do("hold_refunds")
        refund = give_back(payment)
        assert refund.state == "pending"
        till.do("finish_refund", refund=next(iter(till.shop.refunds)))
        till.deliver()
        refund.refresh_from_db()
        assert refund.state == "succeeded"

    def test_that_is_refused_after_all_is_found_by_asking(self, till: YooKassaTill, clock: TestClock) -> None:
        payment = till.paid()
        till.do("hold_refunds")
        refund = give_back(payment)
        assert (refund.state, tokens(payment.invoice)) == ("pending", 0)
        till.do("cancel_refund", refund=next(iter(till.shop.refunds)), reason="insufficient_funds")
        assert refunds.sweep(by=TESTER) == 0, "it was sent a moment ago"
        clock.advance(minutes=11)
        assert refunds.sweep(by=TESTER) == 1
        refund.refresh_from_db()
        assert (refund.state, tokens(payment.invoice)) == ("failed", 50)
        assert len(till.shop.refunds) == 1

    def test_of_which_the_word_was_lost_is_found_by_asking(self, till: YooKassaTill, clock: TestClock) -> None:
        payment = till.paid()
        till.do("hold_refunds")
        refund = give_back(payment)
        till.do("finish_refund", refund=next(iter(till.shop.refunds)))
        clock.advance(minutes=11)
        till.house.script("GET /yookassa/v3/refunds", kind="status", status=500)
        assert refunds.sweep(by=TESTER) == 0
        clock.advance(minutes=11)
        assert refunds.sweep(by=TESTER) == 1
        refund.refresh_from_db()
        assert refund.state == "succeeded"

    def test_made_in_the_cabinet_takes_its_tokens_back(self, till: YooKassaTill) -> None:
        payment = till.paid()
        deeds.charge(payment.invoice.wallet, 30)
        till.do("refund", payment=payment.provider_payment_id)
        assert till.deliver(repeat=3) == [200, 200, 200]
        refund = Refund.objects.get()
        assert (refund.origin, refund.tokens_reversed, refund.shortfall_tokens) == ("provider", 20, 30)
        payment.invoice.wallet.refresh_from_db()
        assert payment.invoice.wallet.debt_tokens == 30

    def test_of_nothing_that_we_know_is_kept_and_alerted(self, till: YooKassaTill) -> None:
        payment = providers.get("yookassa").start(order())
        till.do("pay", payment=payment.payment_id)
        till.do("refund", payment=payment.payment_id)
        till.deliver()
        assert not Payment.objects.exists()
        assert alerts() == ["billing.payment_unknown"]


class TestAgreements:
    def saved(self, till: YooKassaTill) -> str:
        invoice = InvoiceFactory.create(tariff=TariffFactory.create(subscription_days=30))
        payment = till.paid(invoice)
        told = PaymentEvent.objects.get(provider_payment_id=payment.provider_payment_id, kind=Kind.SUCCEEDED)
        agreement = told.details["agreement"]
        assert isinstance(agreement, str)
        return agreement

    def test_are_told_with_what_was_paid(self, till: YooKassaTill) -> None:
        assert self.saved(till)
        till.paid()
        told = PaymentEvent.objects.filter(kind=Kind.SUCCEEDED).order_by("pk").last()
        assert told is not None
        assert told.details == {}

    def test_pay_renewals(self, till: YooKassaTill) -> None:
        agreement = self.saved(till)
        invoice = InvoiceFactory.create()
        checkouts.charge(invoice_id=invoice.pk, provider="yookassa", agreement=agreement, by=TESTER)
        assert (state(invoice), tokens(invoice)) == ("paid", 50)
        till.deliver()
        assert tokens(invoice) == 50

    def test_are_charged_once_where_nobody_answered(self, till: YooKassaTill) -> None:
        agreement = self.saved(till)
        invoice = InvoiceFactory.create()
        till.house.script("POST /yookassa/v3/payments", kind="drop")
        for_it: dict[str, Any] = {"invoice_id": invoice.pk, "provider": "yookassa", "agreement": agreement}
        with pytest.raises(ProviderUnavailable):
            checkouts.charge(**for_it, by=TESTER)
        checkouts.charge(**for_it, by=TESTER)
        assert len(till.shop.payments) == 2
        assert (state(invoice), tokens(invoice)) == ("paid", 50)

    def test_that_were_withdrawn_are_refused(self, till: YooKassaTill) -> None:
        agreement = self.saved(till)
        till.do("revoke_method", method=agreement)
        invoice = InvoiceFactory.create()
        with pytest.raises(errors.ProviderNotOffered) as refusal:
            checkouts.charge(invoice_id=invoice.pk, provider="yookassa", agreement=agreement, by=TESTER)
        assert refusal.value.detail == "permission_revoked"
        assert state(invoice) == "pending"


class TestItsBooks:
    def test_are_read_page_by_page(self, till: YooKassaTill) -> None:
        gateway = providers.get("yookassa")
        for _each in range(103):
            till.do("pay", payment=gateway.start(order()).payment_id)
        till.do("refund", payment=next(iter(till.shop.payments)), amount="1.50")
        gateway.start(order())

        movements = list(gateway.movements(LONG_AGO))

        assert len(movements) == 104
        assert {each.fact.kind for each in movements} == {Kind.SUCCEEDED, Kind.REFUNDED}
        assert movements[-1].fact.amount == Money(150, "RUB")
        assert len(till.house.calls("GET /yookassa/v3/payments")) == 2
        assert list(gateway.movements(datetime.now(UTC) + timedelta(hours=1))) == []

    def test_say_what_is_said_elsewhere(self, till: YooKassaTill) -> None:
        payment = till.paid()
        give_back(payment)
        told = {(each.provider_event_id, each.direction) for each in PaymentEvent.objects.all()}
        assert {each.identity for each in providers.get("yookassa").movements(LONG_AGO)} <= told


def test_nothing_is_asked_about_what_is_no_id(till: YooKassaTill) -> None:
    assert providers.get("yookassa").look_up("../payments?x=1") == ()
    assert till.house.calls() == []


def test_a_wrong_secret_is_no_answer(till: YooKassaTill) -> None:
    with override_settings(YOOKASSA_SECRET_KEY="another"), pytest.raises(ProviderUnavailable):
        providers.get("yookassa").start(order())


def test_an_order_that_is_wrong_is_refused(till: YooKassaTill) -> None:
    with pytest.raises(ProviderRefused) as refusal:
        providers.get("yookassa").start(order(return_url="ftp://nowhere"))
    assert refusal.value.code == "invalid_request"
