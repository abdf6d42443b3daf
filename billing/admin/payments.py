"""Money that arrived: kept as it came."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, outcome_badge, state_badge, wallet_link
from billing.admin.search import by_id
from billing.models import Payment
from core.admin.display import code, moment, object_link
from core.admin.filters import MomentRangeFilter, is_narrowed
from core.admin.pages import ReadOnlyAdmin


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin[Payment]):
    """Also what was credited nowhere: a surplus, or another amount than was asked."""

    list_display = ("when", "received_money", "customer", "of_invoice", "provider", "shown_provider_id", "state", "did")
    list_filter = ("provider", "status", "outcome", MomentRangeFilter)
    list_select_related = tuple(f"invoice__{path}" for path in OWNERS)
    search_fields = ("provider_payment_id",)
    search_help_text = _("A provider's id or receipt number, whole, or an id")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": (("received_money", "asked_money"), ("state", "outcome"), ("customer", "of_invoice"))}),
        (_("Where it came from"), {"fields": (("provider", "shown_provider_id"), ("when", "shown_id"), ("key",))}),
    )

    def get_keyset(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-created_at", "-id") if is_narrowed(request, "created_at") else self.keyset

    def find(self, term: str) -> Q:
        return Q(provider_payment_id=term) | by_id(term)

    @admin.display(description=_("when"))
    def when(self, row: Payment) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("received"))
    def received_money(self, row: Payment) -> str:
        return str(row.amount_money)

    @admin.display(description=_("asked by the invoice"))
    def asked_money(self, row: Payment) -> str:
        return str(row.invoice.amount_money)

    @admin.display(description=_("customer"))
    def customer(self, row: Payment) -> SafeString | str:
        return wallet_link(row.invoice.wallet)

    @admin.display(description=_("invoice"))
    def of_invoice(self, row: Payment) -> SafeString | str:
        return object_link(row.invoice)

    @admin.display(description=_("provider's id"))
    def shown_provider_id(self, row: Payment) -> SafeString:
        return code(row.provider_payment_id)

    @admin.display(description=_("status"))
    def state(self, row: Payment) -> SafeString:
        return state_badge(row)

    @admin.display(description=_("what it did"))
    def did(self, row: Payment) -> SafeString:
        return outcome_badge(row)

    @admin.display(description=_("id"))
    def shown_id(self, row: Payment) -> SafeString:
        return code(row.pk)

    @admin.display(description=_("idempotency key"))
    def key(self, row: Payment) -> SafeString:
        return code(row.idempotency_key)
