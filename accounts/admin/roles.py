"""Roles: who may do what. They are defined in code (accounts.roles) and made equal to it, so nothing is edited here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import ROLES
from core.admin.display import Text, code, object_link
from core.admin.facts import FactsAdmin
from core.admin.panels import Column, Panel

_SHOWN: Final = 50
_VERBS: Final[Mapping[str, Text]] = {
    "view": _("see"),
    "add": _("add"),
    "change": _("change"),
    "delete": _("delete"),
    "credit_wallet": _("credit by hand"),
    "approve_creditrequest": _("approve a colleague's"),
    "export_audit": _("export the audit log"),
    "export_invoices": _("export invoices"),
    "export_kpis": _("export the key figures"),
    "export_ledger": _("export the ledger"),
    "export_users": _("export people"),
    "issue_refund": _("send money back"),
    "manage_staff": _("hire, dismiss and give roles"),
}

admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(FactsAdmin[Group]):
    """The groups that stand for roles."""

    keyset = ("name",)
    shows_history = False
    list_display = ("name", "meaning")

    def find(self, term: str) -> Q:
        return Q(name=term)

    def has_view_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        # Roles are nobody's secret; they are told to whoever sees the people who have them.
        return request.user.has_perm("accounts.view_user")

    def get_facts(self, request: HttpRequest, row: Group) -> Sequence[tuple[Text, object]]:
        return ((_("role"), code(row.name)), (_("meaning"), self.meaning(row)))

    def get_panels(self, request: HttpRequest, row: Group) -> Sequence[Panel]:
        members = User.objects.filter(groups=row).order_by("login")[:_SHOWN]
        return [
            Panel(
                title=_("Members"),
                columns=(Column(_("person")), Column(_("login"))),
                rows=[(object_link(each), each.login) for each in members],
                empty=_("Nobody."),
            ),
            self._permissions(row),
        ]

    def _permissions(self, row: Group) -> Panel:
        allowed: dict[str, list[str]] = defaultdict(list)
        for permission in row.permissions.select_related("content_type").order_by("content_type", "codename"):
            verb = _VERBS.get(permission.codename) or _VERBS.get(permission.codename.partition("_")[0])
            allowed[permission.content_type.name].append(str(verb or permission.codename))
        return Panel(
            title=_("What they may do"),
            columns=(Column(_("of what")), Column(_("what"))),
            rows=[(thing, ", ".join(deeds)) for thing, deeds in sorted(allowed.items())],
            empty=_("Nothing."),
        )

    @admin.display(description=_("meaning"))
    def meaning(self, row: Group) -> Text:
        role = ROLES.get(row.name)
        return str(role.title) if role else _("not a role of the house")
