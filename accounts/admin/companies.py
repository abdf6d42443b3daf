"""Companies and who belongs to them. Nothing here changes them yet: the products that sell to teams will."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Membership
from core.admin.display import Text, badge, code, moment, object_link
from core.admin.facts import FactsAdmin
from core.admin.panels import Column, Panel
from core.admin.related import panels_of

_SHOWN: Final = 50


@admin.register(Company)
class CompanyAdmin(FactsAdmin[Company]):
    """Teams that pay together."""

    keyset = ("-created_at", "-id")
    list_display = ("name", "state", "created")
    search_fields = ("name",)
    search_help_text = _("A company's id")

    def find(self, term: str) -> Q:
        return _by_id(term)

    def get_facts(self, request: HttpRequest, row: Company) -> Sequence[tuple[Text, object]]:
        return (
            (_("name"), row.name),
            (_("id"), code(row.pk)),
            (_("state"), self.state(row)),
            (_("created"), moment(row.created_at)),
        )

    def get_panels(self, request: HttpRequest, row: Company) -> Sequence[Panel]:
        found = Membership.objects.filter(company=row).select_related("user").order_by("-id")[:_SHOWN]
        members = Panel(
            title=_("Members"),
            columns=(Column(_("person")), Column(_("role")), Column(_("since"))),
            rows=[(object_link(each.user), each.get_role_display(), moment(each.created_at)) for each in found],
            empty=_("Nobody."),
        )
        return [*panels_of(request, row), members]

    @admin.display(description=_("state"))
    def state(self, row: Company) -> SafeString:
        return badge(_("active"), "good") if row.is_active else badge(_("inactive"))

    @admin.display(description=_("created"))
    def created(self, row: Company) -> SafeString | str:
        return moment(row.created_at)


@admin.register(Membership)
class MembershipAdmin(FactsAdmin[Membership]):
    """Places of people in companies."""

    list_display = ("shown_user", "shown_company", "role", "since")
    list_display_links = ("since",)
    list_select_related = ("user", "company")

    def get_facts(self, request: HttpRequest, row: Membership) -> Sequence[tuple[Text, object]]:
        return (
            (_("person"), object_link(row.user)),
            (_("company"), object_link(row.company)),
            (_("role"), row.get_role_display()),
            (_("since"), moment(row.created_at)),
        )

    @admin.display(description=_("person"))
    def shown_user(self, row: Membership) -> SafeString | str:
        return object_link(row.user)

    @admin.display(description=_("company"))
    def shown_company(self, row: Membership) -> SafeString | str:
        return object_link(row.company)

    @admin.display(description=_("since"))
    def since(self, row: Membership) -> SafeString | str:
        return moment(row.created_at)


def _by_id(text: str) -> Q:
    try:
        return Q(pk=UUID(text))
    except ValueError:
        return Q(pk__in=[])
