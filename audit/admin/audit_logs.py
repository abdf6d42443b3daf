"""The audit log: who did what to what, when, why and through which door. Nothing here can be changed by anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.db.models.fields.json import KT
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit import queries
from audit.admin.wording import (
    actor_in_words,
    changes_of,
    deed_in_words,
    entity_in_words,
    fact_in_words,
    model_of,
    needs_currency,
    value_in_words,
)
from audit.models import AuditLog
from core.admin.display import NOTHING, Text, badge, change_url, code, link, list_url, moment
from core.admin.exports import ExportsAdmin
from core.admin.facts import FactsAdmin
from core.admin.filters import MomentRangeFilter, TextFilter, is_narrowed
from core.admin.panels import Column, Panel
from core.database import AUDITED

_SAME_REQUEST: Final = 30
_CIRCUMSTANCES: Final = frozenset({"door", "request_id", "ip", "reason"})

KINDS: Final[Mapping[str, Text]] = {
    "user": _("person"),
    "api_key": _("API key"),
    "job": _("job"),
    "shell": _("shell"),
    "system": _("system"),
}
DOORS: Final[Mapping[str, Text]] = {
    "admin": _("Admin"),
    "api": _("API"),
    "shell": _("shell"),
    "job": _("job"),
    "command": _("command"),
}


class EntityFilter(admin.SimpleListFilter):
    """The kind of thing: one of those that leave records. The index of entities begins with it."""

    title = _("entity")
    parameter_name = "entity_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((name, entity_in_words(name)) for name in _recorded()), key=lambda each: each[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(entity_type=self.value()) if self.value() else queryset


class EntityIdFilter(TextFilter):
    title = _("entity's id")
    parameter_name = "entity_id"

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(_of_entity(text))


class KindFilter(admin.SimpleListFilter):
    """The kind of whoever did it: people, keys, jobs, the shell, the system itself."""

    title = _("who")
    parameter_name = "actor_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
        return list(KINDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(actor_kind=self.value()) if self.value() else queryset


class ActorFilter(TextFilter):
    """Whoever did it themselves: a key and not its owner, a job and not who asked for it."""

    title = _("id of who did it")
    parameter_name = "actor_id"

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(actor_id=text)


class PersonFilter(TextFilter):
    title = _("person's id")
    parameter_name = "user"

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(_by_person(text))


class ActionFilter(TextFilter):
    title = _("action's code")
    parameter_name = "action"

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(action=text)


@admin.register(AuditLog)
class AuditLogAdmin(ExportsAdmin[AuditLog], FactsAdmin[AuditLog]):
    """Every change of an audited row, and every deed."""

    export = "audit"
    shows_history = False
    list_display = ("at", "who", "what", "entity", "changed", "reason", "door")
    list_display_links = ("at",)
    list_filter = (EntityFilter, EntityIdFilter, KindFilter, ActorFilter, PersonFilter, ActionFilter, MomentRangeFilter)
    search_fields = ("action",)
    search_help_text = _("An action's code, or the id of an entity, a person or a request")
    columns_of_changes: ClassVar[Sequence[Column]] = (Column(_("field")), Column(_("before")), Column(_("after")))

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditLog]:
        return (
            super()
            .get_queryset(request)
            .alias(request=KT("metadata__request_id"), actor_kind=KT("actor__kind"), actor_id=KT("actor__id"))
        )

    def get_keyset(self, request: HttpRequest) -> tuple[str, ...]:
        # Ids grow with the moments; each order has the index that its filters need.
        return ("-created_at", "-id") if is_narrowed(request, "created_at") else ("-id",)

    def find(self, term: str) -> Q:
        return Q(action=term) | Q(request=term) | _by_person(term) | _of_entity(term)

    def get_heading(self, row: AuditLog) -> str:
        words = deed_in_words(row.action)
        # What is done to rows is called the same for all of them.
        return f"{entity_in_words(row.entity_type)}: {words}" if row.old_value or row.new_value else words

    def get_facts(self, request: HttpRequest, row: AuditLog) -> Sequence[tuple[Text, object]]:
        told = row.metadata
        facts = [(fact_in_words(name), _fact(value)) for name, value in told.items() if name not in _CIRCUMSTANCES]
        return (
            (_("when"), moment(row.created_at)),
            (_("who"), self._person(row)),
            (_("what"), format_html("{} {}", deed_in_words(row.action), code(row.action))),
            (_("entity"), self._entity_link(row)),
            (_("reason"), told.get("reason") or NOTHING),
            (_("door"), DOORS.get(str(told.get("door")), NOTHING)),
            (_("address"), told.get("ip") or NOTHING),
            (_("request"), code(told["request_id"]) if told.get("request_id") else NOTHING),
            *facts,
        )

    def get_panels(self, request: HttpRequest, row: AuditLog) -> Sequence[Panel]:
        panels = [self._changes(row)]
        if request_id := str(row.metadata.get("request_id", "")):
            panels.append(self._same_request(row, request_id))
        return panels

    def _changes(self, row: AuditLog) -> Panel:
        return Panel(
            title=_("What changed"),
            columns=self.columns_of_changes,
            rows=[
                (
                    change.name,
                    format_html("<del>{}</del>", change.old) if change.old else NOTHING,
                    format_html("<ins>{}</ins>", change.new) if change.new else NOTHING,
                )
                for change in changes_of(row, currency=_currency_of(row))
            ],
            empty=_("This record tells of a deed; what it changed is in the request's other records."),
        )

    def _same_request(self, row: AuditLog, request_id: str) -> Panel:
        found = [each for each in queries.list_logs_of_request(request_id)[: _SAME_REQUEST + 1] if each.pk != row.pk]
        return Panel(
            title=_("In the same request"),
            columns=(Column(_("what")), Column(_("entity")), Column(_("fields"))),
            rows=[
                (link(change_url(each, each.pk), self.what(each)), self.entity(each), self.changed(each))
                for each in found
            ],
            empty=_("Nothing else."),
            more_url=list_url(AuditLog, q=request_id) if len(found) >= _SAME_REQUEST else "",
        )

    def _person(self, row: AuditLog) -> SafeString | str:
        kind = KINDS.get(row.actor.get("kind", ""), "")
        name = actor_in_words(row.actor)
        label = str(kind) if name == str(kind) else f"{name or NOTHING} · {kind}"
        return link(change_url(get_user_model(), row.user_id), label) if row.user_id else label

    def _entity_link(self, row: AuditLog) -> SafeString:
        history = list_url(AuditLog, entity_type=row.entity_type, entity_id=row.entity_id)
        name = format_html("{} {}", entity_in_words(row.entity_type), code(row.entity_id))
        model = model_of(row.entity_type)
        if model in self.admin_site._registry and not row.action.endswith(".deleted"):
            name = link(change_url(model, row.entity_id), name)
        return format_html("{}<br>{}", name, link(history, _("All that happened to it")))

    @admin.display(description=_("when"))
    def at(self, row: AuditLog) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("who"))
    def who(self, row: AuditLog) -> str:
        return str(actor_in_words(row.actor) or KINDS.get(row.actor.get("kind", ""), NOTHING))

    @admin.display(description=_("what"))
    def what(self, row: AuditLog) -> SafeString:
        words = deed_in_words(row.action)
        return code(words) if words == row.action else format_html('<span title="{}">{}</span>', row.action, words)

    @admin.display(description=_("entity"))
    def entity(self, row: AuditLog) -> SafeString:
        return format_html(
            '{} <span class="dv-subtle" title="{}">{}</span>',
            entity_in_words(row.entity_type),
            row.entity_id,
            _shortened(row.entity_id),
        )

    @admin.display(description=_("fields"))
    def changed(self, row: AuditLog) -> str:
        return ", ".join(change.name for change in changes_of(row)) if row.old_value else NOTHING

    @admin.display(description=_("reason"))
    def reason(self, row: AuditLog) -> str:
        return str(row.metadata.get("reason") or NOTHING)

    @admin.display(description=_("door"))
    def door(self, row: AuditLog) -> SafeString | str:
        door = DOORS.get(str(row.metadata.get("door")))
        return badge(door) if door else NOTHING


def _by_person(text: str) -> Q:
    try:
        return Q(user_id=UUID(text))
    except ValueError:
        return Q(pk__in=[])


def _of_entity(text: str) -> Q:
    # The index of entities begins with their type.
    return Q(entity_type__in=_recorded(), entity_id=text)


def _recorded() -> list[str]:
    """The entity types of audited models, and of those that only deeds are told of."""
    return sorted({model._meta.label_lower for model in AUDITED} | {"auth.group", "core.job"})


def _currency_of(row: AuditLog) -> str:
    """The currency of the thing as it is now, where the record has amounts and no currency."""
    model = model_of(row.entity_type)
    if model is None or not needs_currency(row):
        return ""
    return str(model._default_manager.filter(pk=row.entity_id).values_list("currency", flat=True).first() or "")


def _fact(value: object) -> str:
    return value_in_words(None, "", value) or NOTHING


def _shortened(entity_id: str) -> str:
    """The end of a long id: UUIDs of one hour begin alike."""
    return f"…{entity_id[-6:]}" if len(entity_id) > 12 else entity_id
