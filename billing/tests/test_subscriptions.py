"""What customers and colleagues do to subscriptions."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from billing import errors
from billing.models import Invoice, Subscription
from billing.operations import invoices, renewals, subscriptions
from billing.operations.subscriptions import Started
from billing.owners import Owner
from billing.tests.deeds import pay
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PlanFactory,
    SubscriptionFactory,
    TariffFactory,
    TrialFactory,
    WalletFactory,
    company_wallet,
    new_key,
)
from billing.tests.snapshots import Unmoved
from conftest import TestClock
from core import clock as database_clock
from core.errors import DomainError, ValidationFailed
from core.ids import uuid7

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def start(wallet_or: Subscription | None = None, *, tariff: str | None = None, key: str | None = None) -> Started:
    wallet = wallet_or.wallet if wallet_or else WalletFactory.create()
    slug = tariff or (wallet_or.tariff.slug if wallet_or else PlanFactory.create().slug)
    return subscriptions.start(owner=Owner.wallet(wallet.pk), tariff=slug, key=key or new_key(), by=TESTER)


def ended() -> Subscription:
    """One that is over."""
    begun = start().subscription
    return subscriptions.cancel(subscription_id=begun.pk, by=TESTER)


class TestStarting:
    def test_makes_an_invoice_and_what_waits_for_it(self) -> None:
        begun = start()
        assert begun.subscription.status == "pending"
        assert (begun.invoice.status, begun.subscription.renewal_invoice) == ("pending", begun.invoice)
        assert begun.subscription.ends_at is None

    def test_works_for_companies(self) -> None:
        wallet = company_wallet()
        plan = PlanFactory.create(audience="company")
        begun = subscriptions.start(owner=Owner.wallet(wallet.pk), tariff=plan.slug, key="mine", by=TESTER)
        pay(begun.invoice)
        assert Subscription.objects.get(wallet=wallet).status == "active"

    def test_again_is_the_same_while_it_waits(self) -> None:
        begun = start()
        again = start(begun.subscription)
        assert (again.subscription.pk, again.invoice.pk) == (begun.subscription.pk, begun.invoice.pk)
        assert Invoice.objects.count() == 1

    def test_with_the_same_key_is_the_same_when_it_is_paid(self) -> None:
        begun = start(key="mine")
        pay(begun.invoice)
        again = start(begun.subscription, key="mine")
        assert (again.subscription.pk, again.invoice.pk) == (begun.subscription.pk, begun.invoice.pk)
        assert again.subscription.renewal_invoice is None

    def test_of_what_is_there_goes_on_with_it(self) -> None:
        subscription = SubscriptionFactory.create()
        begun = start(subscription)
        assert begun.subscription.pk == subscription.pk
        pay(begun.invoice)
        assert subscription.periods.count() == 2

    def test_and_paying_takes_a_cancellation_back(self) -> None:
        subscription = SubscriptionFactory.create()
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        pay(start(subscription).invoice)
        subscription.refresh_from_db()
        assert (subscription.status, subscription.cancelled_at) == ("active", None)
        assert subscription.renews_at is not None

    def test_after_its_invoice_expired_makes_another(self, clock: TestClock) -> None:
        first = start()
        clock.advance(days=2)
        invoices.sweep(by=TESTER)
        renewals.sweep(by=TESTER)
        first.subscription.refresh_from_db()
        assert first.subscription.status == "expired"
        assert start(first.subscription).subscription.pk != first.subscription.pk

    def test_after_the_end_begins_another(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        clock.advance(days=40)
        begun = start(subscription)
        subscription.refresh_from_db()
        assert (subscription.status, begun.subscription.status) == ("expired", "pending")


class TestCancelling:
    def test_lets_it_run_to_its_end(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create(periods=2)
        cancelled = subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        assert (cancelled.status, cancelled.cancel_at_period_end, cancelled.renews_at) == ("cancelled", True, None)
        clock.advance(days=59)
        renewals.sweep(by=TESTER)
        cancelled.refresh_from_db()
        assert cancelled.status == "cancelled"
        clock.advance(days=1)
        renewals.sweep(by=TESTER)
        cancelled.refresh_from_db()
        assert cancelled.status == "expired"
        assert Invoice.objects.filter(status="pending").count() == 0

    def test_twice_changes_nothing(self) -> None:
        subscription = SubscriptionFactory.create()
        first = subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        second = subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        assert first.cancelled_at == second.cancelled_at

    def test_withdraws_what_waits_to_be_paid(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        clock.advance(days=29)
        renewals.sweep(by=TESTER)
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        assert Invoice.objects.order_by("-id")[0].status == "cancelled"

    def test_of_what_nothing_was_paid_for_ends_it(self) -> None:
        begun = start()
        assert subscriptions.cancel(subscription_id=begun.subscription.pk, by=TESTER).status == "expired"
        begun.invoice.refresh_from_db()
        assert begun.invoice.status == "cancelled"

    def test_of_what_is_due_ends_it(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        clock.advance(days=31)
        renewals.sweep(by=TESTER)
        assert subscriptions.cancel(subscription_id=subscription.pk, by=TESTER).status == "expired"

    def test_is_taken_back_while_time_is_left(self) -> None:
        subscription = SubscriptionFactory.create()
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        back = subscriptions.resume(subscription_id=subscription.pk, by=TESTER)
        assert (back.status, back.cancel_at_period_end) == ("active", False)
        assert back.ends_at is not None
        assert back.renews_at == back.ends_at - DAY
        assert subscriptions.resume(subscription_id=subscription.pk, by=TESTER).status == "active"

    def test_of_a_trial_is_taken_back_as_a_trial(self) -> None:
        subscription = TrialFactory.create().subscription
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        assert subscriptions.resume(subscription_id=subscription.pk, by=TESTER).status == "trialing"


class TestChangingTheTariff:
    def test_waits_for_the_end_and_renews_for_the_other(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        other = PlanFactory.create(price=60_000)
        changed = subscriptions.change_tariff(subscription_id=subscription.pk, tariff=other.slug, by=TESTER)
        assert (changed.tariff, changed.next_tariff) == (subscription.tariff, other)
        clock.advance(days=29)
        renewals.sweep(by=TESTER)
        changed.refresh_from_db()
        assert changed.renewal_invoice is not None
        assert (changed.renewal_invoice.tariff, changed.renewal_invoice.amount) == (other, 60_000)

    def test_converts_what_is_left_where_the_tariff_says_so(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        other = PlanFactory.create(price=60_000, change_policy="convert")
        clock.advance(days=10)
        changed = subscriptions.change_tariff(subscription_id=subscription.pk, tariff=other.slug, by=TESTER)
        assert (changed.tariff, changed.next_tariff) == (other, None)
        assert changed.ends_at == database_clock.now() + 10 * DAY
        changed.wallet.refresh_from_db()
        assert changed.wallet.subscription_end == changed.ends_at

    def test_of_what_was_paid_in_another_currency_waits(self) -> None:
        subscription = SubscriptionFactory.create()
        other = PlanFactory.create(price=500, currency="USD", change_policy="convert")
        changed = subscriptions.change_tariff(subscription_id=subscription.pk, tariff=other.slug, by=TESTER)
        assert (changed.tariff, changed.next_tariff) == (subscription.tariff, other)

    def test_to_the_present_one_takes_a_waiting_change_back(self) -> None:
        subscription = SubscriptionFactory.create()
        for tariff in (PlanFactory.create(change_policy="queue"), subscription.tariff):
            changed = subscriptions.change_tariff(subscription_id=subscription.pk, tariff=tariff.slug, by=TESTER)
        assert changed.next_tariff is None

    def test_withdraws_the_invoice_for_the_other_and_issues_one_anew(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        other = PlanFactory.create()
        clock.advance(days=29)
        renewals.sweep(by=TESTER)
        subscriptions.change_tariff(subscription_id=subscription.pk, tariff=other.slug, by=TESTER)
        renewals.sweep(by=TESTER)
        renewals.sweep(by=TESTER)
        waiting = Invoice.objects.filter(status="pending")
        assert [each.tariff for each in waiting] == [other]
        subscriptions.change_tariff(subscription_id=subscription.pk, tariff=subscription.tariff.slug, by=TESTER)
        renewals.sweep(by=TESTER)
        assert [each.tariff for each in Invoice.objects.filter(status="pending")] == [subscription.tariff]


class TestAgreements:
    def test_are_kept_and_forgotten(self) -> None:
        subscription = SubscriptionFactory.create()
        keep = partial(subscriptions.keep_agreement, subscription_id=subscription.pk, provider="yookassa", by=TESTER)
        assert keep(agreement_id="pm-1").agreement_id == "pm-1"
        assert (keep(agreement_id="").agreement_provider, keep(agreement_id="").agreement_id) == ("", "")


class TestRefusals:
    def test_of_starting(self, unmoved: Unmoved) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create()
        go = partial(subscriptions.start, owner=Owner.wallet(wallet.pk), key="mine", by=TESTER)
        tokens, companies = TariffFactory.create(), PlanFactory.create(audience="company")
        archived = PlanFactory.create(is_active=False)
        InvoiceFactory.create(wallet=wallet, key="mine")
        refusals: list[tuple[str, type[DomainError]]] = [
            (tokens.slug, errors.TariffWithoutSubscription),
            (companies.slug, errors.TariffNotForOwner),
            (archived.slug, errors.TariffNotOnSale),
            ("nothing", errors.TariffNotFound),
            (plan.slug, errors.IdempotencyMismatch),
        ]
        for slug, error in refusals:
            with unmoved(error):
                go(tariff=slug)
        with unmoved(errors.WalletNotFound):
            subscriptions.start(owner=Owner.user(uuid7()), tariff=plan.slug, key="k", by=TESTER)

    def test_of_what_is_over(self, unmoved: Unmoved) -> None:
        over = ended()
        with unmoved(errors.SubscriptionOver):
            subscriptions.cancel(subscription_id=over.pk, by=TESTER)
        with unmoved(errors.SubscriptionOver):
            subscriptions.resume(subscription_id=over.pk, by=TESTER)
        with unmoved(errors.SubscriptionOver):
            subscriptions.change_tariff(subscription_id=over.pk, tariff=over.tariff.slug, by=TESTER)
        with unmoved(errors.SubscriptionOver):
            subscriptions.keep_agreement(subscription_id=over.pk, provider="yookassa", agreement_id="x", by=TESTER)

    def test_of_taking_back_what_has_run_out(self, unmoved: Unmoved, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        clock.advance(days=31)
        with unmoved(errors.SubscriptionOver):
            subscriptions.resume(subscription_id=subscription.pk, by=TESTER)

    def test_of_what_is_not_there_or_not_theirs(self, unmoved: Unmoved) -> None:
        theirs = SubscriptionFactory.create()
        for subscription_id, only_of in ((uuid7(), None), (theirs.pk, uuid7())):
            with unmoved(errors.SubscriptionNotFound):
                subscriptions.cancel(subscription_id=subscription_id, only_of=only_of, by=TESTER)

    def test_of_changing_the_tariff(self, unmoved: Unmoved) -> None:
        subscription = SubscriptionFactory.create()
        change = partial(subscriptions.change_tariff, subscription_id=subscription.pk, by=TESTER)
        other, tokens = PlanFactory.create(family="another"), TariffFactory.create()
        with unmoved(errors.TariffOfAnotherFamily):
            change(tariff=other.slug)
        with unmoved(errors.TariffWithoutSubscription):
            change(tariff=tokens.slug)
        pending = start().subscription
        with unmoved(errors.SubscriptionNotBegun):
            subscriptions.change_tariff(subscription_id=pending.pk, tariff=other.slug, by=TESTER)

    def test_of_an_agreement(self, unmoved: Unmoved) -> None:
        subscription = SubscriptionFactory.create()
        for provider, agreement in (("", "x"), ("yookassa", "x" * 256)):
            with unmoved(ValidationFailed):
                subscriptions.keep_agreement(
                    subscription_id=subscription.pk, provider=provider, agreement_id=agreement, by=TESTER
                )
