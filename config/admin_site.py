"""The Admin site: its overview, its badges and its search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite


class OfficeSite(AdminSite):
    """Unfold's site with an overview of our own."""

    index_template = "billing/admin/overview.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        # Pages register themselves with this site when they are imported: not before it exists.
        from billing.admin.overview import overview_for

        return super().index(request, {"overview": overview_for(request), **(extra_context or {})})


def open_alerts(_request: HttpRequest) -> str:
    """How many alerts nobody looks after, for the sidebar."""
    return ""


def dead_jobs(_request: HttpRequest) -> str:
    """How many jobs gave up, for the sidebar."""
    return ""


def find(request: HttpRequest, term: str) -> list[Any]:
    """What the search above the sidebar finds."""
    return []
