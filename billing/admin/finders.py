"""What billing adds to the search above the sidebar: wallets, invoices by number, tariffs and promo codes."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, owner_name
from billing.admin.search import by_id, by_number, owner
from billing.models import Invoice, PromoCode, Tariff, Wallet
from billing.rules.promo_codes import normalised
from core.admin.display import change_url
from core.admin.search import PER_FINDER, Hit, register_finder


@register_finder
def wallets(request: HttpRequest, term: str) -> list[Hit]:
    """The wallet of whoever a term names."""
    if not request.user.has_perm("billing.view_wallet"):
        return []
    found = Wallet.objects.filter(owner(term)).select_related("user", "company")[:PER_FINDER]
    return [Hit(owner_name(row), _("Wallet"), change_url(row, row.pk), "account_balance_wallet") for row in found]


@register_finder
def invoices(request: HttpRequest, term: str) -> list[Hit]:
    """The invoice of a number or an id."""
    if not request.user.has_perm("billing.view_invoice"):
        return []
    found = Invoice.objects.filter(by_number(term) | by_id(term)).select_related(*OWNERS)[:PER_FINDER]
    return [Hit(f"{row} · {row.amount_money}", _("Invoice"), change_url(row, row.pk), "receipt_long") for row in found]


@register_finder
def tariffs(request: HttpRequest, term: str) -> list[Hit]:
    """Tariffs whose name or code begins so."""
    if not request.user.has_perm("billing.view_tariff"):
        return []
    meant = Q(slug__startswith=term.lower()) | Q(name__istartswith=term)
    found = Tariff.objects.filter(meant).order_by("sort_order", "slug")[:PER_FINDER]
    return [Hit(row.name, _("Tariff"), change_url(row, row.pk), "sell") for row in found]


@register_finder
def promo_codes(request: HttpRequest, term: str) -> list[Hit]:
    """Promo codes that begin so."""
    if not request.user.has_perm("billing.view_promocode"):
        return []
    found = PromoCode.objects.filter(code__startswith=normalised(term)).order_by("code")[:PER_FINDER]
    return [Hit(row.code, _("Promo code"), change_url(row, row.pk), "confirmation_number") for row in found]
