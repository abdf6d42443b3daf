"""Who used which code: reserved, applied, released."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, promo_code_link, state_badge, wallet_link
from billing.models import PromoRedemption
from billing.rules.promo_codes import normalised
from core.admin.display import moment, number, object_link
from core.admin.pages import ReadOnlyAdmin


@admin.register(PromoRedemption)
class PromoRedemptionAdmin(ReadOnlyAdmin[PromoRedemption]):
    """Each use is its invoice's; the invoice tells the rest."""

    list_display = ("used_code", "customer", "of_invoice", "discount_money", "bonus_tokens", "shown_state", "when")
    list_filter = ("state",)
    list_select_related = ("promo_code", "invoice", *OWNERS)
    search_fields = ("promo_code__code",)
    search_help_text = _("A whole code")
    shows_history = False
    fieldsets: ClassVar[Any] = (
        (None, {"fields": (("used_code", "customer"), ("of_invoice", "shown_state"), ("when", "closed"))}),
        (_("What it gave"), {"fields": (("discount_money", "bonus_tokens"),)}),
    )

    def find(self, term: str) -> Q:
        return Q(promo_code__code=normalised(term))

    @admin.display(description=_("promo code"))
    def used_code(self, row: PromoRedemption) -> SafeString | str:
        return promo_code_link(row.promo_code)

    @admin.display(description=_("customer"))
    def customer(self, row: PromoRedemption) -> SafeString | str:
        return wallet_link(row.wallet)

    @admin.display(description=_("invoice"))
    def of_invoice(self, row: PromoRedemption) -> SafeString | str:
        return object_link(row.invoice)

    @admin.display(description=_("discount"))
    def discount_money(self, row: PromoRedemption) -> str:
        return str(row.invoice.discount_money)

    @admin.display(description=_("bonus tokens"))
    def bonus_tokens(self, row: PromoRedemption) -> str:
        return number(row.invoice.bonus_tokens)

    @admin.display(description=_("state"))
    def shown_state(self, row: PromoRedemption) -> SafeString:
        return state_badge(row)

    @admin.display(description=_("when"))
    def when(self, row: PromoRedemption) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("closed"))
    def closed(self, row: PromoRedemption) -> SafeString | str:
        return moment(row.closed_at)
