"""
Runtime settings: what each is for, what it may be, what it is now, and who made it so.

The rows are only those that override a default; the page shows every setting that the code knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, ClassVar

from django import forms
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from core import errors, runtime_settings
from core.actors import Actor
from core.admin.deeds import Outcome, deed
from core.admin.display import NOTHING, Text, badge, change_url, code, moment, number
from core.admin.facts import FactsAdmin
from core.admin.forms import DeedForm, MoneyTextField, ReasonField, ReasonForm, as_typed, integer_widget, text_widget
from core.errors import DomainError
from core.models import Setting
from core.money import Money
from core.operations import settings as operations
from core.runtime_settings import Definition


def field_for(definition: Definition[Any]) -> forms.Field:
    """The form's field for a setting. What it lets pass, the setting's own definition judges."""
    limits: dict[str, Any] = {"label": _("Value"), "help_text": bounds_in_words(definition)}
    if definition.value_type is bool or definition.choices:
        values = [True, False] if definition.value_type is bool else definition.choices
        return forms.TypedChoiceField(
            choices=[(str(value), value_in_words(definition, value)) for value in values],
            coerce=lambda text: next(value for value in values if str(value) == text),
            widget=UnfoldAdminSelectWidget,
            **limits,
        )
    if definition.value_type is Money:
        return MoneyTextField(currency=definition.default.currency, **limits)
    if definition.value_type is int:
        return forms.IntegerField(
            min_value=definition.minimum, max_value=definition.maximum, widget=integer_widget(), **limits
        )
    widget = (
        text_widget(type="password", autocomplete="new-password")
        if definition.secret
        else UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )
    return forms.CharField(widget=widget, required=bool(definition.minimum), strip=False, **limits)


class ValueForm(DeedForm):
    """A setting's new value, of its own type, and why."""

    reason = ReasonField()

    def __init__(self, *args: Any, target: Setting, **kwargs: Any) -> None:
        super().__init__(*args, target=target, **kwargs)
        self.definition = runtime_settings.definition(target.key)
        self.fields["value"] = field_for(self.definition)
        self.order_fields(["value", "reason"])
        if not self.definition.secret:
            value = self.definition.of(None if target._state.adding else target)
            self.initial["value"] = as_typed(value) if isinstance(value, Money) else value

    def refuse(self, refusal: DomainError) -> None:
        """The operation names settings; here there is one, and its field is called ``value``."""
        renamed = {"value" if name == self.definition.key else name: why for name, why in refusal.fields.items()}
        super().refuse(type(refusal)(refusal.detail, fields=renamed))


@admin.register(Setting)
class SettingAdmin(FactsAdmin[Setting]):
    """What operators may change while the house runs."""

    keyset = ("key",)
    actions_detail = ("change_value", "reset")
    list_template: ClassVar[str] = "core/admin/settings.html"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Setting | None:
        try:
            runtime_settings.definition(object_id)
        except errors.SettingUnknown:
            return None
        return super().get_object(request, object_id, from_field) or Setting(key=object_id)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": capfirst(str(self.opts.verbose_name_plural)),
            "groups": list(_groups()),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.list_template, context)

    def is_offered(self, request: HttpRequest, row: Setting, name: str) -> bool:
        return name == "change_value" or not row._state.adding

    def has_set_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("core.change_setting")

    @deed(
        title=_("Change"),
        permission="set",
        form=ValueForm,
        icon="edit",
        variant="primary",
        explanation=_("The new value is in force everywhere within a second."),
        step_up=True,
    )
    def change_value(self, request: HttpRequest, setting: Setting, form: ValueForm, by: Actor) -> Outcome:
        definition = form.definition
        operations.change(
            key=setting.key,
            value=definition.as_json(form.cleaned_data["value"]),
            reason=form.cleaned_data["reason"],
            by=by,
        )
        return _("The setting is changed.")

    @deed(
        title=_("Back to the default"),
        permission="set",
        icon="undo",
        explanation=_("The default is in force again everywhere within a second."),
        step_up=True,
    )
    def reset(self, request: HttpRequest, setting: Setting, form: ReasonForm, by: Actor) -> Outcome:
        operations.reset(key=setting.key, reason=form.cleaned_data["reason"], by=by)
        return _("The default is in force again.")

    def get_facts(self, request: HttpRequest, row: Setting) -> Sequence[tuple[Text, object]]:
        definition = runtime_settings.definition(row.key)
        return (
            (_("key"), code(row.key)),
            (_("what for"), definition.help_text),
            (_("in force"), value_in_words(definition, definition.of(None if row._state.adding else row))),
            (_("default"), value_in_words(definition, definition.default)),
            (_("what it may be"), bounds_in_words(definition) or NOTHING),
            (_("changed"), moment(row.updated_at) if not row._state.adding else NOTHING),
            (_("changed by"), row.updated_by or NOTHING),
        )


def value_in_words(definition: Definition[Any], value: object) -> str:
    """A setting's value as people read it; a secret one is masked."""
    if definition.secret:
        return runtime_settings.MASK if value else NOTHING
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return number(value) if isinstance(value, int) else str(value)


def bounds_in_words(definition: Definition[Any]) -> str:
    """What a setting's value may be."""
    low, high = (_bound(definition, bound) for bound in (definition.minimum, definition.maximum))
    if definition.value_type is bool or definition.choices or not (low or high):
        return ""
    if definition.value_type is str:
        return _("%(low)s to %(high)s characters") % {"low": low or 0, "high": high}
    if low and high:
        return _("from %(low)s to %(high)s") % {"low": low, "high": high}
    return _("at least %(low)s") % {"low": low} if low else _("at most %(high)s") % {"high": high}


def _bound(definition: Definition[Any], bound: int | None) -> str:
    if bound is None:
        return ""
    return str(Money(bound, definition.default.currency)) if definition.value_type is Money else number(bound)


def _groups() -> Iterator[dict[str, object]]:
    """Every setting, by the app that reads it. One query."""
    changed = Setting.objects.in_bulk()
    for label, definitions in groupby(runtime_settings.definitions(), key=lambda each: each.key.partition(".")[0]):
        yield {
            "title": apps.get_app_config(label).verbose_name if apps.is_installed(label) else label,
            "settings": [_line(definition, changed.get(definition.key)) for definition in definitions],
        }


def _line(definition: Definition[Any], row: Setting | None) -> dict[str, object]:
    state: SafeString | str = badge(_("changed"), "info") if row else ""
    return {
        "key": definition.key,
        "url": change_url(Setting, definition.key),
        "help_text": definition.help_text,
        "value": value_in_words(definition, definition.of(row)),
        "default": value_in_words(definition, definition.default),
        "state": state,
        "changed_at": moment(row.updated_at) if row else "",
        "changed_by": row.updated_by if row else "",
    }
