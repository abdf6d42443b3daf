"""The parts of the page of key figures: each has figures, a drawing, and the same by days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from billing.admin.charts import AMBER, BLUE, GREEN, GREY, PLUM, RED, Chart, Figure, bars, data, line, options
from billing.models import Payment, Transaction
from billing.queries.kpis import (
    Cell,
    MoneyFigures,
    Period,
    SubscriptionFigures,
    TrialFigures,
    by_day,
    by_tariff,
    on_day,
)
from core.admin.display import NOTHING, list_url, number
from core.admin.panels import Column, Panel
from core.money import SYMBOLS, Money

# Of so many tariffs each has a colour of its own; the others share one.
_COLOURS: Final = (GREEN, BLUE, AMBER, PLUM)


@dataclass(frozen=True, slots=True)
class Section:
    """
    A drawing with its table.

    :param by_tariff: columns of the table of tariffs: titles, and what each tariff has
    """

    figures: Sequence[Figure]
    chart: Chart
    days: Panel
    by_tariff: Sequence[tuple[str, Mapping[UUID, object]]]


@dataclass(slots=True)
class Shown:
    """
    What all sections are about.

    :param names: of tariffs
    """

    period: Period
    currency: str
    names: Mapping[UUID, str]
    days: list[date] = field(init=False)

    def __post_init__(self) -> None:
        self.days = self.period.days

    def money(self, amount: int) -> str:
        return str(Money(amount, self.currency))

    def major(self, amounts: Sequence[int]) -> list[float]:
        """For the eye only; tables are exact."""
        return [float(Money(amount, self.currency).major) for amount in amounts]

    @property
    def symbol(self) -> str:
        return SYMBOLS.get(self.currency, self.currency)


def money_section(shown: Shown, money: MoneyFigures, before: MoneyFigures) -> Section:
    """Revenue and what went back, with the change against the days before."""
    revenue, returned = money.revenue[shown.currency], money.returned[shown.currency]
    came, went = by_day(revenue, shown.days), by_day(returned, shown.days)
    total, back = sum(came), sum(went)
    others = [
        str(Money(sum(money.revenue[each].values()), each)) for each in money.currencies if each != shown.currency
    ]
    parts, legend = _stacked(shown, revenue)
    title = _("Revenue per day, %(currency)s") % {"currency": shown.symbol}
    drawings = [data(shown.days, *parts)]
    if back:
        drawings.append(data(shown.days, bars(_("went back"), shown.major(went), RED)))
        legend.append((RED, _("went back"), shown.money(back)))
    return Section(
        figures=[
            Figure(
                _("Revenue"),
                shown.money(total),
                "; ".join([_change(total, sum(before.revenue[shown.currency].values())), *others]),
                list_url(Payment),
            ),
            Figure(_("Went back"), shown.money(back), _share(back, total, _("of the revenue")), list_url(Payment)),
        ],
        chart=Chart(
            title=title,
            kind="bar",
            data=drawings,
            options=options(is_stacked=True),
            words=_("%(title)s: %(total)s in all, %(back)s went back.")
            % {"title": title, "total": shown.money(total), "back": shown.money(back)},
            legend=legend,
            is_empty=not total and not back,
        ),
        days=_table(
            shown,
            (_("revenue"), [shown.money(each) for each in came]),
            (_("went back"), [shown.money(each) for each in went]),
            (_("left"), [shown.money(each - gone) for each, gone in zip(came, went, strict=True)]),
        ),
        by_tariff=[
            (_("revenue"), _as_money(shown, by_tariff(revenue))),
            (_("went back"), _as_money(shown, by_tariff(returned))),
        ],
    )


def recurring_section(shown: Shown, recurring: Mapping[Cell, int]) -> Section:
    """MRR, as it stood at each day's end."""
    each_day = by_day(recurring, shown.days)
    first, last = each_day[0], each_day[-1]
    title = _("MRR, %(currency)s") % {"currency": shown.symbol}
    return Section(
        figures=[Figure(_("MRR"), shown.money(last), _change(last, first, _("since the first day")), "")],
        chart=Chart(
            title=title,
            kind="line",
            data=[data(shown.days, line(title, shown.major(each_day), GREEN))],
            options=options(),
            words=_("%(title)s: %(first)s on the first day, %(last)s on the last.")
            % {"title": title, "first": shown.money(first), "last": shown.money(last)},
            is_empty=not any(each_day),
        ),
        days=_table(
            shown,
            (_("MRR"), [shown.money(each) for each in each_day]),
            (_("change"), [NOTHING, *(_signed(shown.money(b - a), b - a) for a, b in pairwise(each_day))]),
        ),
        by_tariff=[(_("MRR"), _as_money(shown, on_day(recurring, shown.days[-1])))],
    )


def subscription_section(shown: Shown, found: SubscriptionFigures) -> Section:
    """Who is there, who came and who left."""
    active, trialing = by_day(found.active, shown.days), by_day(found.trialing, shown.days)
    began, churned = by_day(found.began, shown.days), by_day(found.churned, shown.days)
    at_first = active[0] - began[0] + churned[0]
    return Section(
        figures=[
            Figure(
                _("Active subscriptions"),
                number(active[-1]),
                _("%(trialing)s on trial") % {"trialing": number(trialing[-1])},
                "",
            ),
            Figure(_("Churned"), number(sum(churned)), _share(sum(churned), at_first, _("of those at first")), ""),
        ],
        chart=Chart(
            title=_("Subscriptions"),
            kind="line",
            data=[
                data(
                    shown.days,
                    line(_("active"), active, GREEN),
                    line(_("on trial"), trialing, AMBER, filled=False),
                ),
                data(
                    shown.days,
                    bars(_("new"), began, BLUE) | {"type": "bar"},
                    bars(_("churned"), churned, RED) | {"type": "bar"},
                ),
            ],
            options=options(),
            words=_("Subscriptions: %(active)s active on the last day, %(began)s began, %(churned)s churned.")
            % {"active": number(active[-1]), "began": number(sum(began)), "churned": number(sum(churned))},
            legend=[
                (GREEN, _("active"), number(active[-1])),
                (AMBER, _("on trial"), number(trialing[-1])),
                (BLUE, _("new"), number(sum(began))),
                (RED, _("churned"), number(sum(churned))),
            ],
            is_empty=not any(active) and not any(trialing) and not any(churned),
        ),
        days=_table(
            shown,
            (_("active"), [number(each) for each in active]),
            (_("on trial"), [number(each) for each in trialing]),
            (_("new"), [number(each) for each in began]),
            (_("churned"), [number(each) for each in churned]),
        ),
        by_tariff=[
            (_("active"), _as_numbers(on_day(found.active, shown.days[-1]))),
            (_("on trial"), _as_numbers(on_day(found.trialing, shown.days[-1]))),
            (_("new"), _as_numbers(by_tariff(found.began))),
            (_("churned"), _as_numbers(by_tariff(found.churned))),
        ],
    )


def trial_section(shown: Shown, found: TrialFigures) -> Section:
    """How many of those who tried stayed."""
    begun, converted = by_day(found.begun, shown.days), by_day(found.converted, shown.days)
    tried, paid, running = sum(begun), sum(converted), sum(found.running.values())
    return Section(
        figures=[
            Figure(
                _("Trials that were paid for"),
                _percent(paid, tried - running),
                _("%(paid)s of %(over)s; %(running)s still run")
                % {"paid": number(paid), "over": number(tried - running), "running": number(running)},
                "",
            )
        ],
        chart=Chart(
            title=_("Trials, by the day on which they began"),
            kind="bar",
            data=[data(shown.days, bars(_("begun"), begun, AMBER), bars(_("paid for since"), converted, GREEN))],
            options=options(),
            words=_("Trials: %(begun)s begun, %(paid)s of them paid for since.")
            % {"begun": number(tried), "paid": number(paid)},
            legend=[(AMBER, _("begun"), number(tried)), (GREEN, _("paid for since"), number(paid))],
            is_empty=not tried,
        ),
        days=_table(
            shown,
            (_("begun"), [number(each) for each in begun]),
            (_("paid for since"), [number(each) for each in converted]),
            (_("share"), [_percent(part, whole) for part, whole in zip(converted, begun, strict=True)]),
        ),
        by_tariff=[
            (_("trials"), _as_numbers(by_tariff(found.begun))),
            (_("paid for since"), _as_numbers(by_tariff(found.converted))),
        ],
    )


def liability_section(shown: Shown, liability: Mapping[date, int]) -> Section:
    """What the house still owes in tokens."""
    owed = [liability[day] for day in shown.days]
    return Section(
        figures=[
            Figure(
                _("Tokens outstanding"),
                number(owed[-1]),
                _change(owed[-1], owed[0], _("since the first day")),
                list_url(Transaction),
            )
        ],
        chart=Chart(
            title=_("Tokens outstanding, of all tariffs"),
            kind="line",
            data=[data(shown.days, line(_("tokens"), owed, BLUE))],
            options=options(),
            words=_("Tokens outstanding: %(first)s on the first day, %(last)s on the last.")
            % {"first": number(owed[0]), "last": number(owed[-1])},
            is_empty=not any(owed),
        ),
        days=_table(
            shown,
            (_("tokens"), [number(each) for each in owed]),
            (_("change"), [NOTHING, *(_signed(number(b - a), b - a) for a, b in pairwise(owed))]),
        ),
        by_tariff=[],
    )


def tariff_panel(shown: Shown, sections: Sequence[Section]) -> Panel:
    """What each tariff brought, those that brought most first."""
    columns = [column for section in sections for column in section.by_tariff]
    found = {tariff for _title, values in columns for tariff in values}
    order = columns[0][1] if columns else {}
    place = {tariff: number_in_order for number_in_order, tariff in enumerate(order)}
    ranked = sorted(found, key=lambda tariff: (place.get(tariff, len(place)), shown.names.get(tariff, "")))
    return Panel(
        title=_("By tariff"),
        columns=(Column(_("tariff")), *(Column(title, numeric=True) for title, _values in columns)),
        rows=[
            (shown.names.get(tariff, str(tariff)), *(values.get(tariff, NOTHING) for _title, values in columns))
            for tariff in ranked
        ],
        empty=_("Nothing in these days."),
    )


def _stacked(shown: Shown, cells: Mapping[Cell, int]) -> tuple[list[dict[str, Any]], list[tuple[str, str, str]]]:
    """The tariffs that brought most upon each other, and the others as one; and what each brought, for the legend."""
    ranked = [tariff for tariff, total in by_tariff(cells).most_common() if total]
    groups: list[tuple[str, str, set[UUID]]] = [
        (shown.names.get(tariff, str(tariff)), colour, {tariff})
        for tariff, colour in zip(ranked, _COLOURS, strict=False)
    ]
    if rest := set(ranked[len(_COLOURS) :]):
        groups.append((_("others"), GREY, rest))
    parts, legend = [], []
    for name, colour, tariffs in groups:
        amounts = by_day({cell: amount for cell, amount in cells.items() if cell[1] in tariffs}, shown.days)
        parts.append(bars(name, shown.major(amounts), colour, stack="tariffs"))
        legend.append((colour, name, shown.money(sum(amounts))))
    return parts, legend


def _table(shown: Shown, *columns: tuple[str, Sequence[object]]) -> Panel:
    """The days, the latest first."""
    rows = zip(shown.days, *(values for _title, values in columns), strict=True)
    return Panel(
        title="",
        columns=(Column(_("day")), *(Column(title, numeric=True) for title, _values in columns)),
        rows=[(date_format(day), *cells) for day, *cells in rows][::-1],
        empty="",
    )


def _as_money(shown: Shown, amounts: Counter[UUID]) -> dict[UUID, object]:
    return {tariff: shown.money(amount) for tariff, amount in amounts.most_common() if amount}


def _as_numbers(counts: Counter[UUID]) -> dict[UUID, object]:
    return {tariff: number(count) for tariff, count in counts.most_common() if count}


def _percent(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)}\u00a0%" if whole else NOTHING


def _share(part: int, whole: int, of_what: str) -> str:
    return f"{_percent(part, whole)} {of_what}" if whole else ""


def _change(now: int, before: int, against: str = "") -> str:
    if not before:
        return ""
    return _("%(change)+d %% %(against)s") % {
        "change": round(100 * (now - before) / before),
        "against": against or _("against as many days before"),
    }


def _signed(text: str, value: int) -> str:
    return f"+{text}" if value > 0 else text
