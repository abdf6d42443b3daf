"""Filters whose answer comes from an index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from core.admin.display import Text


class DateInput(UnfoldAdminTextInputWidget):  # type: ignore[misc]  # unfold carries no types
    """The browser's own date picker: it speaks the reader's language and sends one format."""

    input_type = "date"


class _RangeForm(forms.Form):
    def __init__(self, parameter: str, values: dict[str, str]) -> None:
        super().__init__(values)
        for suffix, label in (("since", _("From")), ("until", _("Until"))):
            self.fields[f"{parameter}_{suffix}"] = forms.CharField(label=label, required=False, widget=DateInput())


class MomentRangeFilter(admin.ListFilter):
    """
    From one day to another, both included, in the house's time zone.

    :cvar column: the moment's column
    """

    column: ClassVar[str] = "created_at"
    title = _("when")
    template = "core/admin/filter_dates.html"

    def __init__(
        self, request: HttpRequest, params: dict[str, list[str]], model: type[Model], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self._names:
            if values := params.pop(name, None):
                self.used_parameters[name] = values[-1]

    def expected_parameters(self) -> list[str | None]:
        return [*self._names]

    @property
    def _names(self) -> tuple[str, str]:
        return f"{self.column}_since", f"{self.column}_until"

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        since, until = (_day(self.used_parameters.get(name)) for name in self._names)
        if since:
            queryset = queryset.filter(**{f"{self.column}__gte": _midnight(since)})
        if until:
            queryset = queryset.filter(**{f"{self.column}__lt": _midnight(until + timedelta(days=1))})
        return queryset

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield {"form": _RangeForm(self.column, {key: str(value) for key, value in self.used_parameters.items()})}


def range_filter(column: str, title: Text) -> type[MomentRangeFilter]:
    """A :class:`MomentRangeFilter` over another column."""
    return type(f"{column}_range", (MomentRangeFilter,), {"column": column, "title": title})


def is_narrowed(request: HttpRequest, column: str) -> bool:
    """Whether a request asks for a range of a moment's column."""
    return any(request.GET.get(f"{column}_{suffix}") for suffix in ("since", "until"))


# Nothing happened before or will after; computing with days outside would leave the calendar.
_EARLIEST: Final = date(1970, 1, 1)
_LATEST: Final = date(9998, 12, 31)


def _day(text: object) -> date | None:
    try:
        day = parse_date(str(text)) if text else None
    except ValueError:
        return None
    return min(max(day, _EARLIEST), _LATEST) if day else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class TextFilter(admin.SimpleListFilter):
    """
    A text to be met exactly, typed by hand: for columns with too many values to choose from.

    :cvar parameter_name: the query parameter
    """

    template = "core/admin/filter_text.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return True

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """The rows that the text means."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        text = (self.value() or "").strip()
        return self.narrow(queryset, text) if text else queryset

    def choices(self, changelist: Any) -> Iterator[Any]:
        field = forms.CharField(label=self.title, required=False, widget=UnfoldAdminTextInputWidget())
        form = forms.Form({str(self.parameter_name): self.value() or ""})
        form.fields[str(self.parameter_name)] = field
        yield {"form": form}
