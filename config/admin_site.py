"""The Admin site: its overview, its badges and its search."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import SimpleLazyObject

from audit.queries import list_open_alerts
from billing.queries.credit_limits import list_pending_requests
from core.admin import badges
from core.admin.search import Hit, find
from core.models import Job

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite


# More than anybody reads: every page by name, and each finder's few.
_FOUND: Final = 100


class OfficeSite(AdminSite):
    """Unfold's site with an overview of our own."""

    index_template = "billing/admin/overview.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        # Pages register themselves with this site when they are imported: not before it exists.
        from billing.admin.overview import overview_for

        return super().index(request, {"overview": overview_for(request), **(extra_context or {})})

    def has_permission(self, request: HttpRequest) -> bool:
        from accounts.admin.verification import is_let_in

        return super().has_permission(request) and is_let_in(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from accounts.admin import doors

        return doors.login(self, request, extra_context)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from accounts.admin import doors

        if request.method == "POST":
            doors.note_logout(request)
        return super().logout(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from accounts.admin import passwords

        return passwords.change(self, request, extra_context)

    def get_urls(self) -> list[Any]:
        from accounts.admin import doors, security
        from billing.admin import kpis

        return [*doors.urls(self), *security.urls(self), *kpis.urls(self), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Every page asks for it and few show it: what it costs is paid when it is looked at."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def search(
        self,
        request: HttpRequest,
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002  unfold's signature
    ) -> HttpResponse:
        """
        What is found under a term: pages by their names, then what the apps' finders know.

        Unfold's own would keep its answers for five minutes, ask for letters in lower case, and fail on a page that
        is no number.
        """
        begun = monotonic()
        term = request.GET.get("s", "").strip()
        if not term:
            return HttpResponse()
        page = Paginator([*self._pages_called(request, term), *find(request, term)], _FOUND).get_page(1)
        context = {
            "page_obj": page.paginator,
            "results": page,
            "page_counter": 0,
            "execution_time": monotonic() - begun,
        }
        return TemplateResponse(
            request, "unfold/helpers/command_results.html", context, headers={"HX-Trigger": "search"}
        )

    def _pages_called(self, request: HttpRequest, term: str) -> list[Hit]:
        return [
            Hit(str(model["name"]), app["name"], model["admin_url"], "list")
            for app in self.get_app_list(request)
            for model in app["models"]
            if term.lower() in str(model["name"]).lower() and model["admin_url"]
        ]


def open_alerts() -> str:
    """How many alerts nobody looks after, for the sidebar."""
    return badges.capped(list_open_alerts())


def credits_to_approve() -> str:
    """How many credits wait for a second colleague, for the sidebar."""
    return badges.capped(list_pending_requests())


def dead_jobs() -> str:
    """How many jobs gave up, for the sidebar."""
    return badges.capped(Job.objects.filter(state=Job.State.DEAD).order_by("-id"))
