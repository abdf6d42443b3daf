"""Customers on their way to a provider's till."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, state_badge, wallet_link
from billing.admin.search import by_id
from billing.models import Checkout
from core.admin.display import NOTHING, badge, code, moment, object_link
from core.admin.pages import ReadOnlyAdmin
from core.money import Money

_OF_INVOICE = tuple(f"invoice__{path}" for path in OWNERS)


@admin.register(Checkout)
class CheckoutAdmin(ReadOnlyAdmin[Checkout]):
    """What was asked of a provider for an invoice, and what it answered. What only the client needs is not shown."""

    list_display = ("when", "customer", "of_invoice", "provider", "asked_money", "answer", "invoice_state")
    list_filter = ("provider",)
    list_select_related = _OF_INVOICE
    search_fields = ("invoice",)
    search_help_text = _("The id of a checkout or an invoice")
    shows_history = False
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": (
                    ("customer", "of_invoice", "invoice_state"),
                    ("provider", "asked_money"),
                    ("when", "answered", "closed"),
                    ("answer", "by_agreement", "asked_after"),
                )
            },
        ),
        (_("Where the customer pays"), {"fields": (("shown_url",), ("shown_link",), ("shown_return_url",))}),
        (_("Where it came from"), {"fields": (("shown_provider_id", "shown_key"), ("shown_id",))}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Checkout]:
        return super().get_queryset(request).select_related(*_OF_INVOICE)

    def find(self, term: str) -> Q:
        return by_id(term) | by_id(term, "invoice")

    @admin.display(description=_("created"))
    def when(self, row: Checkout) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("customer"))
    def customer(self, row: Checkout) -> SafeString | str:
        return wallet_link(row.invoice.wallet)

    @admin.display(description=_("invoice"))
    def of_invoice(self, row: Checkout) -> SafeString | str:
        return object_link(row.invoice, row.invoice.number or _("unpaid"))

    @admin.display(description=_("status of the invoice"))
    def invoice_state(self, row: Checkout) -> SafeString:
        return state_badge(row.invoice)

    @admin.display(description=_("to pay"))
    def asked_money(self, row: Checkout) -> str:
        return str(Money(row.amount, row.currency))

    @admin.display(description=_("provider's answer"))
    def answer(self, row: Checkout) -> SafeString:
        if row.closed_at:
            return badge(_("over"))
        return badge(_("answered"), "good") if row.answered_at else badge(_("none yet"), "warn")

    @admin.display(description=_("answered"))
    def answered(self, row: Checkout) -> SafeString | str:
        return moment(row.answered_at)

    @admin.display(description=_("closed"))
    def closed(self, row: Checkout) -> SafeString | str:
        return moment(row.closed_at)

    @admin.display(description=_("asked after"))
    def asked_after(self, row: Checkout) -> SafeString | str:
        return moment(row.polled_at)

    @admin.display(description=_("address"))
    def shown_url(self, row: Checkout) -> SafeString | str:
        return code(row.url) if row.url else NOTHING

    @admin.display(description=_("invoice in Telegram"))
    def shown_link(self, row: Checkout) -> SafeString | str:
        return code(row.invoice_link) if row.invoice_link else NOTHING

    @admin.display(description=_("return address"))
    def shown_return_url(self, row: Checkout) -> SafeString | str:
        return code(row.return_url) if row.return_url else NOTHING

    @admin.display(description=_("provider's id of the payment"))
    def shown_provider_id(self, row: Checkout) -> SafeString | str:
        return code(row.provider_payment_id) if row.provider_payment_id else NOTHING

    @admin.display(description=_("idempotency key"))
    def shown_key(self, row: Checkout) -> SafeString:
        return code(row.key)

    @admin.display(description=_("id"))
    def shown_id(self, row: Checkout) -> SafeString:
        return code(row.pk)
