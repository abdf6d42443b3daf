"""Paying an invoice after an attempt that came to nothing, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from billing import errors
from billing.gateways.provider import ProviderPaused, ProviderUnavailable
from billing.models import Checkout, Invoice, PaymentEvent, Subscription
from billing.operations import checkouts, renewals
from billing.rules.payment_events import Kind
from billing.tests.factories import TESTER, InvoiceFactory, PlanFactory, WalletFactory
from billing.tests.payment_factories import CheckoutFactory
from billing.tests.races import lined_up, without
from billing.tests.tills import StripeTill, YooKassaTill, stripe, yookassa
from conftest import TestClock
from core.jobs import drain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till() -> Iterator[YooKassaTill]:
    with yookassa() as made:
        yield made


@pytest.fixture
def stripe_till() -> Iterator[StripeTill]:
    with stripe() as made:
        yield made


def status(invoice: Invoice) -> str:
    invoice.refresh_from_db()
    return invoice.status


def subscribed(till: YooKassaTill | StripeTill) -> Subscription:
    till.paid(InvoiceFactory.create(wallet=WalletFactory.create(), tariff=PlanFactory.create()))
    return Subscription.objects.get()


def renewed(subscription: Subscription, clock: TestClock) -> Invoice:
    """The invoice of the next period, with every job that follows from it run."""
    clock.advance(days=29, hours=12)
    invoice = renewals.renew(subscription_id=subscription.pk, by=TESTER)
    assert invoice is not None
    drain.run_due()
    return invoice


class TestARenewalThatWasDeclined:
    def test_is_paid_by_the_customer_with_yookassa(self, till: YooKassaTill, clock: TestClock) -> None:
        subscription = subscribed(till)
        till.do("revoke_method", method=subscription.agreement_id)
        invoice = renewed(subscription, clock)
        assert status(invoice) == "pending"

        checkout = till.begun(invoice)
        assert checkout.url
        till.do("pay", payment=checkout.provider_payment_id)
        till.deliver()

        assert status(invoice) == "paid"
        charged, paid = Checkout.objects.filter(invoice=invoice).order_by("pk")
        assert (charged.by_agreement, paid.by_agreement) == (True, False)
        assert charged.key != paid.key

    def test_is_paid_by_the_customer_with_stripe(self, stripe_till: StripeTill, clock: TestClock) -> None:
        subscription = subscribed(stripe_till)
        stripe_till.do("decline_card", method=subscription.agreement_id.partition(":")[2])
        invoice = renewed(subscription, clock)
        assert status(invoice) == "pending"

        checkout = stripe_till.begun(invoice)
        stripe_till.do("pay", session=checkout.provider_payment_id)
        stripe_till.deliver()

        assert status(invoice) == "paid"


class TestARenewalThatNobodyAnswered:
    def unanswered(self, till: YooKassaTill) -> dict[str, Any]:
        """What to charge again."""
        agreement = subscribed(till).agreement_id
        invoice = InvoiceFactory.create()
        till.house.script("POST /yookassa/v3/payments", kind="drop")
        for_it: dict[str, Any] = {"invoice_id": invoice.pk, "provider": "yookassa", "agreement": agreement}
        with pytest.raises(ProviderUnavailable):
            checkouts.charge(**for_it, by=TESTER)
        return for_it

    def test_is_not_paid_at_a_till_meanwhile(self, till: YooKassaTill) -> None:
        for_it = self.unanswered(till)
        invoice = Invoice.objects.get(pk=for_it["invoice_id"])
        with pytest.raises(errors.ProviderNotAvailable):
            till.begun(invoice)
        checkouts.charge(**for_it, by=TESTER)
        assert status(invoice) == "paid"
        assert Checkout.objects.filter(invoice=invoice).count() == 1

    def test_stands_in_the_customers_way_for_a_day_at_most(self, till: YooKassaTill, clock: TestClock) -> None:
        subscription = subscribed(till)
        till.house.script("POST /yookassa/v3/payments", kind="drop")
        invoice = renewed(subscription, clock)
        with pytest.raises(errors.ProviderNotAvailable):
            till.begun(invoice)
        clock.advance(days=1, seconds=1)
        assert till.begun(invoice).url


class TestACustomerAtTheTill:
    def test_is_not_charged_by_agreement_as_well(self, till: YooKassaTill) -> None:
        agreement = subscribed(till).agreement_id
        invoice = InvoiceFactory.create()
        checkout = till.begun(invoice)
        asked = len(till.house.calls("POST"))
        with pytest.raises(ProviderPaused):
            checkouts.charge(invoice_id=invoice.pk, provider="yookassa", agreement=agreement, by=TESTER)
        assert len(till.house.calls("POST")) == asked

        till.do("decline", payment=checkout.provider_payment_id)
        till.deliver()
        checkouts.charge(invoice_id=invoice.pk, provider="yookassa", agreement=agreement, by=TESTER)
        assert status(invoice) == "paid"

    def test_who_was_shown_no_page_is_charged_after_a_while(self, till: YooKassaTill, clock: TestClock) -> None:
        agreement = subscribed(till).agreement_id
        invoice = InvoiceFactory.create()
        till.house.script("POST /yookassa/v3/payments", kind="status", status=500)
        with pytest.raises(errors.ProviderNotAvailable):
            till.begun(invoice)
        for_it: dict[str, Any] = {"invoice_id": invoice.pk, "provider": "yookassa", "agreement": agreement}
        with pytest.raises(ProviderPaused):
            checkouts.charge(**for_it, by=TESTER)
        clock.advance(minutes=11)
        checkouts.charge(**for_it, by=TESTER)
        assert status(invoice) == "paid"


class TestAPageThatIsOver:
    def test_at_yookassa_makes_room_for_another(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        first = till.begun(invoice)
        till.do("decline", payment=first.provider_payment_id)
        till.deliver()
        second = till.begun(invoice)
        assert second.url != first.url
        assert till.begun(invoice) == second
        till.do("pay", payment=second.provider_payment_id)
        till.deliver()
        assert status(invoice) == "paid"

    @pytest.mark.parametrize("is_told", [True, False])
    def test_at_stripe_makes_room_for_another(self, stripe_till: StripeTill, is_told: bool) -> None:
        invoice = InvoiceFactory.create()
        first = stripe_till.begun(invoice)
        stripe_till.do("decline", session=first.provider_payment_id)
        if is_told:
            stripe_till.deliver()
        else:
            checkouts.sweep(by=TESTER)
        told = PaymentEvent.objects.get(kind=Kind.CANCELLED)
        assert (told.provider_payment_id, told.money) == (first.provider_payment_id, None)
        second = stripe_till.begun(invoice)
        assert second.url != first.url
        stripe_till.do("pay", session=second.provider_payment_id)
        stripe_till.deliver()
        assert status(invoice) == "paid"

    def test_is_credited_if_its_money_comes_after_all(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        first = till.begun(invoice)
        till.do("decline", payment=first.provider_payment_id)
        till.deliver()
        till.begun(invoice)
        till.do("pay", payment=first.provider_payment_id)
        till.deliver()
        assert status(invoice) == "paid"

    def test_before_its_answer_came_is_no_answer(self, till: YooKassaTill) -> None:
        invoice = InvoiceFactory.create()
        till.house.script("POST /yookassa/v3/payments", kind="drop")
        with pytest.raises(errors.ProviderNotAvailable):
            till.begun(invoice)
        (payment_id,) = till.shop.payments
        till.do("decline", payment=payment_id)
        till.deliver()
        with pytest.raises(errors.ProviderNotAvailable):
            till.begun(invoice)
        assert till.begun(invoice).provider_payment_id != payment_id


def test_an_order_that_was_refused_is_asked_for_anew(till: YooKassaTill) -> None:
    till.house.script("POST /yookassa/v3/payments", kind="status", status=403)
    invoice = InvoiceFactory.create()
    with pytest.raises(errors.ProviderNotOffered):
        till.begun(invoice)
    assert till.begun(invoice).url
    first, second = till.house.calls("POST /yookassa/v3/payments")
    assert first.headers["idempotence-key"] != second.headers["idempotence-key"]


def test_of_many_who_begin_at_once_all_are_sent_to_one_page(till: YooKassaTill) -> None:
    invoice = InvoiceFactory.create()
    ran = lined_up(invoice.wallet, *[lambda: till.begun(invoice).url] * 6)
    assert (len(ran.results), len(set(ran.results)), ran.refusals) == (6, 1, [])
    assert (Checkout.objects.count(), len(till.shop.payments)) == (1, 1)


def test_a_writer_who_read_first_begins_twice_without_the_wall() -> None:
    with without("billing_checkout", "billing_checkout_is_open_once_per_invoice_and_provider"):
        first = CheckoutFactory.create()
        CheckoutFactory.create(invoice=first.invoice)
        assert Checkout.objects.filter(invoice=first.invoice, closed_at=None).count() == 2
