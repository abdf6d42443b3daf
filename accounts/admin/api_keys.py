"""API keys: issued, rotated, revoked. A key is shown once, to whoever issues it, and never again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from accounts import queries
from accounts.models import ApiKey, User
from accounts.operations import api_keys
from accounts.scopes import SCOPES
from audit.models import AuditLog
from core.actors import Actor
from core.admin.deeds import Outcome, Shown, deed, list_deed
from core.admin.display import Text, badge, change_url, code, link, list_url, moment, object_link
from core.admin.facts import FactsAdmin
from core.admin.forms import DeedForm, ReasonField, ReasonForm, integer_widget, text_widget
from core.admin.search import PER_FINDER, Hit, register_finder
from core.clock import CoreNow
from core.errors import DomainError

_KEY_SHOWN: Final = "accounts/admin/key_shown.html"
_LONGEST_DAYS: Final = 36_500


def _scopes() -> list[tuple[str, str]]:
    return [(name, f"{name}: {title}") for name, title in SCOPES.items()]


class IssueForm(DeedForm):
    """What a new key may do, for whom, and for how long."""

    name = forms.CharField(
        label=_("name"), max_length=100, help_text=_("What uses it: “Support bot”."), widget=text_widget()
    )
    scopes = forms.MultipleChoiceField(
        label=_("scopes"), choices=_scopes, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    owner = forms.CharField(
        label=_("owner"),
        max_length=200,
        required=False,
        help_text=_("A login, Telegram id, @username or id. The key works while this person is not kept out."),
        widget=text_widget(autocomplete="off"),
    )
    expires_in_days = forms.IntegerField(
        label=_("works for, days"),
        min_value=1,
        max_value=_LONGEST_DAYS,
        required=False,
        help_text=_("Empty for a key without an end."),
        widget=integer_widget(),
    )
    allowed_networks = forms.CharField(
        label=_("allowed networks"),
        max_length=2_000,
        required=False,
        help_text=_("One a line, like 192.0.2.0/24. Empty for anywhere."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )
    reason = ReasonField(required=False)

    def clean_owner(self) -> User | None:
        text = self.cleaned_data["owner"].strip()
        found = queries.find_user(text) if text else None
        if text and found is None:
            raise ValidationError(_("Nobody is called so, or more than one person is."))
        return found

    def clean_allowed_networks(self) -> list[str]:
        return str(self.cleaned_data["allowed_networks"]).split()

    def refuse(self, refusal: DomainError) -> None:
        """The form asks for days where the operation takes a length of time."""
        renamed = {{"expires_in": "expires_in_days"}.get(name, name): why for name, why in refusal.fields.items()}
        super().refuse(type(refusal)(refusal.detail, fields=renamed))


class RotateForm(DeedForm):
    """How long the old key goes on beside the new one."""

    overlap_hours = forms.IntegerField(
        label=_("overlap, hours"),
        min_value=0,
        max_value=24 * 30,
        initial=24,
        help_text=_("The old key works for so long beside the new one. 0 ends it at once."),
        widget=integer_widget(),
    )
    reason = ReasonField()


@admin.register(ApiKey)
class ApiKeyAdmin(FactsAdmin[ApiKey]):
    """Every key that was ever issued; of its secret, nothing."""

    list_display = ("name", "shown_prefix", "shown_scopes", "shown_owner", "used", "ends", "state")
    list_select_related = ("owner",)
    search_fields = ("prefix",)
    search_help_text = _("A key's prefix, as in dvk_<prefix>_…")
    actions_list = ("issue",)
    actions_detail = ("rotate", "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        # Whether a key is in force is decided by the database's clock.
        return super().get_queryset(request).select_related("owner").annotate(now=CoreNow())

    def find(self, term: str) -> Q:
        return Q(prefix=_prefix(term))

    def is_offered(self, request: HttpRequest, row: ApiKey, name: str) -> bool:
        return row.revoked_at is None if name == "revoke" else not _is_over(row)

    def has_issue_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("accounts.add_apikey")

    def has_revoke_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("accounts.change_apikey")

    @list_deed(
        title=_("Issue a key"),
        permission="issue",
        form=IssueForm,
        icon="add",
        explanation=_("The key is shown once, on the next page. Nobody can see it again."),
        step_up=True,
    )
    def issue(self, request: HttpRequest, form: IssueForm, by: Actor) -> Outcome:
        told = form.cleaned_data
        row, shown = api_keys.create(
            name=told["name"],
            scopes=told["scopes"],
            owner_id=told["owner"].pk if told["owner"] else None,
            expires_in=timedelta(days=told["expires_in_days"]) if told["expires_in_days"] else None,
            allowed_networks=told["allowed_networks"],
            reason=told["reason"],
            by=by,
        )
        return _shown_once(row, shown)

    @deed(
        title=_("Rotate"),
        permission="issue",
        form=RotateForm,
        icon="sync",
        explanation=_("Issues a successor with the same rights and the same end. It is shown once, on the next page."),
        step_up=True,
    )
    def rotate(self, request: HttpRequest, key: ApiKey, form: RotateForm, by: Actor) -> Outcome:
        overlap = timedelta(hours=form.cleaned_data["overlap_hours"])
        return _shown_once(*api_keys.rotate(key_id=key.pk, overlap=overlap, reason=form.cleaned_data["reason"], by=by))

    @deed(
        title=_("Revoke"),
        permission="revoke",
        icon="key_off",
        variant="danger",
        explanation=_("The key is refused within a second everywhere, for good."),
    )
    def revoke(self, request: HttpRequest, key: ApiKey, form: ReasonForm, by: Actor) -> Outcome:
        api_keys.revoke(key_id=key.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The key is revoked.")

    def get_facts(self, request: HttpRequest, row: ApiKey) -> Sequence[tuple[Text, object]]:
        return (
            (_("name"), row.name),
            (_("state"), self.state(row)),
            (_("begins with"), self.shown_prefix(row)),
            (_("scopes"), ", ".join(row.scopes)),
            (_("owner"), object_link(row.owner)),
            (_("allowed networks"), ", ".join(row.allowed_networks) or _("anywhere")),
            (_("created"), moment(row.created_at)),
            (_("expires"), moment(row.expires_at)),
            (_("last used"), moment(row.last_used_at)),
            (_("revoked"), moment(row.revoked_at)),
            (_("audit log"), link(list_url(AuditLog, actor_kind="api_key", actor_id=row.pk), _("What it did"))),
        )

    @admin.display(description=_("begins with"))
    def shown_prefix(self, row: ApiKey) -> SafeString:
        return code(f"dvk_{row.prefix}_…")

    @admin.display(description=_("scopes"))
    def shown_scopes(self, row: ApiKey) -> str:
        return ", ".join(row.scopes)

    @admin.display(description=_("owner"))
    def shown_owner(self, row: ApiKey) -> SafeString | str:
        return object_link(row.owner)

    @admin.display(description=_("last used"))
    def used(self, row: ApiKey) -> SafeString | str:
        return moment(row.last_used_at)

    @admin.display(description=_("expires"))
    def ends(self, row: ApiKey) -> SafeString | str:
        return moment(row.expires_at)

    @admin.display(description=_("state"))
    def state(self, row: ApiKey) -> SafeString:
        if row.revoked_at:
            return badge(_("revoked"), "bad")
        return badge(_("expired")) if _is_over(row) else badge(_("in force"), "good")


def _is_over(row: ApiKey) -> bool:
    now: Any = vars(row)["now"]
    return row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now)


def _shown_once(row: ApiKey, shown: str) -> Shown:
    return Shown(_KEY_SHOWN, {"key": shown, "original": row, "back_url": change_url(row, row.pk)})


def _prefix(term: str) -> str:
    """The prefix in whatever was pasted of a key."""
    return term.removeprefix("dvk_").partition("_")[0]


@register_finder
def _find(request: HttpRequest, term: str) -> list[Hit]:
    if not request.user.has_perm("accounts.view_apikey"):
        return []
    found = ApiKey.objects.filter(prefix=_prefix(term))[:PER_FINDER]
    return [Hit(str(row), _("API key"), change_url(row, row.pk), "key") for row in found]
