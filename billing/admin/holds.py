"""Tokens set aside for work that is not done yet."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, actor_name, state_badge, wallet_link
from billing.admin.search import by_id, of_customer
from billing.models import Hold
from core.admin.display import NOTHING, code, moment, number, short
from core.admin.pages import ReadOnlyAdmin


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin[Hold]):
    """What servers hold, captured and released."""

    list_display = ("when", "customer", "asked_tokens", "taken_tokens", "state_now", "until", "why")
    list_filter = ("state",)
    list_select_related = OWNERS
    search_fields = ("wallet",)
    search_help_text = _("A customer's @username or Telegram id, or the id of a customer, a wallet or a hold")
    shows_history = False
    fieldsets: ClassVar[Any] = (
        (None, {"fields": (("customer", "state_now"), ("asked_tokens", "taken_tokens"), ("when", "until", "closed"))}),
        (_("Why"), {"fields": (("description", "who"),)}),
        (_("Where it came from"), {"fields": (("shown_id", "key"), ("facts",))}),
    )

    def find(self, term: str) -> Q:
        return by_id(term) | of_customer(term)

    @admin.display(description=_("created"))
    def when(self, row: Hold) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("customer"))
    def customer(self, row: Hold) -> SafeString | str:
        return wallet_link(row.wallet)

    @admin.display(description=_("held"))
    def asked_tokens(self, row: Hold) -> str:
        return number(row.tokens)

    @admin.display(description=_("captured"))
    def taken_tokens(self, row: Hold) -> str:
        return number(row.captured_tokens)

    @admin.display(description=_("state"))
    def state_now(self, row: Hold) -> SafeString:
        return state_badge(row)

    @admin.display(description=_("expires"))
    def until(self, row: Hold) -> SafeString | str:
        return moment(row.expires_at)

    @admin.display(description=_("closed"))
    def closed(self, row: Hold) -> SafeString | str:
        return moment(row.closed_at)

    @admin.display(description=_("description"))
    def why(self, row: Hold) -> SafeString | str:
        return short(row.description) if row.description else NOTHING

    @admin.display(description=_("who"))
    def who(self, row: Hold) -> str:
        return actor_name(row.actor)

    @admin.display(description=_("id"))
    def shown_id(self, row: Hold) -> SafeString:
        return code(row.pk)

    @admin.display(description=_("idempotency key"))
    def key(self, row: Hold) -> SafeString:
        return code(row.idempotency_key)

    @admin.display(description=_("metadata"))
    def facts(self, row: Hold) -> SafeString | str:
        return code(json.dumps(row.metadata, ensure_ascii=False)) if row.metadata else NOTHING
