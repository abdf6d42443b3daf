"""Referrals: bound once, without cycles; earned by the first payment; given late, and taken back with it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from accounts.models import User
from accounts.operations import users
from accounts.tests.factories import UserFactory
from audit.models import AuditLog
from billing import errors
from billing.models import Announcement, Payment, Referral, Wallet
from billing.operations import referrals
from billing.operations.reconciliation import run as reconcile
from billing.rules.referrals import reward
from billing.tests import deeds
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    PromoCodeFactory,
    ReferralFactory,
    TariffFactory,
    add_lot,
    brought,
)
from billing.tests.races import outcomes, without
from billing.tests.snapshots import Unmoved
from conftest import TestClock
from core.ids import uuid7
from core.money import Money
from core.operations import settings
from core.runtime_settings import forget_cached

pytestmark = pytest.mark.django_db(transaction=True)
State = Referral.State


def purse(user: User) -> Wallet:
    return Wallet.objects.get(user=user)


def pays(user: User, *, tokens: int = 100, **invoice: object) -> Payment:
    tariff = TariffFactory.create(tokens=tokens)
    return PaymentFactory.create(invoice=InvoiceFactory.create(wallet=purse(user), tariff=tariff, **invoice))


def set_to(**values: int) -> None:
    for name, value in values.items():
        settings.change(key=f"billing.{name}", value=value, reason="a test", by=TESTER)
    forget_cached()


@pytest.mark.parametrize(
    ("tokens", "amount", "list_price", "percent", "earned"),
    [
        (100, 14_900, 14_900, 10, 10),
        (50, 9_983, 14_900, 10, 3),
        (99, 100, 100, 10, 9),
        (9, 100, 100, 10, 0),
        (100, 0, 100, 10, 0),
        (100, 100, 100, 0, 0),
        (0, 100, 100, 10, 0),
        (10**12, 10**12, 10**12, 100, 10**12),
    ],
)
def test_a_reward_is_a_share_of_what_was_paid_for(
    tokens: int, amount: int, list_price: int, percent: int, earned: int
) -> None:
    assert reward(tokens=tokens, amount=amount, list_price=list_price, percent=percent) == earned


class TestBinding:
    def test_happens_when_somebody_is_first_seen(self) -> None:
        boris, carl = UserFactory.create(), UserFactory.create()
        anna, is_new = users.get_or_create_from_telegram(
            telegram_id=7, referral_code=boris.referral_code.lower(), by=TESTER
        )
        assert is_new
        users.get_or_create_from_telegram(telegram_id=7, referral_code=carl.referral_code, by=TESTER)
        found = Referral.objects.get()
        assert (found.referrer, found.referred, found.state) == (boris, anna, State.PENDING)

    def test_happens_to_nobody_who_came_alone(self) -> None:
        users.get_or_create_from_telegram(telegram_id=7, by=TESTER)
        assert not Referral.objects.exists()

    def test_again_is_the_first_one(self) -> None:
        first = ReferralFactory.create()
        again = referrals.bind(referrer_id=first.referrer_id, referred_id=first.referred_id, by=TESTER)
        assert again == first

    def test_is_refused_to_oneself_to_another_and_in_a_circle(self, unmoved: Unmoved) -> None:
        anna, boris = UserFactory.create(), UserFactory.create()
        with unmoved(errors.ReferralOfOneself):
            referrals.bind(referrer_id=anna.pk, referred_id=anna.pk, by=TESTER)
        referrals.bind(referrer_id=anna.pk, referred_id=boris.pk, by=TESTER)
        carl = UserFactory.create()
        with unmoved(errors.ReferralExists):
            referrals.bind(referrer_id=carl.pk, referred_id=boris.pk, by=TESTER)
        referrals.bind(referrer_id=boris.pk, referred_id=carl.pk, by=TESTER)
        with unmoved(errors.ReferralCycle):
            referrals.bind(referrer_id=carl.pk, referred_id=anna.pk, by=TESTER)

    def test_each_of_two_to_the_other_at_once_is_refused_to_one(self) -> None:
        for _round in range(5):
            anna, boris = UserFactory.create().pk, UserFactory.create().pk
            met = outcomes(
                partial(referrals.bind, referrer_id=anna, referred_id=boris, by=TESTER),
                partial(referrals.bind, referrer_id=boris, referred_id=anna, by=TESTER),
            )
            assert len(met.results) == 1
            assert met.codes == {"billing.referral_cycle": 1}

    def test_in_a_circle_would_not_be_refused_without_the_trigger(self) -> None:
        anna, boris = UserFactory.create(), UserFactory.create()
        with without("billing_referral", "billing_referral_has_no_cycle"):
            referrals.bind(referrer_id=anna.pk, referred_id=boris.pk, by=TESTER)
            referrals.bind(referrer_id=boris.pk, referred_id=anna.pk, by=TESTER)
            found = {(each.invariant, each.subject.split()[0]) for each in reconcile(by=TESTER).divergences}
            assert found == {("I10", "person"), ("I10", "referral")}


class TestQualifying:
    def test_is_done_by_the_first_payment(self, clock: TestClock) -> None:
        clock.stop()
        referral = brought()
        first = pays(referral.referred)
        referral.refresh_from_db()
        assert (referral.state, referral.reward_tokens, referral.payment) == (State.QUALIFIED, 10, first)
        assert referral.qualified_at is not None
        assert referral.matures_at == referral.qualified_at + timedelta(days=14)
        pays(referral.referred, tokens=1_000)
        referral.refresh_from_db()
        assert (referral.reward_tokens, referral.payment) == (10, first)
        assert purse(referral.referrer).token_balance == 0
        assert AuditLog.objects.filter(action="billing.referral.qualified").count() == 1

    def test_counts_what_was_paid_for_and_no_bonus(self) -> None:
        referral = brought()
        pays(referral.referred, promo_code=PromoCodeFactory.create(discount_value=33))
        referral.refresh_from_db()
        assert referral.reward_tokens == 6
        other = brought()
        code = PromoCodeFactory.create(discount_type="bonus_tokens", discount_value=1_000)
        pays(other.referred, promo_code=code)
        other.refresh_from_db()
        assert other.reward_tokens == 10

    def test_is_not_done_by_what_costs_nothing_or_earns_nothing(self) -> None:
        referral = brought()
        InvoiceFactory.create(wallet=purse(referral.referred), promo_code=PromoCodeFactory.create(discount_value=100))
        pays(referral.referred, tokens=9)
        add_lot(purse(referral.referred), 500)
        referral.refresh_from_db()
        assert referral.state == State.PENDING
        pays(referral.referred)
        referral.refresh_from_db()
        assert referral.state == State.QUALIFIED

    def test_is_not_done_by_a_surplus(self) -> None:
        referral = brought()
        invoice = InvoiceFactory.create(wallet=purse(referral.referred))
        PaymentFactory.create(invoice=invoice, amount=Money(1, "RUB"))
        referral.refresh_from_db()
        assert referral.state == State.PENDING

    def test_is_of_no_use_to_somebody_who_is_kept_out(self) -> None:
        referral = brought()
        users.set_active(user_id=referral.referrer_id, is_active=False, by=TESTER, reason="a fraud")
        pays(referral.referred)
        referral.refresh_from_db()
        assert referral.state == State.PENDING

    def test_earns_no_more_than_the_day_has(self, clock: TestClock) -> None:
        set_to(referral_daily_cap_tokens=25)
        first = brought()
        others = [brought(referrer=first.referrer) for _number in range(3)]
        for each in (first, *others):
            pays(each.referred)
        earned = list(Referral.objects.order_by("id").values_list("reward_tokens", flat=True))
        assert earned == [10, 10, 5, 0]
        clock.advance(days=1)
        pays(others[-1].referred)
        others[-1].refresh_from_db()
        assert others[-1].reward_tokens == 10

    def test_by_many_at_once_earns_no_more_than_the_day_has(self) -> None:
        set_to(referral_daily_cap_tokens=25)
        first = brought()
        everybody = [first, *(brought(referrer=first.referrer) for _number in range(5))]
        invoices = [
            InvoiceFactory.create(wallet=purse(each.referred), tariff=TariffFactory.create(tokens=100))
            for each in everybody
        ]
        outcomes(*[lambda invoice=invoice: PaymentFactory.create(invoice=invoice) for invoice in invoices])
        assert sum(Referral.objects.values_list("reward_tokens", flat=True)) == 25


class TestRewards:
    def test_are_given_after_the_days_of_return_and_once(self, clock: TestClock) -> None:
        referral = brought()
        payment = pays(referral.referred)
        clock.advance(days=13, hours=23)
        assert referrals.sweep(by=TESTER) == 0
        clock.advance(hours=2)
        assert referrals.sweep(by=TESTER) == 1
        assert referrals.sweep(by=TESTER) == 0
        referral.refresh_from_db()
        wallet = purse(referral.referrer)
        assert (referral.state, wallet.token_balance) == (State.REWARDED, 10)
        lot = wallet.transactions.get()
        assert (lot.type, lot.tokens_delta, referral.lot) == ("referral", 10, lot)
        told = Announcement.objects.get(type="referral.rewarded")
        assert (told.wallet, told.payload["tokens"]) == (wallet, 10)
        assert payment.status == "succeeded"
        assert reconcile(by=TESTER).is_clean

    def test_are_given_once_by_many_at_once(self, clock: TestClock) -> None:
        referral = brought()
        pays(referral.referred)
        clock.advance(days=15)
        outcomes(*[lambda: referrals.mature(referral_id=referral.pk, by=TESTER)] * 6)
        assert purse(referral.referrer).token_balance == 10
        assert Announcement.objects.filter(type="referral.rewarded").count() == 1

    def test_wait_while_the_payment_is_disputed(self, clock: TestClock) -> None:
        referral = brought()
        payment = pays(referral.referred)
        Payment.objects.filter(pk=payment.pk).update(status="disputed")
        clock.advance(days=15)
        assert referrals.sweep(by=TESTER) == 0
        assert referrals.mature(referral_id=referral.pk, by=TESTER).state == State.QUALIFIED
        Payment.objects.filter(pk=payment.pk).update(status="succeeded")
        assert referrals.mature(referral_id=referral.pk, by=TESTER).state == State.REWARDED

    def test_are_not_given_to_somebody_who_is_kept_out_by_then(self, clock: TestClock) -> None:
        referral = brought()
        pays(referral.referred)
        users.set_active(user_id=referral.referrer_id, is_active=False, by=TESTER, reason="a fraud")
        clock.advance(days=15)
        assert referrals.mature(referral_id=referral.pk, by=TESTER).state == State.REVERSED
        assert purse(referral.referrer).token_balance == 0

    def test_of_nothing_are_refused(self, unmoved: Unmoved) -> None:
        with unmoved(errors.WalletNotFound):
            referrals.mature(referral_id=uuid7(), by=TESTER)


class TestTakingBack:
    def test_before_it_was_given_it_never_is(self, clock: TestClock) -> None:
        referral = brought()
        payment = pays(referral.referred)
        taken = referrals.reverse(payment=payment, by=TESTER)
        assert taken is not None
        assert taken.state == State.REVERSED
        clock.advance(days=15)
        assert referrals.sweep(by=TESTER) == 0
        assert referrals.mature(referral_id=referral.pk, by=TESTER).state == State.REVERSED
        assert purse(referral.referrer).token_balance == 0
        assert reconcile(by=TESTER).is_clean

    def test_takes_what_is_left_and_the_rest_becomes_a_debt(self, clock: TestClock) -> None:
        referral = rewarded(clock)
        deeds.charge(purse(referral.referrer), 4)
        add_lot(purse(referral.referrer), 100)
        for _again in range(2):
            assert referral.payment is not None
            referrals.reverse(payment=referral.payment, by=TESTER)
        wallet = purse(referral.referrer)
        assert (wallet.token_balance, wallet.debt_tokens) == (100, 4)
        referral.refresh_from_db()
        assert referral.state == State.REVERSED
        deed = AuditLog.objects.get(action="billing.referral.reversed")
        assert (deed.metadata["tokens"], deed.metadata["shortfall"]) == (6, 4)
        assert reconcile(by=TESTER).is_clean

    def test_takes_no_more_than_a_debt_has_left_of_it(self, clock: TestClock) -> None:
        referral = brought()
        pays(referral.referred)
        Wallet.objects.filter(user=referral.referrer).update(debt_tokens=7)
        clock.advance(days=15)
        given = referrals.mature(referral_id=referral.pk, by=TESTER)
        assert purse(referral.referrer).token_balance == 3
        assert given.payment is not None
        referrals.reverse(payment=given.payment, by=TESTER)
        wallet = purse(referral.referrer)
        assert (wallet.token_balance, wallet.debt_tokens) == (0, 7)

    def test_of_a_reward_that_is_gone_makes_all_of_it_a_debt(self, clock: TestClock) -> None:
        referral = brought()
        pays(referral.referred)
        Wallet.objects.filter(user=referral.referrer).update(debt_tokens=50)
        clock.advance(days=15)
        given = referrals.mature(referral_id=referral.pk, by=TESTER)
        assert given.payment is not None
        referrals.reverse(payment=given.payment, by=TESTER)
        wallet = purse(referral.referrer)
        assert (wallet.token_balance, wallet.debt_tokens) == (0, 50)

    def test_by_many_at_once_and_while_it_is_given_happens_once(self, clock: TestClock) -> None:
        referral = brought()
        payment = pays(referral.referred)
        clock.advance(days=15)
        outcomes(
            *[lambda: referrals.reverse(payment=payment, by=TESTER)] * 3,
            *[lambda: referrals.mature(referral_id=referral.pk, by=TESTER)] * 3,
        )
        wallet = purse(referral.referrer)
        assert (wallet.token_balance, wallet.debt_tokens) == (0, 0)
        assert AuditLog.objects.filter(action="billing.referral.reversed").count() == 1
        assert reconcile(by=TESTER).is_clean

    def test_of_a_payment_that_earned_nothing_moves_nothing(self) -> None:
        assert referrals.reverse(payment=PaymentFactory.create(), by=TESTER) is None

    def test_leaves_the_referral_spent(self, clock: TestClock) -> None:
        referral = brought()
        referrals.reverse(payment=pays(referral.referred), by=TESTER)
        pays(referral.referred, tokens=1_000)
        referral.refresh_from_db()
        assert referral.state == State.REVERSED


def rewarded(clock: TestClock) -> Referral:
    referral = brought()
    pays(referral.referred)
    clock.advance(days=15)
    return referrals.mature(referral_id=referral.pk, by=TESTER)
