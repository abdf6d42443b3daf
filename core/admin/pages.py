"""
What every page of Admin has in common.

Nothing is ever deleted here, and nothing is written but through one operation. A page that writes stands on
:class:`OperationAdmin`; every other one on :class:`ReadOnlyAdmin`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import capfirst

from core.actors import Actor, circumstances, under
from core.admin import history
from core.admin.changelists import CURSOR_VAR, BoundedPaginator, KeysetChangeList, cursor_of, take_cursor
from core.admin.display import NOTHING, Text
from core.admin.forms import REASON, OperationForm
from core.admin.panels import Panel
from core.errors import DomainError

M = TypeVar("M", bound=Model)

_OBJECTS: Final = "dvorik.admin_objects"

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin as _UnfoldModelAdmin

    class ModelAdmin(_UnfoldModelAdmin, Generic[M]):
        """Unfold's, which can be told its model."""


def acting(request: HttpRequest) -> Actor:
    """
    The operator whose request this is.

    :raises PermissionDenied: nobody is logged in
    """
    actor = circumstances().actor
    if actor is None or not request.user.is_authenticated:
        raise PermissionDenied
    return actor


class OfficeAdmin(ModelAdmin[M]):
    """
    A list without counting and a page with its history beside it.

    :cvar keyset: the order of the list, all of it ascending or descending, unique and never null; an index has it
    :cvar shows_history: whether the object's page tells who changed it
    """

    keyset: ClassVar[tuple[str, ...]] = ("-id",)
    shows_history: ClassVar[bool] = True

    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = True
    list_fullwidth = True
    list_disable_select_all = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = BoundedPaginator
    # Columns are not sorted by a click: at ten million rows only the keyset's order is free.
    sortable_by = ()
    empty_value_display = NOTHING
    change_form_template = "core/admin/change_form.html"
    # Labels above their fields: beside them, three fields in a row have no room next to the history.
    compressed_fields = False
    warn_unsaved_form = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def get_keyset(self, request: HttpRequest) -> tuple[str, ...]:
        """The order of the list under the request's filters."""
        return self.keyset

    def prepare_rows(self, rows: Sequence[M]) -> None:
        """Read what the page's rows show besides themselves, for all of them at once."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        take_cursor(request)
        title = {"title": capfirst(str(self.opts.verbose_name_plural))}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def get_preserved_filters(self, request: HttpRequest) -> str:
        """So that the way back from an object leads to the page of the list it came from."""
        preserved = super().get_preserved_filters(request)
        cursor = cursor_of(request)
        if not cursor or not self.preserve_filters:
            return preserved
        query = request.GET.copy()
        query[CURSOR_VAR] = cursor
        return urlencode({"_changelist_filters": query.urlencode()})

    def find(self, term: str) -> Q:
        """
        What a search term means, answered by indexes only.

        :param term: as typed, trimmed, not empty
        """
        return Q(pk__in=[])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        term = search_term.strip()
        return (queryset.filter(self.find(term)) if term else queryset), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> M | None:
        """A page that is only looked at asks for its object several times and reads it once."""
        if request.method != "GET" or from_field:
            return super().get_object(request, object_id, from_field)
        kept: dict[tuple[object, str], M | None] = request.META.setdefault(_OBJECTS, {})
        named = (self.model, object_id)
        if named not in kept:
            kept[named] = super().get_object(request, object_id)
        return kept[named]

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def name_of(self, row: M) -> str:
        """How people call an object, where that is more than its text; queries are permitted."""
        return str(row)

    def is_offered(self, request: HttpRequest, row: M, name: str) -> bool:
        """
        Whether a deed makes sense for an object as it is now. Its operation decides again.

        :param name: the deed's, as in ``actions_detail``
        """
        return True

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The deeds that the operator may do, and that make sense."""
        allowed: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]  # unfold's
        row = self.get_object(request, unquote(str(object_id))) if allowed else None
        if row is None:
            return []
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [each for each in allowed if self.is_offered(request, row, each.action_name.removeprefix(prefix))]

    def get_facts(self, request: HttpRequest, row: M) -> Sequence[tuple[Text, object]]:
        """What an operator should see of the object while deciding about it: names and values."""
        return ()

    def get_panels(self, request: HttpRequest, row: M) -> Sequence[Panel]:
        """Tables of what belongs to the object, below its fields."""
        return ()

    def render_change_form(  # noqa: PLR0917  Django's signature
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: M | None = None,
    ) -> HttpResponse:
        context["show_save_and_add_another"] = False
        if obj is not None and IS_POPUP_VAR not in request.GET:
            context["panels"] = self.get_panels(request, obj)
            if self.shows_history:
                context["history"] = history.latest(obj)
                context["history_url"] = history.url_of(obj)
        return super().render_change_form(request, context, add=add, change=change, form_url=form_url, obj=obj)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """History is the audit log's; Django's own, which knows of Admin only, is not kept."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        return HttpResponseRedirect(history.url_of(row) or reverse("admin:index"))

    def log_addition(self, request: HttpRequest, obj: M, message: Any) -> Any:
        """Not logged twice: the audit log has it."""

    def log_change(self, request: HttpRequest, obj: M, message: Any) -> Any:
        """Not logged twice: the audit log has it."""


class ReadOnlyAdmin(OfficeAdmin[M]):
    """Pages that only show. What may be done to their objects is done by deeds."""

    def get_readonly_fields(self, request: HttpRequest, obj: M | None = None) -> Any:
        return flatten_fieldsets(self.fieldsets) if self.fieldsets else super().get_readonly_fields(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class OperationAdmin(OfficeAdmin[M]):
    """
    Pages whose form ends in one operation.

    Django opens a transaction around the whole request; the operation joins it. A refusal leaves that transaction,
    which undoes it, and the form is shown again with what was refused.
    """

    form = OperationForm

    def perform(self, request: HttpRequest, row: M, form: Any, *, by: Actor, change: bool) -> M:
        """
        Call the operation.

        :param row: the object as the form would have it; it is not saved
        :param change: whether it exists already
        :returns: the object as it is now
        :raises core.errors.DomainError: it is shown in the form
        """
        raise NotImplementedError

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as refusal:
            request.META["dvorik.refusal"] = refusal
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"refusal": request.META.get("dvorik.refusal")})

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: Any) -> None:
        with under(reason=form.cleaned_data.get(REASON, "").strip() or None):
            saved = self.perform(request, obj, form, by=acting(request), change=bool(change))
        # Django goes on with the object that the form made.
        obj.__dict__.update(saved.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """The operation has done all there is to do."""
