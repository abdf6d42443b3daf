"""Promo codes: made one by one or by the hundred, followed in use, and tried out on a customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, discount, state_badge, wallet_link
from billing.admin.promo_code_forms import BatchForm, PromoCodeForm, SimulatorForm
from billing.admin.simulator import simulate
from billing.models import PromoCode, PromoRedemption
from billing.operations import promo_codes as operations
from billing.rules.promo_codes import normalised
from core import clock
from core.actors import Actor
from core.admin.deeds import Outcome, Shown, deed, list_deed
from core.admin.display import Text, badge, code, list_url, moment, number, object_link
from core.admin.forms import ReasonForm
from core.admin.pages import OperationAdmin
from core.admin.panels import Column, Panel

_SHOWN_USES: Final = 20


@admin.register(PromoCode)
class PromoCodeAdmin(OperationAdmin[PromoCode]):
    """Every code, those that have ended included."""

    form = PromoCodeForm
    list_display = ("shown_code", "gives", "for_tariff", "uses_count_of", "from_when", "until_when", "state")
    list_filter = ("is_active", "discount_type")
    list_select_related = ("tariff",)
    search_fields = ("code",)
    search_help_text = _("The beginning of a code")
    actions_list = ("generate", "try_out")
    actions_detail = ("try_this", "switch_off")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": (("code", "is_active"), ("discount_type", "value", "currency"), "tariff")}),
        (_("How often"), {"fields": (("max_uses", "max_uses_per_wallet"),)}),
        (_("When"), {"fields": ("valid_from", "valid_until")}),
        (_("The change"), {"fields": ("reason",)}),
    )

    def find(self, term: str) -> Q:
        return Q(code__startswith=normalised(term))

    def get_readonly_fields(self, request: HttpRequest, obj: PromoCode | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    def perform(self, request: HttpRequest, row: PromoCode, form: Any, *, by: Actor, change: bool) -> PromoCode:
        fields = {name: form.cleaned_data[name] for name in operations.EDITABLE}
        if change:
            return operations.change(code=row.code, **fields, by=by)
        return operations.create(code=form.cleaned_data["code"], **fields, by=by)

    def has_generate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.add_promocode")

    def has_simulate_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.view_promocode")

    def has_switch_off_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_promocode")

    @list_deed(
        title=_("Generate codes"),
        permission="generate",
        form=BatchForm,
        icon="confirmation_number",
        explanation=_("Random codes of one kind, each usable on its own. They are shown once they are made."),
        submit=_("Generate"),
    )
    def generate(self, request: HttpRequest, form: BatchForm, by: Actor) -> Outcome | Shown:
        made = operations.create_batch(**form.batch, key=form.cleaned_data["key"], by=by)
        codes = [each.code for each in made]
        return Shown("billing/admin/codes.html", {"codes": codes, "example": made[0], "gives": discount(made[0])})

    @list_deed(
        title=_("Try out"),
        permission="simulate",
        form=SimulatorForm,
        icon="science",
        explanation=_(
            "What a customer would pay for a tariff with a code, now. Nothing is reserved and nothing changes."
        ),
        submit=_("Show the price"),
    )
    def try_out(self, request: HttpRequest, form: SimulatorForm, by: Actor) -> Shown:
        return Shown("billing/admin/simulator.html", {"simulated": simulate(**form.wanted)})

    @deed(
        title=_("Try out"),
        permission="simulate",
        form=SimulatorForm,
        icon="science",
        explanation=_(
            "What a customer would pay for a tariff with a code, now. Nothing is reserved and nothing changes."
        ),
        submit=_("Show the price"),
    )
    def try_this(self, request: HttpRequest, promo_code: PromoCode, form: SimulatorForm, by: Actor) -> Shown:
        return Shown("billing/admin/simulator.html", {"simulated": simulate(**form.wanted)})

    @deed(
        title=_("Switch off"),
        permission="switch_off",
        icon="block",
        variant="danger",
        explanation=_("Nobody can use it any more. Uses that invoices have reserved stay theirs."),
    )
    def switch_off(self, request: HttpRequest, promo_code: PromoCode, form: ReasonForm, by: Actor) -> Outcome:
        operations.switch_off(code=promo_code.code, by=by)
        return _("The code is switched off.")

    def is_offered(self, request: HttpRequest, row: PromoCode, name: str) -> bool:
        return row.is_active or name != "switch_off"

    def get_facts(self, request: HttpRequest, row: PromoCode) -> Sequence[tuple[Text, object]]:
        return (
            (_("gives"), discount(row)),
            (_("only for tariff"), object_link(row.tariff)),
            (_("used"), self.uses_count_of(row)),
            (_("state"), self.state(row)),
        )

    def get_panels(self, request: HttpRequest, row: PromoCode) -> Sequence[Panel]:
        uses = PromoRedemption.objects.filter(promo_code=row).select_related("invoice", *OWNERS).order_by("-id")
        return [
            Panel(
                title=_("Uses"),
                columns=(
                    Column(_("when")),
                    Column(_("customer")),
                    Column(_("invoice")),
                    Column(_("discount"), numeric=True),
                    Column(_("bonus tokens"), numeric=True),
                    Column(_("state")),
                ),
                rows=[
                    (
                        moment(use.created_at),
                        wallet_link(use.wallet),
                        object_link(use.invoice),
                        use.invoice.discount_money,
                        number(use.invoice.bonus_tokens),
                        state_badge(use),
                    )
                    for use in uses[:_SHOWN_USES]
                ],
                empty=_("Nobody has used it yet."),
                more_url=list_url(PromoRedemption, q=row.code),
                note=self.uses_count_of(row),
            )
        ]

    @admin.display(description=_("code"))
    def shown_code(self, row: PromoCode) -> SafeString:
        return code(row.code)

    @admin.display(description=_("gives"))
    def gives(self, row: PromoCode) -> str:
        return discount(row)

    @admin.display(description=_("only for tariff"))
    def for_tariff(self, row: PromoCode) -> SafeString | str:
        return object_link(row.tariff)

    @admin.display(description=_("used"))
    def uses_count_of(self, row: PromoCode) -> str:
        if row.max_uses is None:
            return number(row.uses_count)
        return _("%(used)s of %(most)s") % {"used": number(row.uses_count), "most": number(row.max_uses)}

    @admin.display(description=_("from"))
    def from_when(self, row: PromoCode) -> SafeString | str:
        return moment(row.valid_from)

    @admin.display(description=_("until"))
    def until_when(self, row: PromoCode) -> SafeString | str:
        return moment(row.valid_until)

    def prepare_rows(self, rows: Sequence[PromoCode]) -> None:
        now = clock.now()
        for row in rows:
            row.__dict__["seen_at"] = now

    @admin.display(description=_("state"))
    def state(self, row: PromoCode) -> SafeString:
        now = row.__dict__.get("seen_at") or clock.now()
        if not row.is_active:
            return badge(_("switched off"))
        if row.valid_until is not None and row.valid_until <= now:
            return badge(_("ended"))
        if row.valid_from is not None and row.valid_from > now:
            return badge(_("not begun"), "info")
        if row.max_uses is not None and row.uses_count >= row.max_uses:
            return badge(_("used up"), "warn")
        return badge(_("valid"), "good")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromoCode]:
        return super().get_queryset(request).select_related("tariff")
