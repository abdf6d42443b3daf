"""What goes back with a payment's money besides its tokens: the time that it paid for, and a referrer's reward."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing.models import Payment, Referral, Refund, SubscriptionPeriod, Wallet
from billing.operations import charges, referrals
from billing.owners import Owner
from billing.queries.reconciliation import list_divergences
from billing.queries.refund_effects import OnPeriod, OnReferral, PeriodEffect, RewardEffect
from billing.queries.refunds import preview
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    SubscriptionFactory,
    TariffFactory,
    brought,
    new_key,
)
from billing.tests.facts import tell, told_of
from billing.tests.payment_factories import RefundFactory
from conftest import TestClock
from core import clock as database_clock
from core.money import Money

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def foreseen(payment: Payment, policy: Refund.Policy = Refund.Policy.FULL, **asked: Any) -> tuple[str, str]:
    """What a refund is said to do to the period and the reward."""
    found = preview(payment.pk, policy=policy, **asked)
    return (found.period.effect if found.period else "-", found.referral.effect if found.referral else "-")


class TestTime:
    def test_of_the_middle_of_three_periods_the_third_moves_up(self) -> None:
        subscription = SubscriptionFactory.create(periods=3)
        now = database_clock.now()
        middle = subscription.periods.get(number=2)
        payment = Payment.objects.get(invoice=middle.invoice_id)
        found = preview(payment.pk, policy=Refund.Policy.FULL).period
        assert found == OnPeriod(PeriodEffect.REMOVED, middle.starts_at, middle.ends_at, moved_up=1)
        RefundFactory.create(payment=payment)
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
        assert foreseen(payment, amount=Money(100, "RUB")) == ("stays", "-")
        RefundFactory.create(payment=payment, amount=Money(100, "RUB"))
        assert subscription.periods.get().removed_at is None

    def test_what_is_sent_back_for_unused_time_ends_it(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        clock.advance(days=10)
        payment = Payment.objects.get(invoice=subscription.periods.get().invoice_id)
        assert foreseen(payment, Refund.Policy.UNSPENT) == ("removed", "-")
        refund = RefundFactory.create(payment=payment, policy=Refund.Policy.UNSPENT)
        assert foreseen(payment, Refund.Policy.GOODWILL) == ("-", "-")
        assert refund.amount == payment.amount * 2 // 3
        subscription.refresh_from_db()
        assert subscription.status == "expired"

    def test_all_of_the_money_takes_it_by_goodwill_too(self) -> None:
        subscription = SubscriptionFactory.create(periods=2)
        payment = Payment.objects.get(invoice=subscription.periods.get(number=1).invoice_id)
        RefundFactory.create(payment=payment, policy=Refund.Policy.GOODWILL, amount=Money(100, "RUB"))
        found = preview(payment.pk, policy=Refund.Policy.GOODWILL).period
        assert found is not None
        assert (found.effect, found.moved_up) == ("removed", 1)
        RefundFactory.create(payment=payment, policy=Refund.Policy.GOODWILL)
        assert subscription.periods.get(number=1).removed_at is not None

    def test_one_that_is_over_moves_none_up(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create(periods=2)
        payment = Payment.objects.get(invoice=subscription.periods.get(number=1).invoice_id)
        clock.advance(days=31)
        found = preview(payment.pk, policy=Refund.Policy.FULL).period
        assert found is not None
        assert (found.effect, found.moved_up) == ("removed", 0)

    def test_money_that_bought_none_takes_none(self) -> None:
        paid = Payment.objects.get(invoice=SubscriptionFactory.create().periods.get().invoice_id)
        assert foreseen(PaymentFactory.create(invoice=paid.invoice)) == ("-", "-")

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
        assert foreseen(payment) == ("-", "not_given")
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
        found = preview(payment.pk, policy=Refund.Policy.FULL).referral
        assert found == OnReferral(RewardEffect.GOES_BACK, referral.referrer_id, 10)
        RefundFactory.create(payment=payment)
        referral.refresh_from_db()
        assert referral.state == Referral.State.REVERSED
        assert Wallet.objects.get(user=referral.referrer).token_balance == 0
        assert list_divergences() == []

    def test_a_part_of_the_money_leaves_it(self) -> None:
        referral, payment = self.paid()
        assert foreseen(payment, amount=Money(100, "RUB")) == ("-", "stays")
        RefundFactory.create(payment=payment, amount=Money(100, "RUB"))
        referral.refresh_from_db()
        assert referral.state == Referral.State.QUALIFIED

    def test_one_that_lapsed_has_nothing_to_lose(self) -> None:
        _referral, payment = self.paid()
        referrals.reverse(payment=payment, by=TESTER)
        assert foreseen(payment) == ("-", "-")

    def test_by_unspent_the_rest_stays_where_something_was_used(self) -> None:
        _referral, payment = self.paid()
        assert foreseen(payment, Refund.Policy.UNSPENT) == ("-", "not_given")
        charges.charge(owner=Owner.wallet(payment.invoice.wallet_id), tokens=1, key=new_key(), by=TESTER)
        assert foreseen(payment, Refund.Policy.UNSPENT) == ("-", "stays")
