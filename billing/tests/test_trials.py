"""Trials: one per owner and family, for ever (RELIABILITY C09, invariant I9)."""

from __future__ import annotations

from functools import partial

import pytest
from django.test import override_settings

from accounts.operations import users
from accounts.tests.factories import UserFactory
from billing import errors, keyring
from billing.models import Subscription, Trial
from billing.operations import subscriptions, trials
from billing.owners import Owner
from billing.tests.deeds import ledger, pay
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PlanFactory,
    SubscriptionFactory,
    TrialFactory,
    WalletFactory,
    company_wallet,
)
from billing.tests.snapshots import Unmoved
from conftest import TestClock
from core import clock as database_clock
from core.errors import DomainError
from core.ids import uuid7

pytestmark = pytest.mark.django_db


def test_is_a_subscription_without_an_invoice_and_a_lot_that_expires_with_it(clock: TestClock) -> None:
    trial = TrialFactory.create(tariff=PlanFactory.create(tokens=20))
    subscription = Subscription.objects.get(wallet=trial.wallet)
    end = trial.ends_at
    assert (subscription.status, subscription.trial_end, subscription.ends_at) == ("trialing", end, end)
    assert (end - database_clock.now()).days == 7
    assert ledger(trial.wallet) == [("trial", 20, 20)]
    assert trial.wallet.transactions.get().expires_at == end
    assert subscription.periods.get().invoice is None


def test_of_a_tariff_without_tokens_gives_none() -> None:
    assert ledger(TrialFactory.create().wallet) == []


def test_begins_what_waits_for_its_first_payment() -> None:
    wallet, plan = WalletFactory.create(), PlanFactory.create()
    waiting = subscriptions.start(owner=Owner.wallet(wallet.pk), tariff=plan.slug, key="k", by=TESTER)
    trial = TrialFactory.create(wallet=wallet, tariff=plan)
    assert trial.subscription_id == waiting.subscription.pk
    pay(waiting.invoice)
    assert trial.subscription.periods.count() == 2


def test_comes_once_also_after_the_subscription_is_over(clock: TestClock, unmoved: Unmoved) -> None:
    trial = TrialFactory.create()
    subscriptions.cancel(subscription_id=trial.subscription_id, by=TESTER)
    clock.advance(days=365)
    for tariff in (trial.tariff, PlanFactory.create()):
        with unmoved(errors.TrialUsed):
            trials.start(owner=Owner.wallet(trial.wallet_id), tariff=tariff.slug, by=TESTER)


def test_of_another_family_is_another() -> None:
    trial = TrialFactory.create()
    TrialFactory.create(wallet=trial.wallet, tariff=PlanFactory.create(family="else"))
    assert Trial.objects.count() == 2


def erased(trial: Trial) -> int | None:
    """The Telegram id of whoever had the trial and has just been forgotten."""
    person = trial.wallet.user
    assert person is not None
    telegram_id = person.telegram_id
    users.anonymise(user_id=person.pk, reason="asked for it", by=TESTER)
    return telegram_id


def test_comes_once_also_after_the_person_was_erased(unmoved: Unmoved) -> None:
    """I9: what stays of somebody tells that they are the same, and not who they are."""
    trial = TrialFactory.create()
    telegram_id = erased(trial)
    back = WalletFactory.create(user=UserFactory.create(telegram_id=telegram_id))
    with unmoved(errors.TrialUsed):
        trials.start(owner=Owner.wallet(back.pk), tariff=trial.tariff.slug, by=TESTER)
    assert str(telegram_id).encode() not in bytes(trial.owner_hash)


def test_is_known_under_a_former_key_as_well(unmoved: Unmoved) -> None:
    with override_settings(TRIAL_KEYS=["a" * 32]):
        trial = TrialFactory.create()
        telegram_id = erased(trial)
    back = WalletFactory.create(user=UserFactory.create(telegram_id=telegram_id))
    with override_settings(TRIAL_KEYS=["b" * 32, "a" * 32]), unmoved(errors.TrialUsed):
        trials.start(owner=Owner.wallet(back.pk), tariff=trial.tariff.slug, by=TESTER)


def test_is_for_companies_too(unmoved: Unmoved) -> None:
    trial = TrialFactory.create(wallet=company_wallet(), tariff=PlanFactory.create(audience="company"))
    with unmoved(errors.TrialUsed):
        trials.start(owner=Owner.wallet(trial.wallet_id), tariff=trial.tariff.slug, by=TESTER)


def test_owners_are_told_apart() -> None:
    wallets = [WalletFactory.create(), WalletFactory.create(), company_wallet()]
    wallets.append(WalletFactory.create(user=UserFactory.create(telegram_id=None)))
    assert len({keyring.owner_hashes(wallet)[0] for wallet in wallets}) == 4


def test_is_refused_where_there_is_none_to_give(unmoved: Unmoved) -> None:
    wallet = WalletFactory.create()
    start = partial(trials.start, owner=Owner.wallet(wallet.pk), by=TESTER)
    none, companies = PlanFactory.create(trial_days=0), PlanFactory.create(audience="company")
    archived = PlanFactory.create(is_active=False)
    refusals: list[tuple[str, type[DomainError]]] = [
        (none.slug, errors.TrialNotOffered),
        (companies.slug, errors.TariffNotForOwner),
        (archived.slug, errors.TariffNotOnSale),
        ("nothing", errors.TariffNotFound),
    ]
    for slug, error in refusals:
        with unmoved(error):
            start(tariff=slug)
    with unmoved(errors.WalletNotFound):
        trials.start(owner=Owner.user(uuid7()), tariff=none.slug, by=TESTER)


def test_is_refused_to_whoever_has_a_subscription(unmoved: Unmoved) -> None:
    subscription = SubscriptionFactory.create()
    with unmoved(errors.SubscriptionExists):
        trials.start(owner=Owner.wallet(subscription.wallet_id), tariff=subscription.tariff.slug, by=TESTER)


def test_is_given_when_a_former_subscription_has_run_out(clock: TestClock) -> None:
    wallet, plan = WalletFactory.create(), PlanFactory.create()
    pay(InvoiceFactory.create(wallet=wallet, tariff=plan))
    clock.advance(days=60)
    TrialFactory.create(wallet=wallet, tariff=plan)
    assert sorted(Subscription.objects.values_list("status", flat=True)) == ["expired", "trialing"]
