"""What the whole house sold, gave and is owed, day by day: the figures behind the Admin's first page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from billing.models import Invoice, Payment
from billing.operations import holds, invoices
from billing.queries import kpis, statistics
from billing.queries.statistics import DayOfTokens
from billing.tests.deeds import charge, hold, pay
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PromoCodeFactory,
    TariffFactory,
    WalletFactory,
    funded_wallet,
)
from billing.tests.facts import tell, told_of
from billing.tests.payment_factories import RefundFactory
from conftest import TestClock
from core import clock as database_clock
from core.money import Money

pytestmark = pytest.mark.django_db


@pytest.fixture
def days(clock: TestClock) -> list[date]:
    """Three days: the day before yesterday, yesterday and today, which begins now; the clock stands at the first."""
    here = ZoneInfo(settings.TIME_ZONE)
    now = database_clock.now()
    tomorrow = datetime.combine(now.astimezone(here).date() + timedelta(days=1), datetime.min.time(), here)
    clock.advance(seconds=(tomorrow - now).total_seconds())
    return [(tomorrow + timedelta(days=ahead)).date() for ahead in range(3)]


def sell(price: int = 14_900, **tariff: object) -> Invoice:
    """A paid invoice of a new customer."""
    invoice = InvoiceFactory.create(tariff=TariffFactory.create(price=price, **tariff))
    pay(invoice)
    return invoice


def test_the_last_days_end_today_where_the_house_is(days: list[date], clock: TestClock) -> None:
    assert statistics.last_days(1) == [days[0]]
    clock.advance(seconds=-1)
    assert statistics.last_days(1) == [days[0] - timedelta(days=1)]
    clock.advance(seconds=1, days=2)
    assert statistics.last_days(3) == days


class TestRevenue:
    def test_is_counted_on_the_day_of_the_payment(self, days: list[date], clock: TestClock) -> None:
        sell(10_000)
        clock.advance(hours=23, minutes=59)
        sell(500)
        clock.advance(minutes=1)
        clock.advance(days=1)
        sell(700)
        found = statistics.get_revenue(days)
        assert found.currency == "RUB"
        assert found.days == {days[0]: 10_500, days[1]: 0, days[2]: 700}
        assert found.total == [Money(11_200, "RUB")]

    def test_is_compared_with_the_period_before(self, days: list[date], clock: TestClock) -> None:
        sell(10_000)
        clock.advance(days=1)
        sell(700)
        found = statistics.get_revenue(days[1:2])
        assert (found.total, found.before) == ([Money(700, "RUB")], Money(10_000, "RUB"))

    def test_leaves_out_what_was_credited_nowhere_or_cost_nothing(self, days: list[date]) -> None:
        invoice = sell(10_000)
        pay(invoice, provider_payment_id="a surplus")
        pay(InvoiceFactory.create(), Money(1, "RUB"))
        InvoiceFactory.create(promo_code=PromoCodeFactory.create(discount_value=100))
        assert statistics.get_revenue(days).total == [Money(10_000, "RUB")]

    def test_is_without_what_went_back_as_in_the_key_figures(self, days: list[date], clock: TestClock) -> None:
        """40 % of one payment went back, and all of another."""
        sold = [Payment.objects.get(invoice=sell(10_000)) for _time in range(3)]
        clock.advance(days=1)
        RefundFactory.create(payment=sold[0], amount=Money(4_000, "RUB"))
        RefundFactory.create(payment=sold[1])
        found = statistics.get_revenue(days)
        assert found.days == {days[0]: 16_000, days[1]: 0, days[2]: 0}
        money = kpis.get_money(kpis.Period(days[0], days[-1]))
        revenue, returned = (sum(figures["RUB"].values()) for figures in (money.revenue, money.returned))
        assert (revenue, returned) == (30_000, 14_000)
        assert found.total == [Money(revenue - returned, "RUB")]

    def test_is_counted_on_the_day_of_its_arrival_as_in_the_key_figures(
        self, days: list[date], clock: TestClock
    ) -> None:
        of = told_of(InvoiceFactory.create())
        tell(of.created())
        clock.advance(days=1)
        tell(of.succeeded())
        assert statistics.get_revenue(days).days == {days[0]: 0, days[1]: 14_900, days[2]: 0}
        assert kpis.by_day(kpis.get_money(kpis.Period(days[0], days[-1])).revenue["RUB"], days) == [0, 14_900, 0]

    def test_is_drawn_in_the_currency_of_most_payments_and_summed_in_each(self, days: list[date]) -> None:
        for _time in range(2):
            sell(10_000)
        stars = InvoiceFactory.create(tariff=TariffFactory.create(price_stars=100))
        pay(stars, Money(100, "XTR"))
        found = statistics.get_revenue(days)
        assert (found.currency, found.days[days[0]]) == ("RUB", 20_000)
        assert found.total == [Money(20_000, "RUB"), Money(100, "XTR")]

    def test_of_no_payments_is_nothing(self, days: list[date]) -> None:
        found = statistics.get_revenue(days)
        assert (found.days, found.total, found.before) == (
            dict.fromkeys(days, 0),
            [Money(0, "RUB")],
            Money(0, "RUB"),
        )


class TestTokenMovements:
    def test_are_counted_by_day_with_their_customers(self, days: list[date], clock: TestClock) -> None:
        one, other = funded_wallet(tokens=100), funded_wallet(tokens=100)
        charge(one, 3)
        charge(one, 4)
        charge(other, 5)
        clock.advance(days=1)
        holds.capture(hold_id=hold(one, 9).pk, tokens=6, by=TESTER)
        holds.release(hold_id=hold(other, 9).pk, by=TESTER)
        sell(tokens=50)
        found = statistics.get_token_movements(days)
        assert found.days == [
            DayOfTokens(days[0], sold=0, spent=12, customers=2),
            DayOfTokens(days[1], sold=50, spent=6, customers=1),
            DayOfTokens(days[2], sold=0, spent=0, customers=0),
        ]
        assert found.customers == 2

    def test_begin_at_midnight_where_the_house_is(self, days: list[date], clock: TestClock) -> None:
        wallet = funded_wallet(tokens=100)
        clock.advance(seconds=-1)
        charge(wallet, 1)
        clock.advance(seconds=1)
        charge(wallet, 2)
        (day,) = statistics.get_token_movements(days[:1]).days
        assert day.spent == 2

    def test_of_an_idle_house_are_none(self, days: list[date]) -> None:
        found = statistics.get_token_movements(days)
        assert {(day.sold, day.spent, day.customers) for day in found.days} == {(0, 0, 0)}
        assert found.customers == 0


def test_invoices_are_counted_by_what_became_of_them(days: list[date]) -> None:
    sell()
    sell()
    invoices.cancel(invoice_id=InvoiceFactory.create().pk, by=TESTER)
    InvoiceFactory.create()
    found = statistics.get_invoices_by_status(statistics.last_days(2))
    assert found == {**dict.fromkeys(Invoice.Status.values, 0), "paid": 2, "cancelled": 1, "pending": 1}


def test_what_awaits_payment_is_summed_in_each_currency(clock: TestClock) -> None:
    assert statistics.get_awaiting_payment() == statistics.AwaitingPayment(0, [])
    InvoiceFactory.create(tariff=TariffFactory.create(price=99_900))
    clock.advance(days=2)
    sell()
    wallet = WalletFactory.create()
    for price in (10_000, 700):
        InvoiceFactory.create(wallet=wallet, tariff=TariffFactory.create(price=price))
    InvoiceFactory.create(tariff=TariffFactory.create(price_stars=100), currency="XTR")
    found = statistics.get_awaiting_payment()
    # The first one can no longer be paid in time, swept or not.
    assert found == statistics.AwaitingPayment(3, [Money(10_700, "RUB"), Money(100, "XTR")])


@pytest.mark.parametrize(
    "ask", [statistics.get_revenue, statistics.get_token_movements, statistics.get_invoices_by_status]
)
def test_each_figure_is_one_query(
    ask: Callable[[Sequence[date]], object], days: list[date], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _time in range(3):
        sell()
    with django_assert_num_queries(1):
        ask(days)
