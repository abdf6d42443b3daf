"""The first page of Admin: how the business goes, as far as the operator may know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.http import HttpRequest
from django.utils.translation import gettext as _

from billing.admin.charts import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    NUMBERS,
    RED,
    Chart,
    Figure,
    bars,
    data,
    line,
    options,
)
from billing.models import Invoice, Payment, Transaction
from billing.queries import statistics
from billing.queries.statistics import AwaitingPayment, Revenue, TokenMovements
from core.admin.display import list_url, number
from core.money import SYMBOLS, Money

DAYS: Final = 30

_STATUS_COLOURS: Final[Mapping[str, str]] = {
    Invoice.Status.PAID: GREEN,
    Invoice.Status.PENDING: AMBER,
    Invoice.Status.EXPIRED: GREY,
    Invoice.Status.CANCELLED: "#c9cfd8",
    Invoice.Status.PARTIALLY_REFUNDED: BLUE,
    Invoice.Status.REFUNDED: RED,
}


@dataclass(slots=True)
class Overview:
    """Figures and charts, in the order in which they stand."""

    figures: list[Figure] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)


def overview_for(request: HttpRequest) -> Overview:
    """The overview of those parts of billing that the request's operator may see; empty when there are none."""
    sees_payments, sees_ledger, sees_invoices = (
        request.user.has_perm(f"billing.view_{model._meta.model_name}") for model in (Payment, Transaction, Invoice)
    )
    overview = Overview()
    if not (sees_payments or sees_ledger or sees_invoices):
        return overview
    period = statistics.last_days(DAYS)
    if sees_payments:
        revenue = statistics.get_revenue(period)
        overview.figures += _revenue_figures(revenue, period)
        overview.charts.append(_revenue_chart(revenue))
    if sees_invoices:
        overview.figures.append(_awaiting_figure(statistics.get_awaiting_payment()))
    if sees_ledger:
        movements = statistics.get_token_movements(period)
        overview.figures += _token_figures(movements)
        overview.charts += [_tokens_chart(movements), _customers_chart(movements)]
    if sees_invoices:
        overview.charts.append(_invoices_chart(statistics.get_invoices_by_status(period)))
    return overview


def _revenue_figures(revenue: Revenue, period: Sequence[date]) -> list[Figure]:
    main, *others = revenue.total
    today = Money(revenue.days[period[-1]], revenue.currency)
    notes = [str(amount) for amount in others]
    if revenue.before:
        change = round(100 * (main.amount - revenue.before.amount) / revenue.before.amount)
        notes.append(_("%(change)+d %% against the 30 days before") % {"change": change})
    url = list_url(Payment)
    return [
        Figure(_("Revenue today"), str(today), "", url),
        Figure(_("Revenue in 30 days"), str(main), "; ".join(notes), url),
    ]


def _awaiting_figure(awaiting: AwaitingPayment) -> Figure:
    asked = ", ".join(map(str, awaiting.amounts))
    url = list_url(Invoice, status__exact=Invoice.Status.PENDING.value)
    return Figure(_("Invoices to be paid"), number(awaiting.count), asked, url)


def _token_figures(movements: TokenMovements) -> list[Figure]:
    sold, spent = sum(day.sold for day in movements.days), sum(day.spent for day in movements.days)
    url = list_url(Transaction)
    return [
        Figure(_("Tokens spent in 30 days"), number(spent), _("%(sold)s sold") % {"sold": number(sold)}, url),
        Figure(
            _("Active customers in 30 days"),
            number(movements.customers),
            _("%(customers)s today") % {"customers": number(movements.days[-1].customers)},
            url,
        ),
    ]


def _revenue_chart(revenue: Revenue) -> Chart:
    total = revenue.total[0]
    # Roubles for the eye only; the figures above are exact.
    values = [float(Money(amount, revenue.currency).major) for amount in revenue.days.values()]
    symbol = SYMBOLS.get(revenue.currency, revenue.currency)
    title = _("Revenue per day, %(currency)s") % {"currency": symbol}
    return Chart(
        title=title,
        kind="bar",
        data=[data(list(revenue.days), bars(title, values, GREEN))],
        options=options(),
        words=_("%(title)s: %(total)s in 30 days.") % {"title": title, "total": total},
        is_empty=not any(values),
    )


def _tokens_chart(movements: TokenMovements) -> Chart:
    period = [day.day for day in movements.days]
    sold, spent = [day.sold for day in movements.days], [day.spent for day in movements.days]
    return Chart(
        title=_("Tokens sold and spent per day"),
        kind="bar",
        # What one big sale brings is spent for months: on one scale the spending would be invisible.
        data=[
            data(period, bars(_("sold"), sold, GREEN)),
            data(period, bars(_("spent"), spent, BLUE)),
        ],
        options=options(),
        words=_("Tokens in 30 days: %(sold)s sold, %(spent)s spent.")
        % {"sold": number(sum(sold)), "spent": number(sum(spent))},
        legend=[(GREEN, _("sold"), number(sum(sold))), (BLUE, _("spent"), number(sum(spent)))],
        is_empty=not any(sold) and not any(spent),
    )


def _customers_chart(movements: TokenMovements) -> Chart:
    customers = [day.customers for day in movements.days]
    return Chart(
        title=_("Active customers per day"),
        kind="line",
        data=[data([day.day for day in movements.days], line(_("customers who spent tokens"), customers, GREEN))],
        options=options(),
        words=_("Customers who spent tokens in 30 days: %(customers)s.") % {"customers": number(movements.customers)},
        is_empty=not any(customers),
    )


def _invoices_chart(counts: Mapping[str, int]) -> Chart:
    shown = [(status, count) for status, count in counts.items() if count]
    labels = {status: str(label) for status, label in Invoice.Status.choices}
    legend = [(_STATUS_COLOURS[status], labels[status], number(count)) for status, count in shown]
    drawn = {
        "labels": [labels[status] for status, _count in shown],
        "datasets": [
            {
                "data": [count for _status, count in shown],
                "backgroundColor": [_STATUS_COLOURS[status] for status, _count in shown],
                "borderWidth": 0,
            }
        ],
    }
    return Chart(
        title=_("Invoices of 30 days, by status"),
        kind="doughnut",
        data=[json.dumps(drawn)],
        options=json.dumps(
            {
                "animation": False,
                "maintainAspectRatio": False,
                "cutout": "68%",
                "locale": NUMBERS,
                "plugins": {"legend": {"display": False}},
            }
        ),
        words="; ".join(f"{label}: {count}" for _colour, label, count in legend),
        legend=legend,
        is_empty=not shown,
    )
