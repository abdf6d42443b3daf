"""Tabs above a list: the ways in which people look at it, one of them unless another is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final, TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from core.admin.display import Text
from core.admin.pages import OfficeAdmin

M = TypeVar("M", bound=Model)

VIEW_VAR: Final = "view"


class ViewFilter(admin.SimpleListFilter):
    """
    Narrows a list to the view that is looked at. It is chosen by tabs, not among the other filters.

    :cvar views: names, as in the address, and titles; the first one is looked at unless another is asked for
    """

    parameter_name = VIEW_VAR
    title = ""
    template = "core/admin/filter_hidden.html"
    views: ClassVar[Sequence[tuple[str, Text]]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, str(title)) for name, title in self.views]

    def choices(self, changelist: Any) -> Iterator[Any]:
        return iter(())

    @classmethod
    def looked_at(cls, request: HttpRequest) -> str:
        """The view's name."""
        asked = request.GET.get(VIEW_VAR, "")
        return asked if asked in dict(cls.views) else cls.views[0][0]

    def narrow(self, rows: QuerySet[Any], view: str) -> QuerySet[Any]:
        """The rows that a view shows."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return self.narrow(queryset, self.looked_at(request))


class ViewsAdmin(OfficeAdmin[M]):
    """
    A list with tabs.

    :cvar view_filter: stands in ``list_filter``, too
    """

    view_filter: ClassVar[type[ViewFilter]]
    list_before_template = "core/admin/views.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = self.view_filter.looked_at(request)
        views = [
            {"title": title, "url": f"?{VIEW_VAR}={name}", "is_shown": name == shown}
            for name, title in self.view_filter.views
        ]
        return super().changelist_view(request, {"views": views, **(extra_context or {})})
