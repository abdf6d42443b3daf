"""The key figures: true to the kopeck, by the house's days and by tariff, whatever came back or ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from django.utils import timezone

from billing.models import Dispute, Refund, Subscription, Tariff, Trial, Wallet
from billing.operations import periods, refunds
from billing.queries import kpis
from billing.queries.kpi_rows import list_rows
from billing.queries.kpis import Cell, Period, by_day
from billing.tests.deeds import charge
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    TariffFactory,
    WalletFactory,
    funded_wallet,
    new_key,
)
from conftest import TestClock
from core import clock as database_clock
from core.money import Money

pytestmark = pytest.mark.django_db


def last(days: int, tariff: Tariff | None = None) -> Period:
    today = timezone.localtime(database_clock.now()).date()
    return Period(today - timedelta(days=days - 1), today, tariff.pk if tariff else None)


def totals(cells: Mapping[Cell, int], period: Period) -> list[int]:
    return by_day(cells, period.days)


def monthly(**fields: object) -> Tariff:
    return TariffFactory.create(**{"price": 30_000, "tokens": 0, "subscription_days": 30, **fields})


def bought(tariff: Tariff, wallet: Wallet | None = None) -> Subscription:
    """A subscription that was paid for just now."""
    wallet = wallet or WalletFactory.create()
    PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=tariff))
    return Subscription.objects.get(wallet=wallet)


def tried(tariff: Tariff, days: int = 7) -> Subscription:
    """A trial that began just now."""
    wallet, now = WalletFactory.create(), database_clock.now()
    end = now + timedelta(days=days)
    subscription = Subscription.objects.create(
        wallet=wallet,
        tariff=tariff,
        family=tariff.subscription_family,
        status=Subscription.Status.TRIALING,
        started_at=now,
        current_period_start=now,
        current_period_end=end,
        ends_at=end,
        trial_end=end,
    )
    Trial.objects.create(
        wallet=wallet,
        subscription=subscription,
        tariff=tariff,
        family=subscription.family,
        owner_hash=wallet.pk.bytes * 2,
        ends_at=end,
    )
    return subscription


class TestMoney:
    def test_is_told_by_day_tariff_and_currency(self, clock: TestClock) -> None:
        cheap, dear = TariffFactory.create(), TariffFactory.create(price=99_900)
        PaymentFactory.create(invoice=InvoiceFactory.create(tariff=cheap))
        clock.advance(days=1)
        PaymentFactory.create(invoice=InvoiceFactory.create(tariff=cheap))
        PaymentFactory.create(invoice=InvoiceFactory.create(tariff=dear))
        starred = InvoiceFactory.create(tariff=TariffFactory.create(price_stars=85))
        PaymentFactory.create(invoice=starred, amount=Money(85, "XTR"))

        period = last(3)
        money = kpis.get_money(period)

        assert money.currencies == ["RUB", "XTR"]
        assert totals(money.revenue["RUB"], period) == [0, 14_900, 114_800]
        assert totals(money.revenue["XTR"], period) == [0, 0, 85]
        assert kpis.by_tariff(money.revenue["RUB"]) == {cheap.pk: 29_800, dear.pk: 99_900}
        assert totals(kpis.get_money(last(3, dear)).revenue["RUB"], period) == [0, 0, 99_900]

    def test_leaves_out_what_was_credited_nowhere(self) -> None:
        PaymentFactory.create(invoice=InvoiceFactory.create(), amount=Money(100, "RUB"))
        assert kpis.get_money(last(1)).currencies == []

    def test_that_went_back_is_told_of_on_the_day_on_which_it_did(self, clock: TestClock) -> None:
        payment = PaymentFactory.create()
        clock.advance(days=1)
        refunds.issue(
            payment_id=payment.pk, policy=Refund.Policy.GOODWILL, amount=Money(4_900, "RUB"), reason="late",
            key=new_key(), by=TESTER,
        )  # fmt: skip
        period = last(2)
        money = kpis.get_money(period)
        assert totals(money.revenue["RUB"], period) == [14_900, 0]
        assert totals(money.returned["RUB"], period) == [0, 4_900]

    def test_that_was_lost_in_a_dispute_went_back_as_well(self, clock: TestClock) -> None:
        payment = PaymentFactory.create()
        for state, closed_at in (("open", None), ("won", database_clock.now()), ("lost", database_clock.now())):
            Dispute.objects.create(payment=payment, provider_dispute_id=state, state=state, closed_at=closed_at)
        period = last(1)
        assert totals(kpis.get_money(period).returned["RUB"], period) == [14_900]

    def test_ends_a_day_at_the_houses_midnight(self, clock: TestClock) -> None:
        now = timezone.localtime(database_clock.now())
        clock.advance(seconds=(now.replace(hour=23, minute=59, second=30) - now).total_seconds())
        PaymentFactory.create()
        clock.advance(seconds=60)
        PaymentFactory.create()
        PaymentFactory.create()
        period = last(2)
        assert totals(kpis.get_money(period).revenue["RUB"], period) == [14_900, 29_800]


class TestRecurringRevenue:
    def test_is_what_the_periods_of_a_day_bring_in_thirty_days(self, clock: TestClock) -> None:
        bought(monthly())
        clock.advance(days=10)
        bought(monthly(price=120_000, subscription_days=360))
        clock.advance(days=10)
        period = last(22)
        each = totals(kpis.get_recurring_revenue(period)["RUB"], period)
        assert each == [0] + [30_000] * 10 + [40_000] * 11

    def test_ends_with_the_period_and_goes_on_with_the_next(self, clock: TestClock) -> None:
        tariff = monthly()
        ends, goes_on = WalletFactory.create(), WalletFactory.create()
        for wallet in (ends, goes_on):
            bought(tariff, wallet)
        clock.advance(days=29)
        PaymentFactory.create(invoice=InvoiceFactory.create(wallet=goes_on, tariff=tariff))
        clock.advance(days=3)
        period = last(4)
        assert totals(kpis.get_recurring_revenue(period)["RUB"], period) == [60_000, 30_000, 30_000, 30_000]

    def test_is_there_until_the_money_went_back(self, clock: TestClock) -> None:
        subscription = bought(monthly())
        clock.advance(days=2)
        invoice = subscription.periods.get().invoice
        assert invoice is not None
        periods.remove(invoice=invoice, by=TESTER)
        period = last(3)
        assert totals(kpis.get_recurring_revenue(period)["RUB"], period) == [30_000, 30_000, 0]

    def test_is_none_of_what_is_free(self) -> None:
        tried(monthly())
        assert kpis.get_recurring_revenue(last(3)) == {}


class TestSubscriptions:
    def test_are_counted_as_they_come_and_go(self, clock: TestClock) -> None:
        tariff, other = monthly(), monthly()
        first = bought(tariff)
        clock.advance(days=1)
        bought(tariff)
        bought(other)
        clock.advance(days=1)
        self._ended(first)
        clock.advance(days=1)
        period = last(4)
        found = kpis.get_subscriptions(period)
        assert totals(found.active, period) == [1, 3, 2, 2]
        assert totals(found.began, period) == [1, 2, 0, 0]
        assert totals(found.churned, period) == [0, 0, 1, 0]
        assert totals(kpis.get_subscriptions(last(4, other)).active, period) == [0, 1, 1, 1]

    def test_of_a_short_period_know_who_was_there_before(self, clock: TestClock) -> None:
        bought(monthly())
        clock.advance(days=5)
        period = last(2)
        found = kpis.get_subscriptions(period)
        assert totals(found.active, period) == [1, 1]
        assert totals(found.began, period) == [0, 0]

    def test_on_trial_are_none_that_are_paid_for(self, clock: TestClock) -> None:
        tariff = monthly()
        leaves, stays = tried(tariff, days=2), tried(tariff, days=2)
        clock.advance(days=1)
        PaymentFactory.create(invoice=InvoiceFactory.create(wallet=stays.wallet, tariff=tariff))
        clock.advance(days=1)
        self._ended(leaves)
        clock.advance(days=1)
        period = last(4)
        found = kpis.get_subscriptions(period)
        assert totals(found.trialing, period) == [2, 2, 0, 0]
        assert totals(found.active, period) == [0, 0, 1, 1]
        assert totals(found.began, period) == [0, 0, 1, 0]
        assert totals(found.churned, period) == [0, 0, 0, 0]

    @staticmethod
    def _ended(subscription: Subscription) -> None:
        subscription.refresh_from_db()
        subscription.status, subscription.ended_at = Subscription.Status.EXPIRED, database_clock.now()
        subscription.renews_at = None
        subscription.save()


class TestTrials:
    def test_are_told_by_the_day_on_which_they_began(self, clock: TestClock) -> None:
        tariff = monthly()
        tried(tariff, days=1)
        stays = tried(tariff, days=1)
        clock.advance(days=2)
        PaymentFactory.create(invoice=InvoiceFactory.create(wallet=stays.wallet, tariff=tariff))
        tried(tariff)
        period = last(3)
        found = kpis.get_trials(period)
        assert totals(found.begun, period) == [2, 0, 1]
        assert totals(found.converted, period) == [1, 0, 0]
        assert totals(found.running, period) == [0, 0, 1]


class TestLiability:
    def test_is_what_customers_had_at_each_days_end(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=100)
        clock.advance(days=1)
        charge(wallet, 30)
        funded_wallet(tokens=50)
        clock.advance(days=1)
        charge(wallet, 5)
        period = last(4)
        assert list(kpis.get_liability(period).values()) == [0, 100, 120, 115]
        assert sum(Wallet.objects.values_list("token_balance", flat=True)) == 115

    def test_of_a_period_that_is_over_knows_nothing_of_what_came_later(self, clock: TestClock) -> None:
        funded_wallet(tokens=100)
        period = last(2)
        clock.advance(days=3)
        funded_wallet(tokens=900)
        assert list(kpis.get_liability(period).values()) == [0, 100]


class TestPeriod:
    def test_before_is_as_long(self) -> None:
        period = Period(date(2026, 3, 1), date(2026, 3, 31))
        assert (period.before.since, period.before.until) == (date(2026, 1, 29), date(2026, 2, 28))
        assert len(period.before.days) == len(period.days) == 31

    def test_is_thirty_days_by_default(self) -> None:
        assert kpis.default_period() == last(30)


class TestRows:
    def test_say_the_whole_of_each_day_and_what_each_tariff_has_of_it(self, clock: TestClock) -> None:
        tariff = monthly()
        bought(tariff)
        clock.advance(days=1)
        PaymentFactory.create(invoice=InvoiceFactory.create(tariff=TariffFactory.create(tokens=50)))
        rows = list_rows(last(2), currency="", names={tariff.pk: "Monthly"})
        assert [row.tariff != "" for row in rows] == [False, True, False, True, True]
        whole = [row for row in rows if not row.tariff]
        assert [row.figures["revenue"] for row in whole] == [30_000, 14_900]
        assert [row.figures["recurring"] for row in whole] == [30_000, 30_000]
        assert [row.liability for row in whole] == [0, 50]
        for name in whole[0].figures:
            for row in whole:
                parts = [each.figures[name] for each in rows if each.tariff and each.day == row.day]
                assert sum(parts) == row.figures[name]
