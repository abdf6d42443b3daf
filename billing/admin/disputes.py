"""Payments that their payers contest with their bank."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, state_badge, wallet_link
from billing.admin.search import by_id, of_payment
from billing.models import Dispute
from core.admin.display import code, moment, number, object_link
from core.admin.pages import ReadOnlyAdmin

_OF_PAYMENT = tuple(f"payment__invoice__{path}" for path in OWNERS)


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin[Dispute]):
    """They are fought at the provider; what it says of them is followed here."""

    list_display = ("when", "customer", "of_payment", "provider", "shown_provider_id", "state_now", "closed")
    list_filter = ("state",)
    list_select_related = _OF_PAYMENT
    search_fields = ("payment",)
    search_help_text = _("The id of a dispute or a payment, or a provider's id of a payment")
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": (
                    ("state_now", "when", "closed"),
                    ("customer", "of_payment"),
                    ("taken_tokens", "debt_tokens"),
                )
            },
        ),
        (_("Where it came from"), {"fields": (("provider", "shown_provider_id"), ("shown_id",))}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dispute]:
        return super().get_queryset(request).select_related(*_OF_PAYMENT)

    def find(self, term: str) -> Q:
        return by_id(term) | of_payment(term)

    @admin.display(description=_("opened"))
    def when(self, row: Dispute) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("customer"))
    def customer(self, row: Dispute) -> SafeString | str:
        return wallet_link(row.payment.invoice.wallet)

    @admin.display(description=_("payment"))
    def of_payment(self, row: Dispute) -> SafeString | str:
        return object_link(row.payment, str(row.payment.amount_money))

    @admin.display(description=_("provider"))
    def provider(self, row: Dispute) -> str:
        return row.payment.get_provider_display()

    @admin.display(description=_("provider's id of the dispute"))
    def shown_provider_id(self, row: Dispute) -> SafeString:
        return code(row.provider_dispute_id)

    @admin.display(description=_("state"))
    def state_now(self, row: Dispute) -> SafeString:
        return state_badge(row)

    @admin.display(description=_("closed"))
    def closed(self, row: Dispute) -> SafeString | str:
        return moment(row.closed_at)

    @admin.display(description=_("tokens taken back for the payment"))
    def taken_tokens(self, row: Dispute) -> str:
        return number(row.payment.taken_tokens)

    @admin.display(description=_("became a debt"))
    def debt_tokens(self, row: Dispute) -> str:
        return number(row.payment.debt_tokens)

    @admin.display(description=_("id"))
    def shown_id(self, row: Dispute) -> SafeString:
        return code(row.pk)
