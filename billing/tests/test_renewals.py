"""What time does to subscriptions, also when a worker is late (RELIABILITY F10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings

from billing import errors, events, renewal_charges
from billing.models import Invoice, Subscription, SubscriptionPeriod
from billing.operations import invoices, renewals, subscriptions
from billing.tests.deeds import bill, pay
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PlanFactory,
    SubscriptionFactory,
    TrialFactory,
    WalletFactory,
)
from billing.tests.snapshots import Unmoved
from conftest import TestClock
from core import clock as database_clock
from core.actors import Actor
from core.errors import IdempotencyKeyInvalid
from core.ids import uuid7

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


class Till:
    """A provider that charges by agreement: it notes what it is asked for, and settles it when told to."""

    def __init__(self) -> None:
        self.asked: list[UUID] = []

    def charge(self, *, subscription_id: UUID, invoice_id: UUID, by: Actor) -> None:
        self.asked.append(invoice_id)

    def settle(self) -> None:
        for invoice_id in self.asked:
            invoice = Invoice.objects.get(pk=invoice_id)
            if invoice.status == Invoice.Status.PENDING:
                pay(invoice)


@pytest.fixture(scope="module")
def only_till() -> Till:
    till = Till()
    renewal_charges.register("till", till)
    return till


@pytest.fixture
def till(only_till: Till) -> Till:
    only_till.asked.clear()
    return only_till


@pytest.fixture
def told(django_capture_on_commit_callbacks: Any) -> Iterator[list[tuple[str, Any]]]:
    """What is announced of subscriptions, once everything is committed."""
    heard: list[tuple[str, Any]] = []

    def hear(sender: object, type: str, **ids: Any) -> None:
        heard.append((type, ids.get("days")))

    events.subscription_changed.connect(hear)
    yield heard
    events.subscription_changed.disconnect(hear)


def agreed(subscription: Subscription) -> Subscription:
    return subscriptions.keep_agreement(
        subscription_id=subscription.pk, provider="till", agreement_id="pm-1", by=TESTER
    )


def swept(subscription: Subscription) -> Subscription:
    """As it is after a worker came by."""
    renewals.sweep(by=TESTER)
    subscription.refresh_from_db()
    return subscription


class TestRenewing:
    def test_issues_an_invoice_a_day_before_the_end_once(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        clock.advance(days=28, hours=23)
        assert swept(subscription).renewal_invoice is None
        clock.advance(hours=1)
        assert swept(subscription).renewal_invoice is not None
        assert swept(subscription).renews_at is None
        assert Invoice.objects.count() == 2

    def test_takes_todays_price_without_the_code(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        type(subscription.tariff).objects.filter(pk=subscription.tariff_id).update(price=45_000)
        clock.advance(days=29)
        invoice = swept(subscription).renewal_invoice
        assert invoice is not None
        assert (invoice.amount, invoice.promo_code, invoice.expires_at) == (
            45_000,
            None,
            subscription.ends_at + 3 * DAY if subscription.ends_at else None,
        )

    def test_charges_by_the_agreement(self, till: Till, clock: TestClock) -> None:
        subscription = agreed(SubscriptionFactory.create())
        began = subscription.ends_at
        clock.advance(days=29)
        swept(subscription)
        assert till.asked == [subscription.renewal_invoice_id]
        till.settle()
        subscription.refresh_from_db()
        assert began is not None
        assert (subscription.status, subscription.ends_at) == ("active", began + 30 * DAY)
        assert subscription.renewal_invoice is None

    def test_stays_in_the_currency_it_was_paid_in(self, clock: TestClock) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create(price_stars=250)
        pay(InvoiceFactory.create(wallet=wallet, tariff=plan, currency="XTR"))
        clock.advance(days=29)
        invoice = swept(Subscription.objects.get(wallet=wallet)).renewal_invoice
        assert invoice is not None
        assert (invoice.currency, invoice.amount) == ("XTR", 250)

    def test_of_a_tariff_that_is_off_sale_goes_on(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        type(subscription.tariff).objects.filter(pk=subscription.tariff_id).update(is_active=False)
        clock.advance(days=29)
        assert swept(subscription).renewal_invoice is not None

    def test_ends_a_trial_in_a_subscription(self, till: Till, clock: TestClock) -> None:
        subscription = agreed(TrialFactory.create().subscription)
        clock.advance(days=6)
        swept(subscription)
        till.settle()
        clock.advance(days=1)
        assert swept(subscription).status == "active"
        assert subscription.periods.count() == 2

    @pytest.mark.parametrize("grace", [0, 3])
    def test_by_a_worker_26_hours_late_happens_once_and_counts_from_the_schedule(
        self, grace: int, till: Till, clock: TestClock
    ) -> None:
        """F10: catch up once per period."""
        subscription = agreed(SubscriptionFactory.create(tariff=PlanFactory.create(grace_days=grace)))
        end = subscription.ends_at
        assert end is not None
        clock.advance(days=30, hours=26)
        for _round in range(2):
            renewals.sweep(by=TESTER)
            till.settle()
        subscription.refresh_from_db()
        assert (subscription.status, subscription.ends_at) == ("active", end + 30 * DAY)
        assert len(till.asked) == 1
        assert SubscriptionPeriod.objects.count() == 2


class TestNotPaid:
    def test_waits_out_the_grace_and_ends(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        end = subscription.ends_at
        assert end is not None
        clock.advance(days=29)
        swept(subscription)
        clock.advance(days=1)
        assert (swept(subscription).status, subscription.grace_ends_at) == ("past_due", end + 3 * DAY)
        clock.advance(days=2)
        assert swept(subscription).status == "past_due"
        clock.advance(days=1)
        assert swept(subscription).status == "expired"
        assert subscription.renewal_invoice is None

    def test_paid_in_the_grace_goes_on_from_the_schedule(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        end = subscription.ends_at
        assert end is not None
        clock.advance(days=32)
        invoice = swept(subscription).renewal_invoice
        assert invoice is not None
        pay(invoice)
        subscription.refresh_from_db()
        assert (subscription.status, subscription.ends_at) == ("active", end + 30 * DAY)

    def test_paid_when_it_is_over_begins_another(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        clock.advance(days=30)
        invoice = swept(subscription).renewal_invoice
        assert invoice is not None
        clock.advance(days=10)
        invoices.sweep(by=TESTER)
        assert swept(subscription).status == "expired"
        pay(invoice)
        assert Subscription.objects.get(status="active").started_at == database_clock.now()

    def test_a_late_worker_takes_no_day_of_grace_away(self, clock: TestClock) -> None:
        """F10: the customer is told late, and has as long as anybody."""
        subscription = SubscriptionFactory.create()
        clock.advance(days=40)
        assert swept(subscription).status == "past_due"
        assert subscription.grace_ends_at == database_clock.now() + 3 * DAY


class TestReminders:
    def test_come_at_seven_days_and_at_one(
        self, told: list[Any], clock: TestClock, django_capture_on_commit_callbacks: Any
    ) -> None:
        SubscriptionFactory.create(tariff=PlanFactory.create(subscription_days=60))
        heard = []
        for day in range(1, 60):
            clock.advance(days=1)
            with django_capture_on_commit_callbacks(execute=True):
                renewals.sweep(by=TESTER)
                renewals.sweep(by=TESTER)
            heard += [(day, *each) for each in told]
            told.clear()
        assert heard == [(53, "subscription.expiring", 7), (59, "subscription.expiring", 1)]

    def test_that_passed_unseen_are_not_told_all_at_once(
        self, told: list[Any], clock: TestClock, django_capture_on_commit_callbacks: Any
    ) -> None:
        """F10: skipped, not stormed."""
        SubscriptionFactory.create()
        clock.advance(days=29, hours=20)
        with django_capture_on_commit_callbacks(execute=True):
            renewals.sweep(by=TESTER)
        assert told == [("subscription.expiring", 1)]

    def test_do_not_come_when_it_begins(
        self, told: list[Any], clock: TestClock, django_capture_on_commit_callbacks: Any
    ) -> None:
        TrialFactory.create(tariff=PlanFactory.create(trial_days=5))
        with django_capture_on_commit_callbacks(execute=True):
            assert renewals.sweep(by=TESTER) == 1
            assert renewals.sweep(by=TESTER) == 0
        assert told == []

    def test_come_again_for_the_next_period(
        self, told: list[Any], clock: TestClock, django_capture_on_commit_callbacks: Any
    ) -> None:
        subscription = SubscriptionFactory.create()
        clock.advance(days=29)
        invoice = swept(subscription).renewal_invoice
        assert invoice is not None
        pay(invoice)
        subscription.refresh_from_db()
        assert subscription.reminded_days is None
        clock.advance(days=30)
        with django_capture_on_commit_callbacks(execute=True):
            renewals.sweep(by=TESTER)
        assert told == [("subscription.expiring", 1)]


class TestInvoicesOfProviders:
    def test_carry_the_subscription_on(self) -> None:
        """A renewal that a provider takes by itself names the invoice of the first payment."""
        subscription = SubscriptionFactory.create()
        first = bill(subscription.periods.get())
        invoice = renewals.issue_invoice(of_invoice_id=first.pk, key="charge-2", by=TESTER)
        assert renewals.issue_invoice(of_invoice_id=first.pk, key="charge-2", by=TESTER).pk == invoice.pk
        pay(invoice)
        third = renewals.issue_invoice(of_invoice_id=first.pk, key="charge-3", by=TESTER)
        pay(third)
        assert subscription.periods.count() == 3
        assert renewals.issue_invoice(of_invoice_id=first.pk, key="charge-2", by=TESTER).pk == invoice.pk

    def test_take_the_place_of_what_waited(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        clock.advance(days=29)
        waiting = swept(subscription).renewal_invoice
        first = bill(subscription.periods.get())
        assert waiting is not None
        pay(renewals.issue_invoice(of_invoice_id=first.pk, key="charge-2", by=TESTER))
        waiting.refresh_from_db()
        assert (waiting.status, subscription.periods.count()) == ("cancelled", 2)

    def test_of_an_ended_one_begin_another(self) -> None:
        subscription = SubscriptionFactory.create()
        first = bill(subscription.periods.get())
        Subscription.objects.filter(pk=subscription.pk).update(status="expired", ended_at=database_clock.now())
        pay(renewals.issue_invoice(of_invoice_id=first.pk, key="charge-2", by=TESTER))
        assert Subscription.objects.filter(status="active").count() == 1

    def test_are_refused_for_what_paid_for_none(self, unmoved: Unmoved) -> None:
        lone = InvoiceFactory.create()
        with unmoved(errors.SubscriptionNotFound):
            renewals.issue_invoice(of_invoice_id=lone.pk, key="k", by=TESTER)
        with unmoved(errors.InvoiceNotFound):
            renewals.issue_invoice(of_invoice_id=uuid7(), key="k", by=TESTER)
        with unmoved(IdempotencyKeyInvalid):
            renewals.issue_invoice(of_invoice_id=lone.pk, key="", by=TESTER)

    def test_are_refused_where_they_cannot_be_made(self, unmoved: Unmoved) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create(price_stars=250)
        paid = pay(InvoiceFactory.create(wallet=wallet, tariff=plan, currency="XTR")).invoice
        other = InvoiceFactory.create(wallet=wallet)
        with unmoved(errors.IdempotencyMismatch):
            renewals.issue_invoice(of_invoice_id=paid.pk, key=other.idempotency_key, by=TESTER)
        type(plan).objects.filter(pk=plan.pk).update(price_stars=None)
        with unmoved(errors.CurrencyNotOffered):
            renewals.issue_invoice(of_invoice_id=paid.pk, key="k", by=TESTER)
        with unmoved(errors.CurrencyNotOffered):
            invoices.issue(wallet=wallet, tariff=plan, currency="EUR", key="k", by=TESTER)

    def test_of_nobody_are_refused(self, unmoved: Unmoved) -> None:
        with unmoved(errors.SubscriptionNotFound):
            renewals.renew(subscription_id=uuid7(), by=TESTER)
        with unmoved(errors.SubscriptionNotFound):
            renewals.advance(subscription_id=uuid7(), by=TESTER)
        with unmoved(errors.SubscriptionNotFound):
            renewals.remind(subscription_id=uuid7(), by=TESTER)


@pytest.mark.timeout(300)
class TestFourYears:
    """
    From a 31 January in Berlin over a leap day and eight changes of the clocks, a worker coming by once a day. Those of
    calendar months are paid in tests/api/test_money_story.py.
    """

    BEGIN = datetime(2027, 1, 31, 10, tzinfo=BERLIN)
    DAYS = 4 * 365 + 1

    def walk(self, clock: TestClock, till: Till, **plan: Any) -> Subscription:
        clock.advance(seconds=(self.BEGIN - database_clock.now()).total_seconds())
        subscription = agreed(SubscriptionFactory.create(tariff=PlanFactory.create(**plan)))
        for _day in range(self.DAYS):
            clock.advance(days=1)
            renewals.sweep(by=TESTER)
            till.settle()
            till.asked.clear()
        subscription.refresh_from_db()
        assert subscription.status == "active"
        return subscription

    def test_of_thirty_days(self, clock: TestClock, till: Till) -> None:
        with override_settings(TIME_ZONE="Europe/Berlin"):
            subscription = self.walk(clock, till)
        # 1461 days: the renewal of each 30th was paid a day before it.
        assert subscription.periods.count() == 1 + (self.DAYS + 1) // 30 == 49
        assert self.ends(subscription)[-1] == self.BEGIN + 49 * 30 * DAY

    @staticmethod
    def ends(subscription: Subscription) -> list[datetime]:
        rows = list(subscription.periods.order_by("number"))
        assert all(one.ends_at == other.starts_at for one, other in pairwise(rows))
        return [row.ends_at.astimezone(BERLIN) for row in rows]
