"""What goes back with a payment's money besides its tokens: the time that it paid for, and a referrer's reward."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.models import Payment, Referral, Refund, SubscriptionPeriod, Wallet
from billing.operations import referrals
from billing.queries.reconciliation import list_divergences
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    SubscriptionFactory,
    TariffFactory,
    brought,
)
from billing.tests.facts import tell, told_of
from billing.tests.payment_factories import RefundFactory
from conftest import TestClock
from core import clock as database_clock
from core.money import Money

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


class TestTime:
    def test_of_the_middle_of_three_periods_the_third_moves_up(self) -> None:
        subscription = SubscriptionFactory.create(periods=3)
        now = database_clock.now()
        middle = subscription.periods.get(number=2)
        RefundFactory.create(payment=Payment.objects.get(invoice=middle.invoice_id))
        left = list(subscription.periods.filter(removed_at=None).order_by("number"))
        assert [row.number for row in left] == [1, 3]
        assert left[1].starts_at == left[0].ends_at
        ends_at = Wallet.objects.get(pk=subscription.wallet_id).subscription_end
        assert ends_at is not None
        assert abs(ends_at - (now + 60 * DAY)) < timedelta(minutes=1)
        assert list_divergences() == []

    def test_a_part_of_the_money_leaves_it(self) -> None:
        subscription = SubscriptionFactory.create()
        payment = Payment.objects.get(invoice=subscription.periods.get().invoice_id)
        RefundFactory.create(payment=payment, amount=Money(100, "RUB"))
        assert subscription.periods.get().removed_at is None

    def test_what_is_sent_back_for_unused_time_ends_it(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        clock.advance(days=10)
        payment = Payment.objects.get(invoice=subscription.periods.get().invoice_id)
        refund = RefundFactory.create(payment=payment, policy=Refund.Policy.UNSPENT)
        assert refund.amount == payment.amount * 2 // 3
        subscription.refresh_from_db()
        assert subscription.status == "expired"

    def test_a_lost_dispute_takes_it(self) -> None:
        invoice = InvoiceFactory.create(tariff=SubscriptionFactory.create().tariff)
        of = told_of(invoice)
        tell(of.succeeded(), of.opened(), of.lost())
        assert SubscriptionPeriod.objects.get(invoice=invoice).removed_at is not None


class TestRewards:
    def paid(self) -> tuple[Referral, Payment]:
        referral = brought()
        wallet = Wallet.objects.get(user=referral.referred)
        invoice = InvoiceFactory.create(wallet=wallet, tariff=TariffFactory.create(tokens=100))
        payment = PaymentFactory.create(invoice=invoice)
        referral.refresh_from_db()
        assert (referral.state, referral.reward_tokens) == (Referral.State.QUALIFIED, 10)
        return referral, payment

    def test_one_that_waits_is_never_given(self, clock: TestClock) -> None:
        referral, payment = self.paid()
        RefundFactory.create(payment=payment)
        clock.advance(days=30)
        referrals.sweep(by=TESTER)
        referral.refresh_from_db()
        assert referral.state == Referral.State.REVERSED
        assert Wallet.objects.get(user=referral.referrer).token_balance == 0

    def test_one_that_was_given_is_taken_back(self, clock: TestClock) -> None:
        referral, payment = self.paid()
        clock.advance(days=30)
        referrals.sweep(by=TESTER)
        assert Wallet.objects.get(user=referral.referrer).token_balance == 10
        RefundFactory.create(payment=payment)
        referral.refresh_from_db()
        assert referral.state == Referral.State.REVERSED
        assert Wallet.objects.get(user=referral.referrer).token_balance == 0
        assert list_divergences() == []

    def test_a_part_of_the_money_leaves_it(self) -> None:
        referral, payment = self.paid()
        RefundFactory.create(payment=payment, amount=Money(100, "RUB"))
        referral.refresh_from_db()
        assert referral.state == Referral.State.QUALIFIED
