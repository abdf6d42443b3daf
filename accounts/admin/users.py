"""People: found by whatever support was given, with links to all that is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import queries
from accounts.admin.user_forms import EDITED, RoleForm, StaffForm, UserForm
from accounts.balances import BalanceView, balances_of
from accounts.models import ApiKey, Membership, User
from accounts.operations import second_factors, sessions, staff, users
from audit.models import AuditLog
from core.actors import Actor
from core.admin.deeds import Outcome, Shown, deed, list_deed
from core.admin.display import NOTHING, Text, badge, change_url, code, link, list_url, moment, number, object_link
from core.admin.exports import ExportsAdmin
from core.admin.filters import range_filter
from core.admin.forms import ReasonForm
from core.admin.pages import OperationAdmin
from core.admin.panels import Column, Panel
from core.admin.related import panels_of
from core.admin.search import PER_FINDER, Hit, register_finder

_SHOWN: Final = 10


def _is_staff(user: User) -> bool:
    return user.is_staff


class KindFilter(admin.SimpleListFilter):
    """Both rare kinds have an index of their own."""

    title = _("who")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("staff", str(_("staff"))), ("kept_out", str(_("kept out")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "staff":
                return queryset.filter(is_staff=True)
            case "kept_out":
                return queryset.filter(is_active=False)
        return queryset


@admin.register(User)
class UserAdmin(ExportsAdmin[User], OperationAdmin[User]):
    """Customers and staff."""

    form = UserForm
    export = "users"
    keyset = ("-created_at", "-id")
    list_display = ("name", "shown_username", "shown_telegram_id", "shown_tokens", "shown_state", "registered")
    list_filter = (KindFilter, range_filter("created_at", _("registered")))
    search_fields = ("username",)
    search_help_text = _("A Telegram id, an id, or the beginning of a username or login")
    actions_list = ("employ", "export_rows")
    actions_detail = (
        "set_role",
        "new_password",
        "reset_factor",
        "end_sessions",
        "keep_out",
        "let_in",
        "dismiss",
        "anonymise",
    )
    readonly_fields = (
        "name",
        "shown_state",
        "shown_telegram_id",
        "shown_login",
        "registered",
        "shown_code",
        "brought_by",
    )
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": (
                    ("name", "shown_state"),
                    ("shown_telegram_id", "shown_login"),
                    ("registered", "shown_code"),
                    "brought_by",
                )
            },
        ),
        (
            _("What is known"),
            {"fields": (("first_name", "last_name"), ("username", "language_code"), ("timezone", "is_premium"))},
        ),
        (_("The change"), {"fields": ("reason",)}),
    )

    def find(self, term: str) -> Q:
        # One list of meanings for Admin and API.
        return Q(pk__in=queries.list_users(search=term).order_by().values("pk"))

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        # Who only reads gives no reason.
        return self.fieldsets if self.has_change_permission(request, obj) else self.fieldsets[:-1]

    def prepare_rows(self, rows: Sequence[User]) -> None:
        balances = balances_of(row.pk for row in rows)
        for row in rows:
            vars(row)["balance"] = balances[row.pk]

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Customers come by themselves, and staff are let in by a deed.
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return (obj is None or obj.anonymised_at is None) and super().has_change_permission(request, obj)

    def perform(self, request: HttpRequest, row: User, form: Any, *, by: Actor, change: bool) -> User:
        told = {name: form.cleaned_data[name] for name in EDITED}
        return users.update(user_id=row.pk, **told, reason=form.cleaned_data["reason"], by=by)

    def is_offered(self, request: HttpRequest, row: User, name: str) -> bool:
        if row.anonymised_at:
            return False
        # Nobody does to themselves what takes their own rights away; what else is one's own stands under Security.
        if row.pk == request.user.pk:
            return False
        if name == "reset_factor":
            return queries.find_factor_since(row.pk) is not None
        staffs = dict.fromkeys(("set_role", "new_password", "dismiss"), row.is_staff)
        return {**staffs, "keep_out": row.is_active, "end_sessions": row.is_active, "let_in": not row.is_active}.get(
            name, True
        )

    def has_staff_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("accounts.manage_staff")

    def has_door_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        if not request.user.has_perm("accounts.change_user"):
            return False
        # Colleagues are kept out by those who let them in.
        row = self.get_object(request, unquote(str(object_id)))
        return row is None or not row.is_staff or self.has_staff_permission(request)

    def has_forget_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("accounts.delete_user")

    @list_deed(
        title=_("New member of staff"),
        permission="staff",
        form=StaffForm,
        icon="person_add",
        explanation=_("They log in here with this login and password. What they may do follows from their role."),
        step_up=True,
    )
    def employ(self, request: HttpRequest, form: StaffForm, by: Actor) -> Outcome:
        told = dict(form.cleaned_data)
        made = users.create_staff(**told | {"role": told["role"] or None}, by=by)
        return HttpResponseRedirect(change_url(made, made.pk))

    @deed(
        title=_("Role"),
        permission="staff",
        form=RoleForm,
        icon="shield_person",
        explanation=_("The new role takes the place of what they had, beginning with their next request."),
        step_up=True,
    )
    def set_role(self, request: HttpRequest, user: User, form: RoleForm, by: Actor) -> Outcome:
        role = form.cleaned_data["role"] or None
        users.set_role(user_id=user.pk, role=role, reason=form.cleaned_data["reason"], by=by)
        return _("The role is set.")

    @deed(
        title=_("New initial password"),
        permission="staff",
        icon="password",
        variant="danger",
        explanation=_(
            "For a colleague who has forgotten theirs: make sure that it is they who ask. The present one ends with "
            "all of their sessions. The new one is shown once, on the next page: hand it over in person."
        ),
        step_up=True,
    )
    def new_password(self, request: HttpRequest, user: User, form: ReasonForm, by: Actor) -> Outcome:
        row, shown = staff.renew_password(user_id=user.pk, reason=form.cleaned_data["reason"], by=by)
        facts = {"password": shown, "original": row, "back_url": change_url(row, row.pk)}
        return Shown("accounts/admin/password_shown.html", facts)

    @deed(
        title=_("Reset the second factor"),
        permission="staff",
        icon="phonelink_erase",
        variant="danger",
        explanation=_(
            "For a colleague who has lost the phone and the backup codes: make sure that it is they who ask. All of "
            "their sessions end. Where everybody must have a second factor, they set up a new one at their next login."
        ),
        step_up=True,
    )
    def reset_factor(self, request: HttpRequest, user: User, form: ReasonForm, by: Actor) -> Outcome:
        second_factors.reset(user_id=user.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The second factor is reset.")

    @deed(
        title=_("No longer works here"),
        permission="staff",
        icon="person_remove",
        variant="danger",
        explanation=_(
            "Their login, password, role, second factor, sessions and API keys end at once. The person stays, with all "
            "that they did."
        ),
        step_up=True,
    )
    def dismiss(self, request: HttpRequest, user: User, form: ReasonForm, by: Actor) -> Outcome:
        staff.dismiss(user_id=user.pk, reason=form.cleaned_data["reason"], by=by)
        return _("They no longer work here.")

    @deed(
        title=_("Keep out"),
        permission="door",
        icon="block",
        variant="danger",
        step_up=_is_staff,
        explanation=_("They can no longer log in, and their API keys stop working. Their money stays where it is."),
    )
    def keep_out(self, request: HttpRequest, user: User, form: ReasonForm, by: Actor) -> Outcome:
        users.set_active(user_id=user.pk, is_active=False, reason=form.cleaned_data["reason"], by=by)
        return _("They are kept out.")

    @deed(
        title=_("Log out everywhere"),
        permission="door",
        icon="logout",
        variant="danger",
        step_up=_is_staff,
        explanation=_("All of their sessions end, over the API and in Admin. They may log in again at once."),
    )
    def end_sessions(self, request: HttpRequest, user: User, form: ReasonForm, by: Actor) -> Outcome:
        sessions.revoke_all(user_id=user.pk, reason=form.cleaned_data["reason"], by=by)
        return _("They are logged out everywhere.")

    @deed(title=_("Let in again"), permission="door", icon="lock_open", step_up=_is_staff)
    def let_in(self, request: HttpRequest, user: User, form: ReasonForm, by: Actor) -> Outcome:
        users.set_active(user_id=user.pk, is_active=True, reason=form.cleaned_data["reason"], by=by)
        return _("They are let in again.")

    @deed(
        title=_("Forget"),
        permission="forget",
        icon="person_off",
        variant="danger",
        explanation=_(
            "Names, Telegram id, login, rights and keys are forgotten for good, which cannot be undone. What they paid "
            "and did stays, nameless."
        ),
        step_up=_is_staff,
    )
    def anonymise(self, request: HttpRequest, user: User, form: ReasonForm, by: Actor) -> Outcome:
        users.anonymise(user_id=user.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The person is forgotten.")

    def get_facts(self, request: HttpRequest, row: User) -> Sequence[tuple[Text, object]]:
        return (
            (_("person"), row),
            (_("Telegram id"), self.shown_telegram_id(row)),
            (_("login"), self.shown_login(row)),
            (_("state"), self.shown_state(row)),
            (_("registered"), moment(row.created_at)),
        )

    def get_panels(self, request: HttpRequest, row: User) -> Sequence[Panel]:
        return [*panels_of(request, row), self._companies(row), self._keys(row), self._sessions(row), self._deeds(row)]

    def _companies(self, row: User) -> Panel:
        found = Membership.objects.filter(user=row).select_related("company").order_by("-id")[:_SHOWN]
        return Panel(
            title=_("Companies"),
            columns=(Column(_("company")), Column(_("role")), Column(_("since"))),
            rows=[(object_link(each.company), each.get_role_display(), moment(each.created_at)) for each in found],
            empty=_("None."),
        )

    def _keys(self, row: User) -> Panel:
        found = ApiKey.objects.filter(owner=row).order_by("-id")[:_SHOWN]
        return Panel(
            title=_("API keys"),
            columns=(Column(_("name")), Column(_("scopes")), Column(_("last used")), Column(_("revoked"))),
            rows=[
                (object_link(each), ", ".join(each.scopes), moment(each.last_used_at), moment(each.revoked_at))
                for each in found
            ],
            empty=_("None."),
        )

    def _sessions(self, row: User) -> Panel:
        return Panel(
            title=_("Where they are logged in"),
            columns=(Column(_("browser")), Column(_("address")), Column(_("way in")), Column(_("last used"))),
            rows=[
                (each.user_agent or NOTHING, each.ip or NOTHING, each.get_way_display(), moment(each.last_used_at))
                for each in queries.list_sessions(row.pk)[:_SHOWN]
            ],
            empty=_("Nowhere."),
        )

    def _deeds(self, row: User) -> Panel:
        return Panel(
            title=_("What they did"),
            columns=(),
            rows=(),
            empty=_("It is in the audit log."),
            more_url=list_url(AuditLog, user=row.pk),
        )

    @admin.display(description=_("person"))
    def name(self, row: User) -> str:
        return str(row)

    @admin.display(description=_("username"))
    def shown_username(self, row: User) -> str:
        return f"@{row.username}" if row.username else NOTHING

    @admin.display(description=_("Telegram id"))
    def shown_telegram_id(self, row: User) -> SafeString | str:
        return code(row.telegram_id) if row.telegram_id else NOTHING

    @admin.display(description=_("login"))
    def shown_login(self, row: User) -> SafeString | str:
        return code(row.login) if row.login else NOTHING

    @admin.display(description=_("tokens"))
    def shown_tokens(self, row: User) -> str:
        balance: BalanceView = vars(row)["balance"]
        return number(balance.token_balance)

    @admin.display(description=_("state"))
    def shown_state(self, row: User) -> SafeString:
        if row.anonymised_at:
            return badge(_("forgotten"))
        state = badge(_("active"), "good") if row.is_active else badge(_("kept out"), "bad")
        return format_html("{} {}", badge(_("staff"), "info"), state) if row.is_staff else state

    @admin.display(description=_("registered"))
    def registered(self, row: User) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("referral code"))
    def shown_code(self, row: User) -> SafeString:
        return code(row.referral_code)

    @admin.display(description=_("brought by"))
    def brought_by(self, row: User) -> SafeString | str:
        return link(change_url(User, row.referred_by_id), code(row.referred_by_id)) if row.referred_by_id else NOTHING


@register_finder
def _find(request: HttpRequest, term: str) -> list[Hit]:
    if not request.user.has_perm("accounts.view_user"):
        return []
    found = queries.list_users(search=term)[:PER_FINDER]
    return [Hit(str(row), _("Person"), change_url(row, row.pk), "person") for row in found]
