"""The ledger."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, actor_name, type_badge, wallet_link
from billing.admin.search import by_id, of_customer
from billing.models import Transaction
from core.admin.display import NOTHING, code, moment, number, object_link, short, signed
from core.admin.exports import ExportsAdmin
from core.admin.filters import MomentRangeFilter, is_narrowed
from core.admin.pages import ReadOnlyAdmin


@admin.register(Transaction)
class TransactionAdmin(ExportsAdmin[Transaction], ReadOnlyAdmin[Transaction]):
    """Every movement of tokens of everybody. A wallet's page tells its own as a statement."""

    export = "ledger"
    list_display = ("when", "customer", "shown_type", "moved_tokens", "after_tokens", "why", "who")
    list_filter = ("type", MomentRangeFilter)
    list_select_related = OWNERS
    search_fields = ("wallet",)
    search_help_text = _("A customer's @username or Telegram id, or the id of a customer, a wallet or a row")
    shows_history = False
    fieldsets: ClassVar[Any] = (
        (
            None,
            {"fields": (("when", "number_in_wallet"), ("customer", "shown_type"), ("moved_tokens", "after_tokens"))},
        ),
        (_("Why"), {"fields": (("description", "who"), ("of_invoice", "of_hold"), ("takes_from", "expires"))}),
        (_("Where it came from"), {"fields": (("shown_id", "key"), ("facts",))}),
    )

    def get_keyset(self, request: HttpRequest) -> tuple[str, ...]:
        # Within a range, only its own rows are read: the index by day finds them, and they are sorted.
        return ("-created_at", "-id") if is_narrowed(request, "created_at") else self.keyset

    def find(self, term: str) -> Q:
        return by_id(term) | of_customer(term)

    @admin.display(description=_("when"))
    def when(self, row: Transaction) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("number in the wallet"))
    def number_in_wallet(self, row: Transaction) -> str:
        return number(row.sequence)

    @admin.display(description=_("customer"))
    def customer(self, row: Transaction) -> SafeString | str:
        return wallet_link(row.wallet)

    @admin.display(description=_("type"))
    def shown_type(self, row: Transaction) -> SafeString:
        return type_badge(row)

    @admin.display(description=_("tokens"))
    def moved_tokens(self, row: Transaction) -> SafeString:
        return signed(row.tokens_delta)

    @admin.display(description=_("balance after"))
    def after_tokens(self, row: Transaction) -> str:
        return number(row.balance_after)

    @admin.display(description=_("description"))
    def why(self, row: Transaction) -> SafeString | str:
        return short(row.description) if row.description else NOTHING

    @admin.display(description=_("who"))
    def who(self, row: Transaction) -> str:
        return actor_name(row.actor)

    @admin.display(description=_("invoice"))
    def of_invoice(self, row: Transaction) -> SafeString | str:
        return object_link(row.invoice)

    @admin.display(description=_("hold"))
    def of_hold(self, row: Transaction) -> SafeString | str:
        return object_link(row.hold)

    @admin.display(description=_("takes from"))
    def takes_from(self, row: Transaction) -> SafeString | str:
        return object_link(row.reverses)

    @admin.display(description=_("expires"))
    def expires(self, row: Transaction) -> SafeString | str:
        return moment(row.expires_at)

    @admin.display(description=_("id"))
    def shown_id(self, row: Transaction) -> SafeString:
        return code(row.pk)

    @admin.display(description=_("idempotency key"))
    def key(self, row: Transaction) -> SafeString:
        return code(row.idempotency_key)

    @admin.display(description=_("metadata"))
    def facts(self, row: Transaction) -> SafeString | str:
        return code(json.dumps(row.metadata, ensure_ascii=False)) if row.metadata else NOTHING
