"""Pages of things that are only read: what is known of them as one list of names and values."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from core.admin.display import Text
from core.admin.pages import ReadOnlyAdmin

M = TypeVar("M", bound=Model)


class FactsAdmin(ReadOnlyAdmin[M]):
    """A read-only page whose fields are what ``get_facts`` tells, in its order."""

    change_form_template = "core/admin/facts.html"

    def get_fieldsets(self, request: HttpRequest, obj: M | None = None) -> Any:
        return [(None, {"fields": []})]

    def get_heading(self, row: M) -> Text:
        """What the object is called above its facts."""
        return str(row)

    def render_change_form(  # noqa: PLR0917  Django's signature
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: M | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context["facts"] = self.get_facts(request, obj)
            context["heading"] = self.get_heading(obj)
        return super().render_change_form(request, context, add=add, change=change, form_url=form_url, obj=obj)
