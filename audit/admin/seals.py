"""Seals: how far history is sealed, whether it still fits, and each seal's hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.admin.wording import entity_in_words
from audit.models import Seal
from audit.queries import seals
from audit.queries.seals import COUNTED, ChainState
from audit.sealing import sealed_tables
from core.admin.display import NOTHING, Text, badge, code, moment, number
from core.admin.facts import FactsAdmin
from core.admin.filters import MomentRangeFilter, range_filter
from core.admin.panels import Column, Panel


class ChainFilter(admin.SimpleListFilter):
    title = _("chain")
    parameter_name = "chain"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(table.chain, entity_in_words(table.chain)) for table in sealed_tables()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(chain=self.value()) if self.value() else queryset


SealedAtFilter: type[MomentRangeFilter] = range_filter("sealed_at", _("sealed"))


@admin.register(Seal)
class SealAdmin(FactsAdmin[Seal]):
    """The chains' state above, their seals below, the latest first."""

    shows_history = False
    list_display = ("named", "of_chain", "rows_count", "last_row", "short_hash", "at")
    list_display_links = ("named",)
    list_filter = (ChainFilter, SealedAtFilter)
    list_before_template = "core/admin/panels.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        panels = [_state_panel(seals.list_chain_states())]
        return super().changelist_view(request, {"panels": panels, **(extra_context or {})})

    def get_facts(self, request: HttpRequest, row: Seal) -> Sequence[tuple[Text, object]]:
        return (
            (_("chain"), self.of_chain(row)),
            (_("number"), number(row.number)),
            (_("rows"), number(row.row_count)),
            (_("after row"), number(row.after)),
            (_("until row"), number(row.until)),
            (_("columns"), ", ".join(row.columns)),
            (_("hash"), code(row.hash)),
            (_("hash of the seal before"), code(row.previous)),
            (_("sealed"), moment(row.sealed_at)),
        )

    @admin.display(description=_("seal"))
    def named(self, row: Seal) -> str:
        return number(row.number)

    @admin.display(description=_("chain"))
    def of_chain(self, row: Seal) -> str:
        return entity_in_words(row.chain)

    @admin.display(description=_("rows"))
    def rows_count(self, row: Seal) -> str:
        return number(row.row_count)

    @admin.display(description=_("until row"))
    def last_row(self, row: Seal) -> str:
        return number(row.until)

    @admin.display(description=_("hash"))
    def short_hash(self, row: Seal) -> SafeString:
        return code(row.hash[:16])

    @admin.display(description=_("sealed"))
    def at(self, row: Seal) -> SafeString | str:
        return moment(row.sealed_at)


def _state_panel(states: Sequence[ChainState]) -> Panel:
    return Panel(
        title=_("State of the chains"),
        columns=(
            Column(_("chain")),
            Column(_("seals"), numeric=True),
            Column(_("last sealed")),
            Column(_("rows not sealed yet"), numeric=True),
            Column(_("verified")),
            Column(_("result")),
        ),
        rows=[
            (
                entity_in_words(each.table.chain),
                number(each.last.number if each.last else 0),
                moment(each.last.sealed_at if each.last else None),
                f"{number(COUNTED)}+" if each.unsealed > COUNTED else number(each.unsealed),
                moment(each.state.verified_at),
                _result(each),
            )
            for each in states
        ],
        empty=NOTHING,
        note=_("Checked every night, and by manage.py verify_audit"),
    )


def _result(each: ChainState) -> SafeString | str:
    if each.state.misfit:
        return badge(each.state.misfit, "bad")
    return badge(_("as it was sealed"), "good") if each.state.verified_at else NOTHING
