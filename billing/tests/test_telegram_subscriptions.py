"""Subscriptions that Telegram renews, and what becomes of them there and here, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from billing.models import Invoice, Subscription
from billing.operations import renewals, telegram_subscriptions
from billing.tests.factories import TESTER, InvoiceFactory, PlanFactory, WalletFactory
from billing.tests.telegram import STARS, Shop, paid, payer_of, post
from conftest import TestClock
from core.jobs.drain import run_due
from core.models import Job
from core.tests.racing import race
from messaging.rules.updates import read
from messaging.tests.factories import update
from scripts.fakes.bot_api import BotApi
from scripts.fakes.server import House

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(fakes: House, telegram: BotApi, live_server: LiveServer) -> Shop:
    made = Shop(fakes, telegram, live_server.url)
    made.connect()
    return made


def month() -> Invoice:
    """An invoice of the first thirty days."""
    plan = PlanFactory.create(price_stars=STARS, subscription_days=30)
    made: Invoice = InvoiceFactory.create(wallet=WalletFactory.create(), tariff=plan)
    return made


def subscribed(shop: Shop) -> tuple[Subscription, str]:
    """A subscription that Telegram renews, and the charge that began it."""
    charge_id = shop.buy(month())["charge_id"]
    return Subscription.objects.get(), charge_id


def now(subscription: Subscription) -> tuple[str, bool]:
    """Its status, and whether it ends with its paid time."""
    subscription.refresh_from_db()
    return subscription.status, subscription.cancel_at_period_end


def told(shop: Shop) -> list[bool]:
    """What Telegram was told, in order: whether to stop."""
    return [call.body["is_canceled"] for call in shop.house.calls("editUserStarSubscription")]


def updated(bought: Invoice, state: str, **changes: Any) -> dict[str, Any]:
    """The update by which Telegram tells of a subscription."""
    user = {"id": changes.pop("user", None) or payer_of(bought), "is_bot": False, "first_name": "Anna"}
    return update(subscription={"user": user, "invoice_payload": str(bought.pk), "state": state, **changes})


class TestByTheCustomerInTelegram:
    def test_cancelled_and_resumed_there_is_so_here_and_not_told_back(self, shop: Shop) -> None:
        subscription, charge_id = subscribed(shop)
        shop.deed("cancel", charge_id=charge_id, times=2)
        assert now(subscription) == ("cancelled", True)
        assert subscription.renews_at is None
        shop.deed("resume", charge_id=charge_id)
        assert now(subscription) == ("active", False)
        assert subscription.renews_at is not None
        assert told(shop) == []

    def test_who_has_cancelled_there_gets_no_invoice_and_ends_without_a_grace(
        self, shop: Shop, clock: TestClock
    ) -> None:
        subscription, charge_id = subscribed(shop)
        shop.deed("cancel", charge_id=charge_id)
        clock.advance(days=30, hours=1)
        renewals.sweep(by=TESTER)
        assert now(subscription) == ("expired", True)
        assert subscription.grace_ends_at is None
        assert Invoice.objects.count() == 1

    def test_a_failed_charge_changes_nothing(self, shop: Shop) -> None:
        subscription, charge_id = subscribed(shop)
        shop.deed("fail", charge_id=charge_id)
        assert now(subscription) == ("active", False)

    def test_nobody_else_cancels_it(self, shop: Shop) -> None:
        subscription, charge_id = subscribed(shop)
        shop.deed("cancel", charge_id=charge_id, user=4)
        assert now(subscription) == ("active", False)

    @pytest.mark.parametrize("states", [("canceled", "active"), ("active", "canceled")])
    def test_the_last_word_counts_in_whichever_order_they_are_heard(self, shop: Shop, states: tuple[str, str]) -> None:
        subscription, _charge_id = subscribed(shop)
        words = [updated(Invoice.objects.get(), state) for state in states]
        for body in reversed(words):
            post(body)
            run_due()
        expected = states[1] == "canceled"
        assert now(subscription)[1] is expected
        for body in words:
            again = read("main", body)
            assert again is not None
            telegram_subscriptions.hear(update=again, by=TESTER)
        assert now(subscription)[1] is expected

    def test_cancelled_ten_times_at_once_is_cancelled(self, shop: Shop) -> None:
        subscription, _charge_id = subscribed(shop)
        heard = [read("main", updated(Invoice.objects.get(), "canceled")) for _time in range(10)]
        race(*[lambda each=each: telegram_subscriptions.hear(update=each, by=TESTER) for each in heard])
        assert now(subscription) == ("cancelled", True)

    def test_a_cancellation_that_is_told_before_the_payment_waits_for_it(self, fakes: House, clock: TestClock) -> None:
        bought = month()
        post(updated(bought, "canceled"))
        run_due()
        assert Job.objects.get(name="messaging.handle_update").state == "queued"
        post(paid(bought, is_recurring=True, is_first_recurring=True))
        run_due()
        clock.advance(hours=1)
        run_due()
        assert now(Subscription.objects.get()) == ("cancelled", True)

    def test_words_about_what_nobody_here_sold_are_passed_over(self, fakes: House) -> None:
        post(update(subscription={"user": {"id": 5}, "invoice_payload": "of another bot", "state": "canceled"}))
        post(updated(InvoiceFactory.create(), "canceled"))
        run_due()
        assert set(Job.objects.values_list("state", flat=True)) == {"done"}
        assert not Subscription.objects.exists()

    def test_what_is_over_here_stays_over(self, shop: Shop) -> None:
        subscription, charge_id = subscribed(shop)
        shop.deed("refund", charge_id=charge_id)
        shop.deed("resume", charge_id=charge_id)
        assert now(subscription)[0] == "expired"
