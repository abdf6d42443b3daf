"""What the page of key figures is asked for: days, a tariff, a currency. As a form, and from a query string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from billing.models import Tariff
from billing.queries.kpis import MOST_DAYS, Period, default_period
from core.admin.filters import DateInput
from core.admin.forms import begin_with_capitals
from core.money import EXPONENTS

SINCE, UNTIL, TARIFF, CURRENCY = "since", "until", "tariff", "currency"
# The spans that are one click away.
SPANS: Final = (7, 30, 90, 365)
# Before this there was no Dvorik; and the days before the first day stay inside the calendar.
_EARLIEST: Final = date(2000, 1, 1)
_CURRENCIES: Final = [("", gettext_lazy("the one of most payments")), *((code, code) for code in EXPONENTS)]


@dataclass(frozen=True, slots=True)
class Asked:
    """
    :param period: the days, and the tariff
    :param currency: as it was asked for, whether anything was paid in it or not; empty for the one of most payments
    """

    period: Period
    currency: str

    @property
    def query(self) -> str:
        """The query string that asks for the same."""
        query = QueryDict(mutable=True)
        query[SINCE], query[UNTIL] = self.period.since.isoformat(), self.period.until.isoformat()
        if self.period.tariff:
            query[TARIFF] = str(self.period.tariff)
        if self.currency:
            query[CURRENCY] = self.currency
        return query.urlencode()


class PeriodForm(forms.Form):
    """From when, until when, and of what. What is left out, or makes no sense, is as by default."""

    since = forms.DateField(label=gettext_lazy("from"), widget=DateInput())
    until = forms.DateField(label=gettext_lazy("until"), widget=DateInput())
    tariff = forms.ChoiceField(label=gettext_lazy("tariff"), required=False, widget=UnfoldAdminSelectWidget)
    currency = forms.ChoiceField(
        label=gettext_lazy("currency"), required=False, choices=_CURRENCIES, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, data: Mapping[str, Any], *, tariffs: Mapping[UUID, str], default: Period) -> None:
        self._filled = {
            SINCE: data.get(SINCE) or default.since.isoformat(),
            UNTIL: data.get(UNTIL) or default.until.isoformat(),
            TARIFF: data.get(TARIFF, ""),
            CURRENCY: data.get(CURRENCY, ""),
        }
        super().__init__(self._filled)
        self.default = default
        self.names = tariffs
        named = [(str(tariff), name) for tariff, name in tariffs.items()]
        self.fields[TARIFF].choices = [("", _("all tariffs")), *named]  # type: ignore[attr-defined]  # a choice field
        begin_with_capitals(self)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get(SINCE), cleaned.get(UNTIL)
        if since and since < _EARLIEST:
            self.add_error(SINCE, _("Nothing was sold then."))
        elif since and until and since > until:
            self.add_error(UNTIL, _("The last day comes before the first."))
        elif since and until and (until - since).days >= MOST_DAYS:
            self.add_error(SINCE, _("At most %(days)s days at once.") % {"days": MOST_DAYS})
        return cleaned

    @property
    def asked(self) -> Asked:
        """What is asked for; days to come are left out."""
        if not self.is_valid():
            return Asked(self.default, "")
        given = self.cleaned_data
        until: date = min(given[UNTIL], self.default.until)
        tariff = UUID(given[TARIFF]) if given[TARIFF] else None
        return Asked(Period(min(given[SINCE], until), until, tariff), given[CURRENCY])

    def show_currency(self, currency: str) -> None:
        """Say which one was chosen where none was asked for."""
        self._filled[CURRENCY] = currency


def form_of(data: Mapping[str, Any]) -> PeriodForm:
    """The form, filled in. Two queries: for the clock, and for the tariffs."""
    tariffs = dict(Tariff.objects.order_by("name").values_list("pk", "name"))
    return PeriodForm(data, tariffs=tariffs, default=default_period())


def asked_by(query: str) -> Asked:
    """What a query string asks for."""
    return form_of(QueryDict(query).dict()).asked


def spans(asked: Asked, today: date) -> list[tuple[int, str, bool]]:
    """How many days back, the query string for it, and whether it is looked at."""
    found = []
    for days in SPANS:
        period = Period(today - timedelta(days=days - 1), today, asked.period.tariff)
        found.append((days, Asked(period, asked.currency).query, period == asked.period))
    return found
