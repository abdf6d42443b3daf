"""The system log: what the machinery complained of in the last 90 days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.admin.wording import fact_in_words
from audit.models import AuditLog, SystemLog
from core.admin.display import NOTHING, Text, Tone, badge, code, link, list_url, moment, short
from core.admin.facts import FactsAdmin
from core.admin.filters import MomentRangeFilter, TextFilter

_TONES: Final[Mapping[str, Tone]] = {
    SystemLog.Level.WARNING: "warn",
    SystemLog.Level.ERROR: "bad",
    SystemLog.Level.CRITICAL: "bad",
}


class SourceFilter(TextFilter):
    title = _("source")
    parameter_name = "source"

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(source=text)


class FingerprintFilter(TextFilter):
    title = _("fingerprint")
    parameter_name = "fingerprint"

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(fingerprint=text)


@admin.register(SystemLog)
class SystemLogAdmin(FactsAdmin[SystemLog]):
    """Warnings and errors of every process, the latest first."""

    keyset = ("-created_at", "-id")
    shows_history = False
    list_display = ("at", "gravity", "source", "text", "request_of")
    list_display_links = ("at",)
    list_filter = ("level", SourceFilter, FingerprintFilter, MomentRangeFilter)
    search_fields = ("fingerprint",)
    search_help_text = _("A fingerprint, or the name of a source")

    def find(self, term: str) -> Q:
        return Q(fingerprint=term) | Q(source=term)

    def get_facts(self, request: HttpRequest, row: SystemLog) -> Sequence[tuple[Text, object]]:
        known = {"request_id", "actor", "exception"}
        facts = [(fact_in_words(name), _shown(value)) for name, value in row.context.items() if name not in known]
        request_id, exception = row.context.get("request_id"), row.context.get("exception")
        same = list_url(SystemLog, fingerprint=row.fingerprint)
        return (
            (_("when"), moment(row.created_at)),
            (_("level"), self.gravity(row)),
            (_("source"), code(row.source)),
            (_("message"), row.message),
            (_("who"), row.context.get("actor") or NOTHING),
            (_("request"), link(list_url(AuditLog, q=request_id), str(request_id)) if request_id else NOTHING),
            (_("exception"), format_html('<pre class="dv-scroll">{}</pre>', exception) if exception else NOTHING),
            *facts,
            (_("fingerprint"), format_html("{}<br>{}", code(row.fingerprint), link(same, _("All of the same kind")))),
        )

    @admin.display(description=_("when"))
    def at(self, row: SystemLog) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("level"))
    def gravity(self, row: SystemLog) -> SafeString:
        return badge(row.get_level_display(), _TONES.get(row.level, "quiet"))

    @admin.display(description=_("message"))
    def text(self, row: SystemLog) -> SafeString:
        return short(row.message, 120)

    @admin.display(description=_("request"))
    def request_of(self, row: SystemLog) -> SafeString | str:
        request_id = row.context.get("request_id")
        return short(request_id, 16) if request_id else NOTHING


def _shown(value: object) -> str:
    return str(value)[:1000]
