"""Renewals that are charged to what the customer agreed to, and providers that renew by themselves, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from pytest_django.live_server_helper import LiveServer

from audit.models import AdminAlert
from billing.models import Invoice, Payment, PaymentEvent, Refund, Subscription
from billing.operations import agreements, refunds, renewals, subscriptions
from billing.tests.factories import TESTER, InvoiceFactory, PlanFactory, WalletFactory, new_key
from billing.tests.facts import tell, told_of
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


def month(shop: Shop) -> tuple[Subscription, str]:
    """A subscription that Telegram renews, and the charge that began it."""
    plan = PlanFactory.create(price_stars=STARS, subscription_days=30)
    done = shop.buy(InvoiceFactory.create(wallet=WalletFactory.create(), tariff=plan))
    return Subscription.objects.get(), done["charge_id"]


def paid_late(shop: Shop, clock: TestClock, charge_id: str) -> Subscription:
    """Another subscription, begun by a renewal of which the house heard when the one before was over."""
    before = Subscription.objects.get()
    for _step in range(2):
        clock.advance(days=45)
        renewals.sweep(by=TESTER)
    shop.deed("renew", charge_id=charge_id)
    return Subscription.objects.exclude(pk=before.pk).get()


def now(subscription: Subscription) -> tuple[str, bool]:
    """Its status, and whether it ends with its paid time."""
    subscription.refresh_from_db()
    return subscription.status, subscription.cancel_at_period_end


def told(shop: Shop) -> list[bool]:
    """What Telegram was told, in order: whether to stop."""
    return [call.body["is_canceled"] for call in shop.house.calls("editUserStarSubscription")]


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
    def test_a_renewal_has_an_invoice_and_a_period_of_its_own(self, shop: Shop) -> None:
        subscription, charge_id = month(shop)
        shop.deed("renew", charge_id=charge_id)
        assert list(Payment.objects.order_by("pk").values_list("outcome", flat=True)) == ["credited", "credited"]
        subscription.refresh_from_db()
        assert subscription.periods.count() == 2
        # Known by its first charge, and paid for as long as Telegram says.
        assert subscription.agreement_id == charge_id
        said = [event.details["paid_until"] for event in PaymentEvent.objects.order_by("occurred_at", "pk")]
        assert subscription.ends_at == datetime.fromisoformat(max(said))

    def test_telegram_is_told_of_a_cancellation_and_of_its_being_taken_back(self, shop: Shop) -> None:
        subscription, _charge_id = month(shop)
        assert subscription.agreement_provider == "telegram_stars"
        for deed in (subscriptions.cancel, subscriptions.resume):
            deed(subscription_id=subscription.pk, by=TESTER)
            drain.run_due()
        assert told(shop) == [True, False]


class TestEndedHere:
    def test_by_a_refund_telegram_is_told_to_stop(self, shop: Shop) -> None:
        subscription, charge_id = month(shop)
        refunds.issue(
            payment_id=Payment.objects.get().pk,
            policy=Refund.Policy.FULL,
            reason="They asked",
            key=new_key(),
            by=TESTER,
        )
        shop.settle()
        assert now(subscription)[0] == "expired"
        (call,) = shop.house.calls("editUserStarSubscription")
        assert (call.body["telegram_payment_charge_id"], call.body["is_canceled"]) == (charge_id, True)
        assert shop.deed("renew", charge_id=charge_id)["status"] == "declined"

    def test_by_a_lost_dispute_telegram_is_told_and_told_again_when_it_is_won(self, shop: Shop) -> None:
        subscription, charge_id = month(shop)
        story = told_of(Invoice.objects.get(), payment_id=charge_id, provider="telegram_stars")
        tell(story.opened(), story.lost())
        drain.run_due()
        assert (now(subscription)[0], told(shop)) == ("expired", [True])
        tell(story.won(hour=6))
        drain.run_due()
        assert Subscription.objects.exclude(pk=subscription.pk).get().status == "active"
        assert told(shop) == [True, False]

    def test_by_time_telegram_is_told_to_stop(self, shop: Shop, clock: TestClock) -> None:
        subscription, _charge_id = month(shop)
        clock.advance(days=31)
        renewals.sweep(by=TESTER)
        clock.advance(days=60)
        renewals.sweep(by=TESTER)
        drain.run_due()
        assert (now(subscription)[0], told(shop)) == ("expired", [True])

    def test_a_saved_method_is_charged_no_more(self, till: YooKassaTill, clock: TestClock) -> None:
        subscription, bought = subscribed(till), Invoice.objects.get()
        clock.advance(days=29, hours=12)
        invoice = renewals.renew(subscription_id=subscription.pk, by=TESTER)
        assert invoice is not None
        tell(told_of(bought, payment_id=Payment.objects.get().provider_payment_id).refunded())
        drain.run_due()
        invoice.refresh_from_db()
        assert (now(subscription)[0], invoice.status, Payment.objects.count()) == ("expired", "pending", 1)


class TestChargedAllTheSame:
    def test_a_charge_under_way_adds_its_period_and_leaves_the_cancellation(self, shop: Shop) -> None:
        subscription, charge_id = month(shop)
        ends_at = subscription.ends_at
        # Telegram has taken the money already, and hears of the cancellation after that.
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        shop.deed("renew", charge_id=charge_id)
        assert now(subscription) == ("cancelled", True)
        assert (subscription.periods.count(), subscription.renews_at) == (2, None)
        assert subscription.ends_at is not None
        assert ends_at is not None
        assert (subscription.ends_at - ends_at).days == 30
        assert list(Payment.objects.values_list("outcome", flat=True)) == ["credited", "credited"]

    def test_told_after_the_end_it_begins_another_one_that_is_cancelled_too(self, shop: Shop, clock: TestClock) -> None:
        subscription, charge_id = month(shop)
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        clock.advance(days=31)
        shop.deed("renew", charge_id=charge_id)
        after = Subscription.objects.exclude(pk=subscription.pk).get()
        assert (now(subscription)[0], now(after)) == ("expired", ("cancelled", True))
        assert after.agreement_id == charge_id

    def test_what_was_paid_late_goes_on_by_the_same_agreement(self, shop: Shop, clock: TestClock) -> None:
        subscription, charge_id = month(shop)
        after = paid_late(shop, clock, charge_id)
        assert (now(subscription)[0], now(after)) == ("expired", ("active", False))
        assert after.agreement_id == charge_id
        # Whatever it heard when the first one ended.
        assert told(shop)[-1] is False
