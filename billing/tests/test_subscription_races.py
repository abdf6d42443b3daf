"""Subscriptions and trials over many connections at one moment (RELIABILITY C08, C09)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from django.db import IntegrityError

from audit.models import AdminAlert
from billing import keyring, renewal_charges
from billing.models import Invoice, Referral, Refund, Subscription, SubscriptionPeriod, Trial, Wallet
from billing.operations import periods, referrals, refunds, renewals, subscriptions, trials
from billing.owners import Owner
from billing.queries.reconciliation import list_divergences
from billing.tests.deeds import bill, charge, pay
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    PlanFactory,
    SubscriptionFactory,
    TariffFactory,
    TrialFactory,
    WalletFactory,
    brought,
    new_key,
)
from billing.tests.facts import tell, told_of
from billing.tests.invariants import contradictions
from billing.tests.races import lined_up, outcomes, without
from conftest import TestClock
from core import clock as database_clock
from core.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def test_two_payments_at_once_extend_by_sixty_days() -> None:
    wallet, plan = WalletFactory.create(), PlanFactory.create()
    bills = [InvoiceFactory.create(wallet=wallet, tariff=plan) for _number in range(2)]

    def pays(number: int) -> Callable[[], object]:
        return lambda: pay(bills[number])

    ran = lined_up(wallet, pays(0), pays(1))
    assert (len(ran.results), ran.refusals) == (2, [])
    subscription = Subscription.objects.get()
    first, second = subscription.periods.order_by("number")
    assert first.ends_at == second.starts_at
    assert second.ends_at - first.starts_at == 60 * DAY
    assert subscription.ends_at == second.ends_at


def test_of_sixteen_requests_one_begins_a_trial() -> None:
    """C09."""
    wallet, plan = WalletFactory.create(), PlanFactory.create(tokens=20)
    owner = Owner.wallet(wallet.pk)
    ran = lined_up(wallet, *[lambda: trials.start(owner=owner, tariff=plan.slug, by=TESTER)] * 16)
    assert (len(ran.results), ran.codes) == (1, {"billing.trial_used": 15})
    assert (Trial.objects.count(), Subscription.objects.count()) == (1, 1)
    wallet.refresh_from_db()
    assert wallet.token_balance == 20


def test_the_database_refuses_a_second_trial_of_one_owner() -> None:
    """C09: whoever comes back under another wallet has no lock in common with the first."""
    first = TrialFactory.create()
    with pytest.raises(IntegrityError, match="billing_trial_is_one_per_owner_and_family"):
        insert_trial(first)


def test_a_writer_who_read_first_gives_a_second_trial_without_that_wall() -> None:
    with without("billing_trial", "billing_trial_is_one_per_owner_and_family"):
        first = TrialFactory.create()
        insert_trial(first)
        assert Trial.objects.filter(owner_hash=keyring.owner_hashes(first.wallet)[0]).count() == 2


def insert_trial(first: Trial) -> Trial:
    """What a writer does who asked earlier whether there was one, as nobody in the house may."""
    wallet = WalletFactory.create()
    other = SubscriptionFactory.create(wallet=wallet, tariff=first.tariff)
    return Trial.objects.create(
        wallet=wallet,
        subscription=other,
        tariff=first.tariff,
        family=first.family,
        owner_hash=first.owner_hash,
        ends_at=first.ends_at,
    )


def test_starting_at_once_makes_one_subscription_and_one_invoice() -> None:
    wallet, plan = WalletFactory.create(), PlanFactory.create()

    def starts() -> object:
        return subscriptions.start(owner=Owner.wallet(wallet.pk), tariff=plan.slug, key=new_key(), by=TESTER)

    ran = lined_up(wallet, *[starts] * 6)
    assert (len(ran.results), ran.refusals) == (6, [])
    assert (Subscription.objects.count(), wallet.invoices.count()) == (1, 1)


def test_two_workers_renew_once(clock: TestClock) -> None:
    subscription = SubscriptionFactory.create()
    clock.advance(days=29)

    def renews() -> object:
        return renewals.renew(subscription_id=subscription.pk, by=TESTER)

    ran = lined_up(subscription.wallet, *[renews] * 4)
    assert [each is not None for each in ran.results].count(True) == 1
    assert subscription.wallet.invoices.count() == 2


def test_renewing_cancelling_and_changing_at_once_leave_one_story(clock: TestClock) -> None:
    """C08: whatever the order, one live subscription, and nobody who cancelled is asked for money."""
    subscription = SubscriptionFactory.create()
    other = PlanFactory.create(price=60_000, change_policy="convert")
    clock.advance(days=29)
    clock.stop()
    now = database_clock.now()
    assert subscription.ends_at is not None
    left = int((subscription.ends_at - now).total_seconds())
    ran = lined_up(
        subscription.wallet,
        lambda: renewals.renew(subscription_id=subscription.pk, by=TESTER),
        lambda: subscriptions.cancel(subscription_id=subscription.pk, by=TESTER),
        lambda: subscriptions.change_tariff(subscription_id=subscription.pk, tariff=other.slug, by=TESTER),
    )
    assert ran.refusals == []
    subscription.refresh_from_db()
    assert (subscription.status, subscription.renews_at) == ("cancelled", None)
    assert (subscription.ends_at, subscription.tariff) == (now + timedelta(seconds=left // 2), other)
    assert not subscription.wallet.invoices.filter(status="pending").exists()


def test_a_refund_and_a_payment_at_once_leave_no_gap_and_no_overlap() -> None:
    subscription = SubscriptionFactory.create(periods=3)
    now = subscription.started_at
    assert now is not None
    middle = bill(subscription.periods.get(number=2))
    fresh = InvoiceFactory.create(wallet=subscription.wallet, tariff=subscription.tariff)
    lined_up(
        subscription.wallet,
        lambda: periods.remove(invoice=middle, by=TESTER),
        lambda: periods.remove(invoice=middle, by=TESTER),
        lambda: pay(fresh),
    )
    rows = SubscriptionPeriod.objects.filter(removed_at=None).order_by("starts_at")
    assert [(row.starts_at - now) / DAY for row in rows] == [0, 30, 60]


def test_two_subscriptions_of_a_family_are_refused_by_the_database() -> None:
    wallet, plan = WalletFactory.create(), PlanFactory.create()

    def inserts(wallet: Wallet) -> Callable[[], object]:
        return lambda: Subscription.objects.create(wallet=wallet, tariff=plan, family="pro")

    inserts(wallet)()
    with pytest.raises(IntegrityError, match="billing_subscription_is_one_per_wallet_and_family"):
        inserts(wallet)()
    with without("billing_subscription", "billing_subscription_is_one_per_wallet_and_family"):
        outcomes(inserts(wallet), inserts(wallet))
        assert Subscription.objects.filter(wallet=wallet).count() == 3


class Broken:
    """A provider whose charging fails for one subscription."""

    def __init__(self) -> None:
        self.unlucky: UUID | None = None
        self.asked: list[UUID] = []

    def charge(self, *, subscription_id: UUID, invoice_id: UUID, by: Actor) -> None:
        if subscription_id == self.unlucky:
            raise RuntimeError("the agreement is unreadable")
        self.asked.append(subscription_id)


_broken = Broken()
renewal_charges.register("broken", _broken)


def test_one_that_cannot_be_renewed_does_not_stop_the_others(clock: TestClock) -> None:
    made = [SubscriptionFactory.create() for _number in range(3)]
    for each in made:
        subscriptions.keep_agreement(subscription_id=each.pk, provider="broken", agreement_id="pm-1", by=TESTER)
    _broken.unlucky = made[0].pk
    clock.advance(days=29, hours=1)
    renewals.sweep(by=TESTER)
    assert sorted(_broken.asked) == sorted(each.pk for each in made[1:])
    assert AdminAlert.objects.get(severity="critical").fingerprint == f"billing.subscription_stuck:{made[0].pk}"
    # Nothing of it is half done; it is renewed as soon as that works.
    assert Invoice.objects.filter(status="pending").count() == 2
    _broken.unlucky = None
    renewals.sweep(by=TESTER)
    assert set(_broken.asked) == {each.pk for each in made}


def test_refunding_giving_the_reward_and_spending_at_once_stand_in_nobodys_way(clock: TestClock) -> None:
    """Payer and referrer pay, refund, earn and spend in each other's wallets: both are locked by id."""
    referrals_made = [brought() for _number in range(3)]
    paid = [
        PaymentFactory.create(
            invoice=InvoiceFactory.create(
                wallet=Wallet.objects.get(user=each.referred), tariff=TariffFactory.create(tokens=100)
            )
        )
        for each in referrals_made
    ]
    clock.advance(days=15)
    deeds: list[Callable[[], object]] = []
    for number, (referral, payment) in enumerate(zip(referrals_made, paid, strict=True)):
        deeds += [
            partial(
                refunds.issue,
                payment_id=payment.pk,
                policy=Refund.Policy.FULL,
                reason="raced",
                key=f"refund-{number}",
                by=TESTER,
            ),
            partial(referrals.mature, referral_id=referral.pk, by=TESTER),
            partial(charge, Wallet.objects.get(user=referral.referrer), 1),
            partial(charge, Wallet.objects.get(user=referral.referred), 1),
        ]
    ran = outcomes(*deeds)
    assert set(ran.codes) <= {"billing.insufficient_tokens"}
    assert {each.state for each in Referral.objects.all()} == {"reversed"}
    assert contradictions() == []
    assert list_divergences() == []


def test_a_refund_that_is_told_before_its_payment_takes_the_reward_and_no_wrong_lock(clock: TestClock) -> None:
    """The referrer's wallet is locked with the payer's before the payment is known at all."""
    pairs = [brought() for _number in range(2)]
    told = [
        told_of(
            InvoiceFactory.create(
                wallet=Wallet.objects.get(user=each.referred), tariff=TariffFactory.create(tokens=100)
            ),
            payment_id=f"pay-{each.pk}",
        )
        for each in pairs
    ]
    for of in told:
        tell(of.refunded())
    outcomes(*[partial(tell, of.succeeded()) for of in told for _again in range(3)])
    assert {each.state for each in Referral.objects.all()} == {"reversed"}
    assert contradictions() == []
