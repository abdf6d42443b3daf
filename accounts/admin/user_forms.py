"""What is asked about people before something is done to them."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from accounts.models import User
from accounts.roles import ROLES
from core.admin.display import Text
from core.admin.forms import DeedForm, OperationForm, ReasonField, text_widget

EDITED: Final = ("username", "first_name", "last_name", "language_code", "timezone", "is_premium")


class UserForm(OperationForm):
    class Meta:
        model = User
        fields = EDITED
        widgets: ClassVar[dict[str, Any]] = {"is_premium": UnfoldBooleanSwitchWidget}


def _roles() -> list[tuple[str, Text]]:
    return [("", _("none: they see nothing")), *((role.name, role.title) for role in ROLES.values())]  # type: ignore[list-item]  # a promise of a text


class RoleForm(DeedForm):
    """A member of staff's role."""

    role = forms.ChoiceField(label=_("role"), choices=_roles, required=False, widget=UnfoldAdminSelectWidget)
    reason = ReasonField()

    def __init__(self, *args: Any, target: User, **kwargs: Any) -> None:
        super().__init__(*args, target=target, **kwargs)
        has = target.groups.order_by("name").first()
        self.initial["role"] = has.name if has else ""


class StaffForm(DeedForm):
    """Somebody who begins to work here."""

    login = forms.CharField(label=_("login"), max_length=150, widget=text_widget(autocomplete="off"))
    password = forms.CharField(
        label=_("password"),
        strip=False,
        max_length=128,
        help_text=_("At least ten characters, and not easy to guess. They can change it once they are in."),
        widget=text_widget(type="password", autocomplete="new-password"),
    )
    first_name = forms.CharField(label=_("first name"), max_length=255, required=False, widget=text_widget())
    last_name = forms.CharField(label=_("last name"), max_length=255, required=False, widget=text_widget())
    role = forms.ChoiceField(label=_("role"), choices=_roles, required=False, widget=UnfoldAdminSelectWidget)
    reason = ReasonField(required=False)
