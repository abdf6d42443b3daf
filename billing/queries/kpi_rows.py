"""The key figures as one table: a row for the whole of each day, and one for each tariff that has anything to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from billing.queries import kpis
from billing.queries.kpis import Cell, Period


@dataclass(frozen=True, slots=True)
class KpiRow:
    """
    :param tariff: its name; empty in the row for all of them
    :param figures: by their names: ``revenue``, ``returned`` and ``recurring`` in minor units of the currency
    :param liability: tokens outstanding; None but in the row for all tariffs
    """

    day: date
    tariff: str
    currency: str
    figures: Mapping[str, int]
    liability: int | None


def list_rows(period: Period, *, currency: str, names: Mapping[UUID, str]) -> list[KpiRow]:
    """
    All figures of a period, in the order of days.

    :param currency: of the amounts; empty for the one of most payments
    :param names: of tariffs
    """
    money, recurring = kpis.get_money(period), kpis.get_recurring_revenue(period)
    subscriptions, trials = kpis.get_subscriptions(period), kpis.get_trials(period)
    chosen = currency or next(iter([*money.currencies, *recurring]), "RUB")
    columns: Mapping[str, Mapping[Cell, int]] = {
        "revenue": money.revenue[chosen],
        "returned": money.returned[chosen],
        "recurring": recurring.get(chosen, Counter()),
        "active": subscriptions.active,
        "trialing": subscriptions.trialing,
        "began": subscriptions.began,
        "churned": subscriptions.churned,
        "trials": trials.begun,
        "converted": trials.converted,
    }
    sums = {name: kpis.by_day(cells, period.days) for name, cells in columns.items()}
    liability = kpis.get_liability(period)
    known = {tariff for cells in columns.values() for _day, tariff in cells}
    tariffs = sorted(known, key=lambda tariff: names.get(tariff, ""))
    rows = []
    for place, day in enumerate(period.days):
        rows.append(KpiRow(day, "", chosen, {name: each[place] for name, each in sums.items()}, liability[day]))
        for tariff in tariffs:
            figures = {name: cells.get((day, tariff), 0) for name, cells in columns.items()}
            if any(figures.values()):
                rows.append(KpiRow(day, names.get(tariff, str(tariff)), chosen, figures, None))
    return rows
