"""Renewals that are charged to what the customer agreed to, and providers that renew by themselves, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from audit.models import AdminAlert
from billing.models import Invoice, Payment, PaymentEvent, Subscription
from billing.operations import agreements, renewals, subscriptions
from billing.tests.factories import TESTER, InvoiceFactory, PlanFactory, WalletFactory
from billing.tests.telegram import STARS, Shop
from billing.tests.tills import YooKassaTill, yookassa
from conftest import TestClock
from core.jobs import drain
from scripts.fakes.bot_api import BotApi
from scripts.fakes.server import House

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till() -> Iterator[YooKassaTill]:
    with yookassa() as made:
        yield made


@pytest.fixture
def shop(fakes: House, telegram: BotApi, live_server: LiveServer) -> Shop:
    made = Shop(fakes, telegram, live_server.url)
    made.connect()
    return made


def subscribed(till: YooKassaTill) -> Subscription:
    till.paid(InvoiceFactory.create(wallet=WalletFactory.create(), tariff=PlanFactory.create()))
    return Subscription.objects.get()


def renewed(subscription: Subscription, clock: TestClock) -> Invoice:
    """The invoice of the next period, with every job that follows from it run."""
    clock.advance(days=29, hours=12)
    invoice = renewals.renew(subscription_id=subscription.pk, by=TESTER)
    assert invoice is not None
    drain.run_due()
    invoice.refresh_from_db()
    return invoice


class TestCharged:
    def test_the_first_payment_leaves_what_the_next_is_charged_to(self, till: YooKassaTill) -> None:
        subscription = subscribed(till)
        assert subscription.agreement_provider == "yookassa"
        assert subscription.agreement_id

    def test_a_renewal_is_paid_without_the_customer(self, till: YooKassaTill, clock: TestClock) -> None:
        subscription = subscribed(till)
        ends_at = subscription.ends_at
        invoice = renewed(subscription, clock)
        till.deliver()
        subscription.refresh_from_db()
        assert (invoice.status, Payment.objects.count()) == ("paid", 2)
        assert subscription.ends_at is not None
        assert ends_at is not None
        assert (subscription.ends_at - ends_at).days == 30

    def test_twice_it_is_charged_once(self, till: YooKassaTill, clock: TestClock) -> None:
        subscription = subscribed(till)
        invoice = renewed(subscription, clock)
        for _time in range(2):
            agreements.take(subscription_id=subscription.pk, invoice_id=invoice.pk, by=TESTER)
        assert Payment.objects.count() == 2

    def test_an_agreement_that_is_no_longer_good_is_forgotten(self, till: YooKassaTill, clock: TestClock) -> None:
        subscription = subscribed(till)
        subscriptions.keep_agreement(
            subscription_id=subscription.pk, provider="yookassa", agreement_id="of-nobody", by=TESTER
        )
        invoice = renewed(subscription, clock)
        subscription.refresh_from_db()
        assert (invoice.status, subscription.agreement_id) == ("pending", "")
        assert AdminAlert.objects.filter(fingerprint=f"billing.renewal_refused:{invoice.pk}").exists()

    def test_who_has_cancelled_is_not_charged(self, till: YooKassaTill, clock: TestClock) -> None:
        subscription = subscribed(till)
        invoice = InvoiceFactory.create(wallet=subscription.wallet)
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        agreements.take(subscription_id=subscription.pk, invoice_id=invoice.pk, by=TESTER)
        assert Payment.objects.count() == 1


class TestRenewedByTelegram:
    def bought(self, shop: Shop) -> tuple[Invoice, dict[str, Any]]:
        plan = PlanFactory.create(price_stars=STARS, subscription_days=30)
        invoice = InvoiceFactory.create(wallet=WalletFactory.create(), tariff=plan)
        return invoice, shop.buy(invoice)

    def test_a_renewal_has_an_invoice_and_a_period_of_its_own(self, shop: Shop) -> None:
        _invoice, done = self.bought(shop)
        shop.deed("renew", charge_id=done["charge_id"])
        assert list(Payment.objects.order_by("pk").values_list("outcome", flat=True)) == ["credited", "credited"]
        subscription = Subscription.objects.get()
        assert subscription.periods.count() == 2
        # Known by its first charge, and paid for as long as Telegram says.
        assert subscription.agreement_id == done["charge_id"]
        said = [event.details["paid_until"] for event in PaymentEvent.objects.order_by("occurred_at", "pk")]
        assert subscription.ends_at == datetime.fromisoformat(max(said))

    def test_telegram_is_told_of_a_cancellation_and_of_its_being_taken_back(self, shop: Shop) -> None:
        self.bought(shop)
        subscription = Subscription.objects.get()
        assert subscription.agreement_provider == "telegram_stars"
        told = []
        for deed in (subscriptions.cancel, subscriptions.resume):
            deed(subscription_id=subscription.pk, by=TESTER)
            drain.run_due()
            told.append(shop.house.calls("editUserStarSubscription")[-1].body["is_canceled"])
        assert told == [True, False]
