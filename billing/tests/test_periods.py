"""What payments add to subscriptions, and what goes with money that went back."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from billing.models import Invoice, Subscription, SubscriptionPeriod, Tariff, Wallet
from billing.operations import periods, renewals, subscriptions
from billing.owners import Owner
from billing.queries.reconciliation import list_divergences
from billing.tests.deeds import bill, pay
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PlanFactory,
    SubscriptionFactory,
    TariffFactory,
    TrialFactory,
    WalletFactory,
)
from billing.tests.invariants import contradictions
from conftest import TestClock
from core import clock as database_clock
from core.database_roles import as_owner
from core.tests.guards import check_deferred, execute, switch_off

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def bought(wallet: Wallet, tariff: Tariff) -> Invoice:
    """An invoice that was paid just now."""
    invoice: Invoice = InvoiceFactory.create(wallet=wallet, tariff=tariff)
    return pay(invoice).invoice


def spans(subscription: Subscription, since: datetime) -> list[tuple[float, float]]:
    """The periods that are in force, in days from a moment."""
    rows = SubscriptionPeriod.objects.filter(subscription=subscription, removed_at=None).order_by("starts_at")
    return [((row.starts_at - since) / DAY, (row.ends_at - since) / DAY) for row in rows]


def the(wallet: Wallet) -> Subscription:
    """The wallet's only one."""
    found: Subscription = Subscription.objects.get(wallet=wallet)
    return found


class TestAdding:
    def test_begins_a_subscription_and_goes_on_with_it(self) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create()
        now = database_clock.now()
        for _number in range(2):
            bought(wallet, plan)
        subscription = the(wallet)
        assert spans(subscription, now) == [(0, 30), (30, 60)]
        assert (subscription.status, subscription.family, subscription.tariff) == ("active", "pro", plan)
        assert (subscription.current_period_start, subscription.current_period_end) == (now, now + 30 * DAY)
        assert (subscription.started_at, subscription.ends_at) == (now, now + 60 * DAY)
        assert subscription.renews_at == now + 59 * DAY
        wallet.refresh_from_db()
        assert wallet.subscription_end == now + 60 * DAY

    def test_of_tokens_alone_adds_nothing(self) -> None:
        wallet = WalletFactory.create()
        bought(wallet, TariffFactory.create())
        assert not Subscription.objects.exists()
        wallet.refresh_from_db()
        assert wallet.subscription_end is None

    def test_twice_for_one_invoice_changes_nothing(self) -> None:
        wallet = WalletFactory.create()
        invoice = bought(wallet, PlanFactory.create())
        assert periods.add(wallet=wallet, invoice=invoice, moment=database_clock.now(), by=TESTER) is None
        assert SubscriptionPeriod.objects.count() == 1

    def test_families_stand_beside_each_other(self) -> None:
        wallet = WalletFactory.create()
        for tariff in (PlanFactory.create(family="a"), PlanFactory.create(family="b"), PlanFactory.create(family="")):
            bought(wallet, tariff)
        found = Subscription.objects.filter(wallet=wallet)
        assert len(found) == 3
        assert {each.family for each in found} == {"a", "b", found[0].tariff.slug}

    def test_after_a_lapse_begins_another_one_now(self, clock: TestClock) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create()
        bought(wallet, plan)
        clock.advance(days=34)
        now = database_clock.now()
        bought(wallet, plan)
        old, new = Subscription.objects.filter(wallet=wallet).order_by("created_at")
        assert (old.status, new.status) == ("expired", "active")
        assert spans(new, now) == [(0, 30)]

    def test_within_the_grace_goes_on_from_the_schedule(self, clock: TestClock) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create()
        now = database_clock.now()
        bought(wallet, plan)
        clock.advance(days=32)
        bought(wallet, plan)
        assert spans(the(wallet), now) == [(0, 30), (30, 60)]

    def test_leaves_a_cancellation_unless_the_invoice_was_made_to_go_on(self) -> None:
        subscription = SubscriptionFactory.create()
        wallet = subscription.wallet
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        bought(wallet, subscription.tariff)
        assert (the(wallet).status, the(wallet).renews_at) == ("cancelled", None)

    def test_of_a_pending_one_begins_it(self) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create()
        started = subscriptions.start(owner=Owner.wallet(wallet.pk), tariff=plan.slug, key="mine", by=TESTER)
        pay(started.invoice)
        subscription = the(wallet)
        assert (subscription.pk, subscription.status) == (started.subscription.pk, "active")
        assert subscription.renewal_invoice is None

    def test_during_a_trial_begins_behind_it(self) -> None:
        trial = TrialFactory.create()
        now = database_clock.now()
        bought(trial.wallet, trial.tariff)
        assert spans(trial.subscription, now) == [(0, 7), (7, 37)]
        assert the(trial.wallet).status == "trialing"


class TestAnotherTariff:
    def test_waits_for_the_paid_time_to_end(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        other = PlanFactory.create(price=60_000)
        now = database_clock.now()
        bought(subscription.wallet, other)
        subscription.refresh_from_db()
        assert spans(subscription, now) == [(0, 30), (30, 60)]
        assert (subscription.tariff_id == other.pk, subscription.next_tariff) == (False, other)
        clock.advance(days=31)
        renewals.sweep(by=TESTER)
        subscription.refresh_from_db()
        assert (subscription.tariff, subscription.next_tariff) == (other, None)
        assert subscription.current_period_end == now + 60 * DAY

    def test_converts_the_paid_time_by_its_value(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        other = PlanFactory.create(price=60_000, change_policy="convert")
        clock.advance(days=10)
        now = database_clock.now()
        bought(subscription.wallet, other)
        subscription.refresh_from_db()
        # 20 days that are left at 300 ₽ are 10 at 600 ₽.
        assert spans(subscription, now) == [(-10, 10), (10, 40)]
        assert (subscription.tariff, subscription.next_tariff) == (other, None)

    def test_does_not_convert_what_cost_nothing(self) -> None:
        trial = TrialFactory.create()
        now = database_clock.now()
        other = PlanFactory.create(price=60_000, change_policy="convert")
        bought(trial.wallet, other)
        assert spans(trial.subscription, now) == [(0, 7), (7, 37)]

    def test_promised_one_thing_keeps_it_when_the_tariff_changes(self) -> None:
        subscription = SubscriptionFactory.create()
        other = PlanFactory.create()
        invoice = InvoiceFactory.create(wallet=subscription.wallet, tariff=other)
        Tariff.objects.filter(pk=other.pk).update(change_policy="convert", family="else", subscription_days=1)
        now = database_clock.now()
        pay(invoice)
        assert spans(subscription, now) == [(0, 30), (30, 60)]


class TestRemoving:
    def test_the_middle_one_of_three_moves_the_third_up(self) -> None:
        subscription = SubscriptionFactory.create(periods=3)
        now = database_clock.now()
        middle = subscription.periods.get(number=2)
        removed = periods.remove(invoice=bill(middle), by=TESTER)
        assert removed is not None
        subscription.refresh_from_db()
        assert spans(subscription, now) == [(0, 30), (30, 60)]
        assert (subscription.status, subscription.ends_at) == ("active", now + 60 * DAY)
        assert subscription.renews_at == now + 59 * DAY
        subscription.wallet.refresh_from_db()
        assert subscription.wallet.subscription_end == now + 60 * DAY

    def test_twice_takes_back_once(self) -> None:
        subscription = SubscriptionFactory.create(periods=2)
        invoice = bill(subscription.periods.get(number=2))
        periods.remove(invoice=invoice, by=TESTER)
        assert periods.remove(invoice=invoice, by=TESTER) is None
        assert subscription.periods.filter(removed_at=None).count() == 1

    def test_the_present_one_begins_the_next_one_now(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create(periods=2)
        clock.advance(days=10)
        now = database_clock.now()
        periods.remove(invoice=bill(subscription.periods.get(number=1)), by=TESTER)
        assert spans(subscription, now) == [(0, 30)]

    def test_the_only_one_ends_the_subscription(self) -> None:
        subscription = SubscriptionFactory.create()
        periods.remove(invoice=bill(subscription.periods.get()), by=TESTER)
        subscription.refresh_from_db()
        assert (subscription.status, subscription.renews_at) == ("expired", None)
        subscription.wallet.refresh_from_db()
        assert subscription.wallet.subscription_end is None

    def test_one_that_has_passed_takes_nothing_from_the_present(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create(periods=2)
        clock.advance(days=40)
        now = database_clock.now()
        periods.remove(invoice=bill(subscription.periods.get(number=1)), by=TESTER)
        subscription.refresh_from_db()
        assert spans(subscription, now) == [(-10, 20)]
        assert subscription.status == "active"

    def test_of_an_ended_one_leaves_it_ended(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        clock.advance(days=40)
        for _round in range(3):
            renewals.sweep(by=TESTER)
        periods.remove(invoice=bill(subscription.periods.get()), by=TESTER)
        subscription.refresh_from_db()
        assert subscription.status == "expired"
        assert subscription.periods.get().removed_at is not None

    def test_an_invoice_without_a_period_takes_nothing(self) -> None:
        assert periods.remove(invoice=InvoiceFactory.create(), by=TESTER) is None


class TestRestoring:
    """Money that had gone back, and stays after all."""

    def test_of_one_that_was_taken_back_gives_it_again_at_the_end(self) -> None:
        subscription = SubscriptionFactory.create(periods=3)
        now = database_clock.now()
        invoice = bill(subscription.periods.get(number=2))
        periods.remove(invoice=invoice, by=TESTER)
        given = periods.restore(invoice=invoice, by=TESTER)
        assert given is not None
        assert (given.number, given.rate_amount, given.rate_seconds) == (4, invoice.amount, 30 * 86_400)
        assert spans(subscription, now) == [(0, 30), (30, 60), (60, 90)]
        subscription.refresh_from_db()
        assert (subscription.status, subscription.ends_at) == ("active", now + 90 * DAY)
        assert subscription.renews_at == now + 89 * DAY

    def test_twice_gives_it_once_and_what_was_never_taken_back_not_at_all(self) -> None:
        subscription = SubscriptionFactory.create()
        invoice = bill(subscription.periods.get())
        assert periods.restore(invoice=invoice, by=TESTER) is None
        periods.remove(invoice=invoice, by=TESTER)
        assert periods.restore(invoice=invoice, by=TESTER) is not None
        assert periods.restore(invoice=invoice, by=TESTER) is None
        assert SubscriptionPeriod.objects.filter(removed_at=None).count() == 1
        assert periods.restore(invoice=InvoiceFactory.create(), by=TESTER) is None

    def test_gives_what_was_left_of_it(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create()
        invoice = bill(subscription.periods.get())
        clock.advance(days=10)
        periods.remove(invoice=invoice, by=TESTER)
        clock.advance(days=5)
        now = database_clock.now()
        periods.restore(invoice=invoice, by=TESTER)
        going_on = Subscription.objects.get(status="active")
        assert spans(going_on, now) == [(0, 20)]
        # Its value counts as it did.
        assert (going_on.periods.get().rate_amount, going_on.periods.get().rate_seconds) == (30_000, 30 * 86_400)
        subscription.wallet.refresh_from_db()
        assert subscription.wallet.subscription_end == now + 20 * DAY
        assert contradictions() == []
        assert list_divergences() == []

    def test_of_one_that_had_passed_gives_nothing(self, clock: TestClock) -> None:
        subscription = SubscriptionFactory.create(periods=2)
        invoice = bill(subscription.periods.get(number=1))
        clock.advance(days=31)
        periods.remove(invoice=invoice, by=TESTER)
        assert periods.restore(invoice=invoice, by=TESTER) is None

    def test_goes_on_as_it_was_agreed(self) -> None:
        subscription = SubscriptionFactory.create()
        invoice = bill(subscription.periods.get())
        subscriptions.keep_agreement(subscription_id=subscription.pk, provider="till", agreement_id="pm-1", by=TESTER)
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        periods.remove(invoice=invoice, by=TESTER)
        periods.restore(invoice=invoice, by=TESTER)
        going_on = Subscription.objects.get(status="cancelled")
        assert (going_on.agreement_id, going_on.renews_at) == ("pm-1", None)

    def test_keeps_calendar_months(self) -> None:
        subscription = SubscriptionFactory.create(
            tariff=PlanFactory.create(period_kind="calendar_month", period_months=1), periods=2
        )
        end, invoice = subscription.ends_at, bill(subscription.periods.get(number=1))
        periods.remove(invoice=invoice, by=TESTER)
        periods.restore(invoice=invoice, by=TESTER)
        subscription.refresh_from_db()
        assert subscription.ends_at == end


class TestCarriedOver:
    """What was paid before there were periods: sql/0014_carried_periods.sql, over the same payments."""

    SQL = Path(periods.__file__).parents[1] / "sql" / "0014_carried_periods.sql"

    @staticmethod
    def forgotten() -> dict[UUID, datetime | None]:
        """As the release before left it: payments, and one end of each wallet."""
        with as_owner():
            for table in ("billing_subscriptionperiod", "billing_subscription"):
                execute(f"DELETE FROM {table}")
        assert "I8" in {each.invariant for each in list_divergences()}
        return dict(Wallet.objects.values_list("pk", "subscription_end"))

    @staticmethod
    def without_guards() -> None:
        with as_owner():
            switch_off("billing_subscription", "billing_subscription_is_never_deleted")
            switch_off("billing_subscriptionperiod", "billing_subscriptionperiod_is_never_deleted")

    def test_leads_to_the_same_end_in_clean_books(self, clock: TestClock) -> None:
        self.without_guards()
        lapsed, running, twice = (WalletFactory.create() for _number in range(3))
        plan, longer = PlanFactory.create(), PlanFactory.create(subscription_days=90)
        bought(lapsed, plan)
        bought(twice, plan)
        clock.advance(days=45)
        bought(twice, plan)
        bought(running, plan)
        bought(running, longer)
        WalletFactory.create()
        ends = self.forgotten()
        for _again in range(2):
            with as_owner():
                execute(self.SQL.read_text("utf-8"))
        check_deferred()
        assert list_divergences() == []
        assert contradictions() == []
        assert dict(Wallet.objects.values_list("pk", "subscription_end")) == ends
        now = database_clock.now()
        assert spans(the(lapsed), now) == [(-45, -15)]
        assert spans(the(twice), now) == [(-45, -15), (0, 30)]
        assert spans(the(running), now) == [(0, 30), (30, 120)]
        told = (the(running).status, the(running).tariff, the(running).next_tariff, the(running).renews_at)
        assert told == ("active", plan, longer, now + 119 * DAY)
        assert (the(lapsed).status, the(lapsed).ended_at) == ("expired", now - 15 * DAY)

    def test_goes_on_like_any_other(self, clock: TestClock) -> None:
        self.without_guards()
        wallet, plan = WalletFactory.create(), PlanFactory.create()
        bought(wallet, plan)
        self.forgotten()
        with as_owner():
            execute(self.SQL.read_text("utf-8"))
        check_deferred()
        now = database_clock.now()
        bought(wallet, plan)
        assert spans(the(wallet), now) == [(0, 30), (30, 60)]
        clock.advance(days=59)
        renewals.sweep(by=TESTER)
        assert the(wallet).renewal_invoice is not None
        assert list_divergences() == []

    def test_keeps_an_end_that_was_moved_by_hand(self) -> None:
        self.without_guards()
        wallet = WalletFactory.create()
        bought(wallet, PlanFactory.create())
        moved = database_clock.now() + 100 * DAY
        self.forgotten()
        Wallet.objects.filter(pk=wallet.pk).update(subscription_end=moved)
        with as_owner():
            execute(self.SQL.read_text("utf-8"))
        assert the(wallet).ends_at == moved
        assert list_divergences() == []
