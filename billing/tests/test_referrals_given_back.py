"""Rewards that come again with the money that earned them, and what reconciliation says of those that should not be."""

from __future__ import annotations

import pytest

from accounts.models import User
from audit.models import AuditLog
from billing.models import Payment, Transaction
from billing.operations import credits, referrals
from billing.operations.reconciliation import run as reconcile
from billing.tests import deeds
from billing.tests.factories import TESTER, PaymentFactory, brought
from billing.tests.facts import Storyteller, tell, told_of
from billing.tests.races import outcomes
from billing.tests.snapshots import snapshot
from billing.tests.test_referrals import State, pays, purse, rewarded
from conftest import TestClock

pytestmark = pytest.mark.django_db(transaction=True)


class TestGivingBack:
    """The money of a payment that was lost to a dispute stays after all."""

    def test_lets_a_reward_that_was_not_given_wait_again(self, clock: TestClock) -> None:
        referral = brought()
        of = _teller(pays(referral.referred))
        tell(of.lost(hour=4))
        referral.refresh_from_db()
        assert referral.state == State.REVERSED
        tell(of.won(hour=5))
        clock.advance(days=15)
        referrals.sweep(by=TESTER)
        assert purse(referral.referrer).token_balance == 10
        assert reconcile(by=TESTER).is_clean

    def test_gives_it_back_whole_and_with_it_the_debt(self, clock: TestClock) -> None:
        referral = rewarded(clock)
        assert referral.payment is not None
        of = _teller(referral.payment)
        deeds.charge(purse(referral.referrer), 4)
        for time in range(2):
            tell(of.lost(f"dispute-{time}", hour=4))
            taken = purse(referral.referrer)
            assert (taken.token_balance, taken.debt_tokens) == (0, 4)
            tell(of.won(f"dispute-{time}", hour=5))
            given = purse(referral.referrer)
            assert (given.token_balance, given.debt_tokens) == (6, 0)
        referral.refresh_from_db()
        assert referral.state == State.REWARDED
        assert reconcile(by=TESTER).is_clean

    def test_by_many_at_once_happens_once(self, clock: TestClock) -> None:
        referral = rewarded(clock)
        payment = referral.payment
        assert payment is not None
        referrals.reverse(payment=payment, by=TESTER)
        outcomes(*[lambda: referrals.restore(payment=payment, by=TESTER)] * 4)
        assert purse(referral.referrer).token_balance == 10
        assert AuditLog.objects.filter(action="billing.referral.restored").count() == 1
        assert reconcile(by=TESTER).is_clean

    def test_is_not_for_a_reward_that_lapsed_for_another_reason(self, clock: TestClock) -> None:
        referral = brought()
        of = _teller(pays(referral.referred))
        User.objects.filter(pk=referral.referrer_id).update(is_active=False)
        clock.advance(days=15)
        referrals.sweep(by=TESTER)
        tell(of.opened(), of.won())
        referral.refresh_from_db()
        assert referral.state == State.REVERSED

    def test_moves_nothing_of_what_was_never_taken_or_never_earned(self) -> None:
        earned, nothing = pays(brought().referred), PaymentFactory.create()
        before = snapshot()
        referrals.restore(payment=earned, by=TESTER)
        assert referrals.restore(payment=nothing, by=TESTER) is None
        assert snapshot() == before


class TestReconciliation:
    @pytest.mark.parametrize("is_earned", [False, True])
    def test_finds_a_reward_that_nobody_earned_or_one_too_many(self, clock: TestClock, is_earned: bool) -> None:
        referral = rewarded(clock) if is_earned else brought()
        assert reconcile(by=TESTER).is_clean
        credits.add(
            wallet_id=purse(referral.referrer).pk,
            type=Transaction.Type.REFERRAL,
            tokens=10,
            key="once more",
            by=TESTER,
            metadata={"referral": str(referral.pk)},
        )
        found = {(each.invariant, each.subject.split()[0]) for each in reconcile(by=TESTER).divergences}
        assert found == {("I10", "reward")}


def _teller(payment: Payment) -> Storyteller:
    return told_of(payment.invoice, payment_id=payment.provider_payment_id, provider=payment.provider)
