"""Who brought whom, and what became of the reward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.queries import find_user
from billing.admin.search import by_id
from billing.models import Referral
from core.admin.display import NOTHING, Text, Tone, badge, moment, number, object_link
from core.admin.facts import FactsAdmin
from core.admin.views import ViewFilter, ViewsAdmin

_TONES: Final[dict[str, Tone]] = {"qualified": "warn", "rewarded": "good", "reversed": "bad"}


class ReferralViews(ViewFilter):
    views = (
        ("all", _("All")),
        ("pending", _("Nothing paid yet")),
        ("qualified", _("The reward waits")),
        ("rewarded", _("Rewarded")),
        ("reversed", _("Taken back")),
    )

    def narrow(self, rows: QuerySet[Any], view: str) -> QuerySet[Any]:
        return rows if view == "all" else rows.filter(state=view)


@admin.register(Referral)
class ReferralAdmin(ViewsAdmin[Referral], FactsAdmin[Referral]):
    """Bound when somebody is first seen, and moved by payments alone."""

    view_filter = ReferralViews
    list_display = ("when", "bringer", "brought", "state_now", "reward", "later")
    list_filter: ClassVar[Any] = (ReferralViews,)
    list_select_related = ("referrer", "referred")
    search_fields = ("referrer",)
    search_help_text = _("A person's @username or Telegram id, or the id of a person or a referral")

    def find(self, term: str) -> Q:
        person = find_user(term)
        return by_id(term) | (Q(referrer=person) | Q(referred=person) if person else Q(pk__in=[]))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Referral]:
        return super().get_queryset(request).select_related("referrer", "referred", "payment", "lot")

    def get_facts(self, request: HttpRequest, row: Referral) -> Sequence[tuple[Text, object]]:
        return (
            (_("referrer"), self.bringer(row)),
            (_("referred"), self.brought(row)),
            (_("created"), self.when(row)),
            (_("state"), self.state_now(row)),
            (_("reward"), self.reward(row)),
            (_("payment"), object_link(row.payment)),
            (_("qualified"), moment(row.qualified_at)),
            (_("rewarded from"), self.later(row)),
            (_("rewarded on"), moment(row.rewarded_at)),
            (_("ledger row"), object_link(row.lot)),
            (_("taken back on"), moment(row.reversed_at)),
        )

    @admin.display(description=_("created"))
    def when(self, row: Referral) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("referrer"))
    def bringer(self, row: Referral) -> SafeString | str:
        return object_link(row.referrer)

    @admin.display(description=_("referred"))
    def brought(self, row: Referral) -> SafeString | str:
        return object_link(row.referred)

    @admin.display(description=_("state"))
    def state_now(self, row: Referral) -> SafeString:
        return badge(row.get_state_display(), _TONES.get(row.state, "quiet"))

    @admin.display(description=_("reward"))
    def reward(self, row: Referral) -> str:
        return number(row.reward_tokens) if row.reward_tokens else NOTHING

    @admin.display(description=_("rewarded from"))
    def later(self, row: Referral) -> SafeString | str:
        return moment(row.matures_at)
