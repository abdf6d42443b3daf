"""Lists as files: the button above a list, and the page of each file that was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from core import exports
from core.actors import Actor
from core.admin.changelists import CURSOR_VAR
from core.admin.deeds import Outcome, list_deed
from core.admin.display import NOTHING, Text, Tone, badge, change_url, code, link, moment, number
from core.admin.facts import FactsAdmin
from core.admin.forms import DeedForm, ReasonField
from core.admin.pages import M, OfficeAdmin, acting
from core.api.pagination import Keyset
from core.errors import ExportNotFound, ValidationFailed
from core.exports import limits, making
from core.models import Export
from core.operations import exports as operations
from core.runtime_settings import EXPORTS_AT_ONCE_ROWS

_TONES: Final[Mapping[str, Tone]] = {
    Export.State.QUEUED: "info",
    Export.State.RUNNING: "warn",
    Export.State.DONE: "good",
    Export.State.FAILED: "bad",
}
_UNFINISHED: Final = (Export.State.QUEUED, Export.State.RUNNING)
_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# How often the page of an unfinished export looks again.
_REFRESH_SECONDS: Final = 2


class ExportForm(DeedForm):
    """In which format, and why."""

    file_format = forms.ChoiceField(label=_("format"), choices=Export.Format.choices, widget=UnfoldAdminSelectWidget)
    reason = ReasonField(required=False)


class ExportsAdmin(OfficeAdmin[M]):
    """
    A list with a button that makes a file of it, under the filters that it is looked at with.

    :cvar export: the registered name of what is exported
    """

    export: ClassVar[str]
    actions_list: tuple[str, ...] = ("export_rows",)

    def has_export_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm(exports.definition(self.export).permission)

    @list_deed(
        title=_("Export"),
        permission="export",
        form=ExportForm,
        icon="download",
        explanation=_(
            "Everything that the list shows under its present filters. The audit log keeps who took what. "
            "A long list is written by a job; its page tells how far it is."
        ),
        step_up=True,
    )
    def export_rows(self, request: HttpRequest, form: ExportForm, by: Actor) -> Outcome:
        filters = request.GET.copy()
        filters.pop(CURSOR_VAR, None)
        query = filters.urlencode()
        limits.count_export(request.user.pk)
        rows, _keyset = list_rows(self.export, user=request.user, query=query)
        at_once = EXPORTS_AT_ONCE_ROWS.get()
        is_long = rows[: at_once + 1].count() > at_once
        return asked_for(request, form, name=self.export, query=query, is_long=is_long, by=by)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        page = super().changelist_view(request, extra_context)
        query = request.GET.urlencode()
        if query and isinstance(page, TemplateResponse) and page.context_data:
            for button in page.context_data["actions_list"]:
                if button.get("path", "").endswith("/export-rows/"):
                    button["path"] += f"?{query}"
        return page


def asked_for(
    request: HttpRequest, form: ExportForm, *, name: str, query: str, is_long: bool, by: Actor
) -> HttpResponseRedirect:
    """
    Ask for a file, and have it made; the way to it or, of a long one, to the page that says how far it is. Its door has
    counted the request, and made sure of who it is.
    """
    export = operations.request(
        name=name,
        file_format=form.cleaned_data["file_format"],
        query=query,
        language=translation.get_language(),
        user_id=UUID(str(request.user.pk)),
        is_long=is_long,
        by=by,
    )
    if is_long:
        return HttpResponseRedirect(change_url(export, export.pk))
    try:
        making.make(export.pk, listing=list_rows, by=by)
    except Exception:
        operations.fail(export_id=export.pk, by=by)
        raise
    return HttpResponseRedirect(download_url(export))


def list_rows(name: str, *, user: Any, query: str) -> tuple[QuerySet[Any], Keyset]:
    """
    The rows of a list under its filters, as a user sees it, and their order.

    :param name: the export's, which the list's page names
    :param query: the query string of the list's address
    :raises core.errors.ValidationFailed: the list has no such filters
    """
    page = next(each for each in admin.site._registry.values() if getattr(each, "export", None) == name)
    request = HttpRequest()
    request.method, request.user, request.GET = "GET", user, QueryDict(query)
    try:
        changelist = page.get_changelist_instance(request)
    except (IncorrectLookupParameters, DisallowedModelAdminLookup) as refusal:
        raise ValidationFailed(_("The list has no such filters.")) from refusal
    rows: QuerySet[Any] = changelist.queryset.select_related(None)
    return rows, Keyset(*page.get_keyset(request))  # type: ignore[attr-defined]  # OfficeAdmin has it


def download_url(export: Export) -> str:
    """Where an export's file is given out."""
    return reverse("admin:core_export_download", args=[export.pk])


@admin.register(Export)
class ExportAdmin(FactsAdmin[Export]):
    """Every file that was asked for, also those that are kept no longer."""

    list_display = ("asked", "what", "shown_format", "shown_state", "rows", "who")
    list_filter = ("name", "state")
    shows_history = True

    def get_urls(self) -> list[URLPattern]:
        download = path(
            "<path:object_id>/download/", self.admin_site.admin_view(self.download), name="core_export_download"
        )
        return [download, *super().get_urls()]

    def download(self, request: HttpRequest, object_id: str) -> HttpResponse | FileResponse:
        """Give out a file, to whoever asked for it."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not may_download(request, row):
            raise PermissionDenied
        try:
            operations.give_out(export_id=row.pk, by=acting(request))
            file = row.path.open("rb")
        except (ExportNotFound, FileNotFoundError) as missing:
            raise Http404 from missing
        return FileResponse(
            file,
            as_attachment=True,
            filename=f"{row.name}-{row.created_at:%Y-%m-%d}.{row.file_format}",
            content_type=_TYPES[row.file_format],
        )

    def get_heading(self, row: Export) -> str:
        return str(_title(row))

    def get_facts(self, request: HttpRequest, row: Export) -> Sequence[tuple[Text, object]]:
        is_ready = row.state == Export.State.DONE and may_download(request, row)
        return (
            (_("state"), self.shown_state(row)),
            (_("progress"), _progress(row)),
            (_("file"), link(download_url(row), _("Download")) if is_ready else NOTHING),
            (_("format"), row.get_file_format_display()),
            (_("filters"), code(row.query) if row.query else NOTHING),
            (_("size, bytes"), number(row.bytes_written)),
            (_("asked for by"), row.requested_by_label),
            (_("asked for"), moment(row.created_at)),
            (_("finished"), moment(row.finished_at)),
            (_("kept until"), moment(row.expires_at)),
        )

    def render_change_form(  # noqa: PLR0917  Django's signature
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Export | None = None,
    ) -> HttpResponse:
        page = super().render_change_form(request, context, add=add, change=change, form_url=form_url, obj=obj)
        if obj is not None and obj.state in _UNFINISHED:
            page["Refresh"] = str(_REFRESH_SECONDS)
        return page

    @admin.display(description=_("asked for"))
    def asked(self, row: Export) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("what"))
    def what(self, row: Export) -> Text:
        return _title(row)

    @admin.display(description=_("format"))
    def shown_format(self, row: Export) -> str:
        return row.get_file_format_display()

    @admin.display(description=_("state"))
    def shown_state(self, row: Export) -> SafeString:
        return badge(row.get_state_display(), _TONES.get(row.state, "quiet"))

    @admin.display(description=_("rows"))
    def rows(self, row: Export) -> str:
        return number(row.rows_written)

    @admin.display(description=_("asked for by"))
    def who(self, row: Export) -> str:
        return row.requested_by_label


def may_download(request: HttpRequest, export: Export) -> bool:
    """Whether somebody may have a file: who asked for it, while they have the right to make it; others make theirs."""
    user: Any = request.user
    is_theirs = bool(user.pk == export.requested_by)
    known = {each.name: each.permission for each in exports.definitions()}
    return is_theirs and export.name in known and bool(user.has_perm(known[export.name]))


def _title(export: Export) -> Text:
    known = {each.name: each for each in exports.definitions()}
    title: Any = known[export.name].title if export.name in known else export.name
    return str(title)


def _progress(export: Export) -> SafeString | str:
    if export.rows_total is None:
        return NOTHING
    return format_html(
        '<progress class="dv-progress" max="{}" value="{}"></progress> {}',
        max(export.rows_total, 1),
        export.rows_written if export.rows_total else 1,
        _("%(written)s of %(total)s rows")
        % {"written": number(export.rows_written), "total": number(export.rows_total)},
    )
