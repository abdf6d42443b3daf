"""
Lists that stay fast however long they are: pages by keyset, and nothing is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

from core.api.pagination import Keyset
from core.errors import ValidationFailed

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

    _Paginator = Paginator[Any]
else:
    from unfold.views import ChangeList

    _Paginator = Paginator

CURSOR_VAR: Final = "after"
# Where the cursor waits while the list is built: filters and links must not take it for one of theirs.
_KEPT: Final = "dvorik.admin_cursor"


def take_cursor(request: HttpRequest) -> None:
    """Move the cursor out of the query string: whatever narrows the list anew begins at its beginning."""
    if CURSOR_VAR in request.GET:
        narrowed = request.GET.copy()
        request.META[_KEPT] = narrowed.pop(CURSOR_VAR)[-1]
        request.GET = narrowed  # type: ignore[assignment]  # the stubs want the immutable kind


def cursor_of(request: HttpRequest) -> str | None:
    """The cursor that the request came with."""
    return request.META.get(_KEPT)


class BoundedPaginator(_Paginator):
    """For the lists that widgets load: it counts, but never further than it would show."""

    LIMIT: Final = 1_000

    @cached_property
    def count(self) -> int:
        return int(self.object_list[: self.LIMIT].count())  # type: ignore[attr-defined]  # a queryset, sliced


class KeysetPager:
    """What the template of the pages needs."""

    template_name: Final = "core/admin/pagination.html"

    def __init__(self, *, per_page: int, previous_url: str | None, next_url: str | None) -> None:
        self.per_page = per_page
        self.previous_url = previous_url
        self.next_url = next_url


class KeysetChangeList(ChangeList):
    """A changelist whose pages begin where another ended. One query a page, whichever page it is."""

    def get_results(self, request: HttpRequest) -> None:
        keyset = Keyset(*self.model_admin.get_keyset(request))  # type: ignore[attr-defined]  # OfficeAdmin has it
        try:
            page = keyset.page(self.queryset, limit=self.list_per_page, cursor=cursor_of(request))
        except ValidationFailed as refusal:
            raise IncorrectLookupParameters from refusal
        self.result_list = page.rows
        self.model_admin.prepare_rows(page.rows)  # type: ignore[attr-defined]  # OfficeAdmin has it
        self.result_count = self.full_result_count = len(page.rows)
        self.show_full_result_count = False
        self.show_admin_actions = bool(page.rows)
        self.can_show_all = False
        self.multi_page = False
        self.paginator = KeysetPager(
            per_page=self.list_per_page,
            previous_url=self.get_query_string({CURSOR_VAR: page.previous}) if page.previous else None,
            next_url=self.get_query_string({CURSOR_VAR: page.next}) if page.next else None,
        )
