"""What a refund sends back for time: of the period that the payment bought, wherever it lies by now."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

from billing import errors
from billing.models import Payment, Refund, Subscription, Wallet
from billing.operations import periods
from billing.queries.reconciliation import list_divergences
from billing.queries.refunds import Calculation, lay_out, preview
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    PlanFactory,
    SubscriptionFactory,
    TrialFactory,
    WalletFactory,
)
from billing.tests.payment_factories import RefundFactory
from conftest import TestClock
from core import clock as database_clock
from core.money import Money

pytestmark = pytest.mark.django_db

UNSPENT = Refund.Policy.UNSPENT


def bought(wallet: Wallet, **plan: Any) -> Payment:
    """A period of 30 days for 300 ₽, paid for just now."""
    return PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=PlanFactory.create(**plan)))


def of_period(subscription: Subscription, number: int) -> Payment:
    """What paid for the numbered period."""
    return Payment.objects.get(invoice=subscription.periods.get(number=number).invoice_id)


def said(payment: Payment) -> tuple[int, int, int]:
    """Days used, days bought, and what of the money goes back."""
    found: Calculation = preview(payment.pk, policy=UNSPENT)
    desk = lay_out(payment.pk)
    assert (desk.days_used, desk.days_bought) == (found.days_used, found.days_bought)
    return found.days_used, found.days_bought, found.amount.amount


def refuse(payment: Payment) -> None:
    """Nothing of it is left."""
    with pytest.raises(errors.NothingToRefund):
        preview(payment.pk, policy=UNSPENT)
    desk = lay_out(payment.pk)
    assert desk.days_used == desk.days_bought


class TestPeriods:
    def test_three_bought_on_one_day_are_used_one_after_another(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create(periods=3)
        first, second, third = (of_period(subscription, number) for number in (1, 2, 3))
        clock.advance(days=20)
        assert [said(payment) for payment in (first, second, third)] == [
            (20, 30, 10_000),
            (0, 30, 30_000),
            (0, 30, 30_000),
        ]
        clock.advance(days=25)
        refuse(first)
        assert [said(payment) for payment in (second, third)] == [(15, 30, 15_000), (0, 30, 30_000)]
        refund = RefundFactory.create(payment=third, policy=UNSPENT)
        assert refund.amount == 30_000
        assert list_divergences() == []

    def test_paid_within_the_grace_began_on_schedule(self, clock: TestClock) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create()
        PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=plan))
        clock.advance(days=32)
        late = PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=plan))
        # Two of its days had passed when it was paid.
        assert said(late) == (2, 30, 28_000)
        clock.advance(days=13)
        assert said(late) == (15, 30, 15_000)

    def test_paid_a_day_early_begins_when_the_paid_time_ends(self, clock: TestClock) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create()
        PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=plan))
        clock.advance(days=29)
        early = PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=plan))
        clock.advance(days=4)
        assert said(early) == (3, 30, 27_000)

    def test_behind_a_trial_waits_for_its_end(self, clock: TestClock) -> None:
        trial = TrialFactory.create()
        payment = PaymentFactory.create(invoice=InvoiceFactory.create(wallet=trial.wallet, tariff=trial.tariff))
        clock.advance(days=10)
        assert said(payment) == (3, 30, 27_000)

    def test_of_a_calendar_month_is_as_long_as_the_month(self, clock: TestClock) -> None:
        here = ZoneInfo(settings.TIME_ZONE)
        now = database_clock.now()
        begins = datetime(now.year + 1, 1, 1, tzinfo=here)
        clock.advance(seconds=(begins - now).total_seconds())
        wallet = WalletFactory.create()
        plan = PlanFactory.create(period_kind="calendar_month", period_months=1)
        january, february = (
            PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=plan)) for _month in range(2)
        )
        days = (datetime(now.year + 1, 3, 1, tzinfo=here) - datetime(now.year + 1, 2, 1, tzinfo=here)).days
        clock.advance(days=10)
        assert said(january) == (10, 31, 20_323)
        assert said(february) == (0, days, 30_000)
        clock.advance(days=28)
        refuse(january)
        assert said(february) == (7, days, {28: 22_500, 29: 22_759}[days])


class TestMovedOnes:
    def test_one_that_moved_up_began_where_it_lies_now(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create(periods=2)
        first, second = of_period(subscription, 1), of_period(subscription, 2)
        clock.advance(days=10)
        RefundFactory.create(payment=first, policy=UNSPENT)
        clock.advance(days=6)
        assert said(second) == (6, 30, 24_000)

    def test_one_that_was_converted_is_worth_what_is_left_of_its_price(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create(periods=2)
        first, second = of_period(subscription, 1), of_period(subscription, 2)
        clock.advance(days=10)
        bought(subscription.wallet, price=60_000, change_policy="convert")
        # 20 days that were left at 300 ₽ are 10 at 600 ₽.
        assert said(first) == (10, 20, 20_000)
        assert said(second) == (0, 15, 30_000)
        clock.advance(days=5)
        assert said(first) == (15, 20, 10_000)

    def test_one_whose_time_was_given_back_has_used_what_had_passed_before(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        payment = of_period(subscription, 1)
        clock.advance(days=10)
        periods.remove(invoice=payment.invoice, by=TESTER)
        clock.advance(days=5)
        periods.restore(invoice=payment.invoice, by=TESTER)
        assert said(payment) == (10, 30, 20_000)
        clock.advance(days=10)
        assert said(payment) == (20, 30, 10_000)

    def test_one_that_was_taken_back_is_not_sent_back_again(self, clock: TestClock) -> None:
        payment = of_period(SubscriptionFactory.create(), 1)
        clock.advance(days=10)
        assert RefundFactory.create(payment=payment, policy=UNSPENT).amount == 20_000
        with pytest.raises(errors.NothingToRefund):
            preview(payment.pk, policy=UNSPENT)

    def test_what_went_back_before_is_not_sent_back_again(self, clock: TestClock) -> None:
        payment = of_period(SubscriptionFactory.create(), 1)
        clock.advance(days=3)
        RefundFactory.create(payment=payment, policy=Refund.Policy.GOODWILL, amount=Money(10_000, "RUB"))
        assert said(payment) == (3, 30, 20_000)


def test_money_that_bought_no_time_has_used_none(clock: TestClock) -> None:
    paid = of_period(SubscriptionFactory.create(), 1)
    surplus = PaymentFactory.create(invoice=paid.invoice)
    clock.advance(days=10)
    assert said(surplus) == (0, 0, 30_000)


def test_a_fraction_of_a_second_is_nobodys(clock: TestClock) -> None:
    payment = of_period(SubscriptionFactory.create(tariff=PlanFactory.create(subscription_days=1, price=8_640_000)), 1)
    clock.advance(seconds=1.5)
    assert said(payment) == (0, 1, 8_640_000 - 100)
