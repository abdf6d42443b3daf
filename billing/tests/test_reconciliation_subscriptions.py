"""I8 and I9: books whose subscriptions and trials contradict themselves are found, and said which."""

from __future__ import annotations

import pytest

from billing.models import Subscription, Trial
from billing.operations import reconciliation
from billing.tests.factories import TESTER, SubscriptionFactory, TrialFactory, WalletFactory
from billing.tests.invariants import contradictions
from core.database_roles import as_owner
from core.tests.guards import execute, switch_off

pytestmark = pytest.mark.django_db


def found() -> set[tuple[str, str]]:
    """Invariant and kind of subject of each divergence."""
    report = reconciliation.run(by=TESTER, full=True)
    return {(each.invariant, each.subject.rpartition(" ")[0]) for each in report.divergences}


def damage(table: str, guards: tuple[str, ...], statement: str, *params: object) -> None:
    """What somebody does who owns the tables and takes their guards away."""
    with as_owner():
        switch_off(table, *guards)
        execute(statement, *params)


def test_true_books_are_clean() -> None:
    SubscriptionFactory.create(periods=3)
    TrialFactory.create()
    assert found() == set()
    assert contradictions() == []


def test_two_live_ones_of_a_family_are_found() -> None:
    one = SubscriptionFactory.create()
    damage(
        "billing_subscription",
        ("billing_subscription_is_one_per_wallet_and_family",),
        'INSERT INTO billing_subscription SELECT (jsonb_populate_record(s, \'{"id": '
        '"01980f2a-c384-7596-80a2-b33445566778"}\')).* FROM billing_subscription s WHERE id = %s',
        one.pk,
    )
    assert ("I8", "subscription") in found()
    assert contradictions() == ["I8"]


def test_periods_that_overlap_are_found() -> None:
    one = SubscriptionFactory.create(periods=2)
    damage(
        "billing_subscriptionperiod",
        ("billing_subscriptionperiod_overlaps_no_other",),
        "UPDATE billing_subscriptionperiod SET starts_at = starts_at - interval '1 day' "
        "WHERE subscription_id = %s AND number = 2",
        one.pk,
    )
    assert found() == {("I8", "period")}
    assert contradictions() == ["I8"]


def test_an_end_that_nobody_paid_for_is_found() -> None:
    one = SubscriptionFactory.create()
    Subscription.objects.filter(pk=one.pk).update(ends_at="2040-01-01T00:00:00Z")
    assert found() == {("I8", "subscription's end")}


def test_a_wallet_that_says_otherwise_is_found() -> None:
    one = SubscriptionFactory.create()
    type(one.wallet).objects.filter(pk=one.wallet_id).update(subscription_end="2040-01-01T00:00:00Z")
    assert found() == {("I8", "wallet")}


def test_two_trials_of_one_owner_are_found() -> None:
    trial, other = TrialFactory.create(), TrialFactory.create()
    damage(
        "billing_trial",
        ("billing_trial_is_append_only", "billing_trial_is_one_per_owner_and_family"),
        "UPDATE billing_trial SET owner_hash = %s WHERE id = %s",
        bytes(trial.owner_hash),
        other.pk,
    )
    assert found() == {("I9", "trial")}
    assert contradictions() == ["I9"]


def test_a_period_that_nobody_paid_for_and_that_is_no_trial_is_found() -> None:
    trial = TrialFactory.create(wallet=WalletFactory.create())
    damage("billing_trial", ("billing_trial_is_append_only",), "DELETE FROM billing_trial WHERE id = %s", trial.pk)
    assert Trial.objects.count() == 0
    assert found() == {("I9", "trial's period")}
