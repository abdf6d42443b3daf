"""The overview: true figures, a fixed number of queries, and no money for those who may not see it."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import Invoice
from billing.queries import statistics
from billing.tests.deeds import charge, hold, pay
from billing.tests.factories import InvoiceFactory, PaymentFactory, PromoCodeFactory, TariffFactory, funded_wallet
from billing.tests.operators import Operator
from conftest import TestClock
from core import clock as database_clock
from core.money import Money

pytestmark = pytest.mark.django_db

INDEX = "/admin/"


def test_period_ends_today_in_the_houses_time_zone() -> None:
    days = statistics.last_days(30)

    assert len(days) == 30
    assert days[-1] == timezone.localtime(database_clock.now()).date()


class TestRevenue:
    def test_counts_what_paid_for_invoices_by_day_and_currency(self, clock: TestClock) -> None:
        PaymentFactory.create()
        clock.advance(days=2)
        PaymentFactory.create()
        PaymentFactory.create()
        starred = InvoiceFactory.create(tariff=TariffFactory.create(price_stars=85))
        pay(starred, Money(85, "XTR"))

        revenue = statistics.get_revenue(statistics.last_days(30))

        assert revenue.currency == "RUB"
        assert [amount for amount in revenue.days.values() if amount] == [14_900, 29_800]
        assert list(revenue.days.values())[-1] == 29_800
        assert revenue.total == [Money(44_700, "RUB"), Money(85, "XTR")]

    def test_leaves_out_money_that_was_credited_nowhere_and_what_was_free(self) -> None:
        pay(InvoiceFactory.create(), Money(100, "RUB"))
        invoice = InvoiceFactory.create()
        pay(invoice)
        pay(invoice, provider_payment_id="again")
        InvoiceFactory.create(promo_code=PromoCodeFactory.create(discount_value=100))

        assert statistics.get_revenue(statistics.last_days(30)).total == [Money(14_900, "RUB")]

    def test_compares_with_the_period_before(self, clock: TestClock) -> None:
        PaymentFactory.create()
        clock.advance(days=31)
        PaymentFactory.create()
        PaymentFactory.create()

        revenue = statistics.get_revenue(statistics.last_days(30))

        assert (revenue.total, revenue.before) == ([Money(29_800, "RUB")], Money(14_900, "RUB"))

    def test_of_nothing_is_nothing(self) -> None:
        revenue = statistics.get_revenue(statistics.last_days(30))

        assert (revenue.total, revenue.before) == ([Money(0, "RUB")], Money(0, "RUB"))
        assert set(revenue.days.values()) == {0}


class TestTokens:
    def test_sold_and_spent_by_day_and_customers_once_each(self, clock: TestClock) -> None:
        wallet, other = funded_wallet(), funded_wallet()
        charge(wallet, 3)
        charge(wallet, 4)
        clock.advance(days=1)
        charge(wallet, 5)
        charge(other, 1)
        pay(InvoiceFactory.create(wallet=other))
        hold(other, 2)

        movements = statistics.get_token_movements(statistics.last_days(30))

        assert [(day.sold, day.spent, day.customers) for day in movements.days[-2:]] == [(0, 7, 1), (50, 6, 2)]
        assert movements.customers == 2
        assert sum(day.spent for day in movements.days) == 13

    def test_leave_out_what_lies_before_the_period(self, clock: TestClock) -> None:
        wallet = funded_wallet()
        charge(wallet, 3)
        clock.advance(days=30)
        charge(wallet, 1)

        movements = statistics.get_token_movements(statistics.last_days(30))

        assert (sum(day.spent for day in movements.days), movements.customers) == (1, 1)

    def test_of_nothing_are_nothing(self) -> None:
        movements = statistics.get_token_movements(statistics.last_days(30))

        assert (len(movements.days), movements.customers) == (30, 0)


class TestInvoices:
    def test_are_counted_by_status(self) -> None:
        InvoiceFactory.create()
        pay(InvoiceFactory.create())
        pay(InvoiceFactory.create())

        counts = statistics.get_invoices_by_status(statistics.last_days(30))

        assert {status: count for status, count in counts.items() if count} == {"pending": 1, "paid": 2}
        assert set(counts) == set(Invoice.Status.values)

    def test_made_before_the_period_are_left_out(self, clock: TestClock) -> None:
        InvoiceFactory.create()
        clock.advance(days=31)

        assert sum(statistics.get_invoices_by_status(statistics.last_days(30)).values()) == 0

    def test_awaiting_payment_are_those_that_can_still_be_paid(self, clock: TestClock) -> None:
        InvoiceFactory.create()
        clock.advance(days=3)
        InvoiceFactory.create()
        InvoiceFactory.create()

        awaiting = statistics.get_awaiting_payment()

        assert (awaiting.count, awaiting.amounts) == (2, [Money(29_800, "RUB")])


def test_overview_draws_what_the_statistics_say() -> None:
    wallet = funded_wallet()
    pay(InvoiceFactory.create(wallet=wallet))
    charge(wallet, 7)

    answer = Operator().open(INDEX)

    charts = {chart.kind + str(len(chart.data)): chart for chart in answer.context["overview"].charts}
    revenue, tokens, customers, invoices = (
        [json.loads(data)["datasets"][0]["data"] for data in charts[kind].data]
        for kind in ("bar1", "bar2", "line1", "doughnut1")
    )
    assert revenue[0][-1] == 149
    assert [drawn[-1] for drawn in tokens] == [50, 7]
    assert customers[0][-1] == 1
    assert invoices == [[1]]
    page = answer.content.decode()
    assert page.count('class="chart"') == 5
    figures = {figure.title: figure.value for figure in answer.context["overview"].figures}
    assert figures["Revenue today"] == "149\u00a0₽"
    assert figures["Tokens spent in 30 days"] == "7"


def test_overview_of_an_empty_house_opens() -> None:
    answer = Operator().open(INDEX)

    assert answer.status_code == 200
    assert answer.content.decode().count("Nothing in these 30 days.") == 4


def test_number_of_queries_is_fixed() -> None:
    operator = Operator()
    operator.open(INDEX)
    with CaptureQueriesContext(connection) as empty:
        operator.open(INDEX)
    for _number in range(10):
        wallet = funded_wallet()
        pay(InvoiceFactory.create(wallet=wallet))
        InvoiceFactory.create(wallet=wallet)
        charge(wallet, 1)
    with CaptureQueriesContext(connection) as full:
        operator.open(INDEX)

    assert len(full) == len(empty) <= 14


def test_stranger_to_billing_sees_no_money() -> None:
    pay(InvoiceFactory.create())

    answer = Operator(role=None).open(INDEX)

    assert answer.status_code == 200
    overview = answer.context["overview"]
    assert (overview.figures, overview.charts) == ([], [])
    assert "₽" not in answer.content.decode()


def test_each_part_is_for_those_who_may_read_it() -> None:
    pay(InvoiceFactory.create())
    clerk = Operator(role=None)
    clerk.user.user_permissions.add(Permission.objects.get(codename="view_transaction"))

    answer = clerk.open(INDEX)

    assert [chart.title for chart in answer.context["overview"].charts] == [
        "Tokens sold and spent per day",
        "Active customers per day",
    ]
    assert "₽" not in answer.content.decode()
