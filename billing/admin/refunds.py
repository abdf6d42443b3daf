"""Money that went back, is on its way, or did not go through."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, actor_name, state_badge, wallet_link
from billing.admin.refund_desk import policy_title
from billing.admin.search import by_id, of_payment
from billing.models import Refund
from billing.operations import refunds
from core.actors import Actor
from core.admin.deeds import Outcome, deed
from core.admin.display import NOTHING, Text, code, moment, number, object_link, short
from core.admin.filters import MomentRangeFilter, is_narrowed
from core.admin.forms import ReasonForm
from core.admin.pages import ReadOnlyAdmin

_OF_PAYMENT = tuple(f"payment__invoice__{path}" for path in OWNERS)


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin[Refund]):
    """A refund is begun on its payment's page."""

    list_display = (
        "when",
        "customer",
        "of_payment",
        "shown_policy",
        "sent_money",
        "taken_tokens",
        "debt_tokens",
        "state_now",
        "why",
    )
    list_filter = ("state", "policy", "origin", MomentRangeFilter)
    list_select_related = _OF_PAYMENT
    search_fields = ("payment",)
    search_help_text = _("The id of a refund or a payment, or a provider's id of a payment")
    actions_detail = ("send_again",)
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": (
                    ("sent_money", "shown_policy", "state_now"),
                    ("claimed", "taken_tokens", "debt_tokens"),
                    ("customer", "of_payment"),
                    ("why_failed",),
                )
            },
        ),
        (_("Why"), {"fields": (("full_reason",), ("origin", "who"))}),
        (
            _("Where it came from"),
            {"fields": (("when", "sent", "closed"), ("shown_id", "shown_provider_id"), ("key",))},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return super().get_queryset(request).select_related(*_OF_PAYMENT)

    def get_keyset(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-created_at", "-id") if is_narrowed(request, "created_at") else self.keyset

    def find(self, term: str) -> Q:
        return by_id(term) | of_payment(term)

    def has_send_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.issue_refund")

    def is_offered(self, request: HttpRequest, row: Refund, name: str) -> bool:
        return row.state == Refund.State.PENDING

    @deed(
        title=_("Send again"),
        permission="send",
        icon="send",
        explanation=_(
            "The provider is asked once more, with the same key: what it has sent back already is not sent twice."
        ),
    )
    def send_again(self, request: HttpRequest, refund: Refund, form: ReasonForm, by: Actor) -> Outcome:
        found = refunds.send_again(refund_id=refund.pk, reason=form.cleaned_data["reason"], by=by)
        if found.state != Refund.State.PENDING:
            return _("This refund is closed: nothing was sent.")
        return _("The provider will be asked in a moment.")

    @admin.display(description=_("created"))
    def when(self, row: Refund) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("customer"))
    def customer(self, row: Refund) -> SafeString | str:
        return wallet_link(row.payment.invoice.wallet)

    @admin.display(description=_("payment"))
    def of_payment(self, row: Refund) -> SafeString | str:
        return object_link(row.payment, str(row.payment.amount_money))

    @admin.display(description=_("policy"))
    def shown_policy(self, row: Refund) -> Text:
        return policy_title(row)

    @admin.display(description=_("amount"))
    def sent_money(self, row: Refund) -> str:
        return str(row.amount_money)

    @admin.display(description=_("tokens to take back"))
    def claimed(self, row: Refund) -> str:
        return number(row.claimed_tokens)

    @admin.display(description=_("tokens taken"))
    def taken_tokens(self, row: Refund) -> str:
        return number(row.tokens_reversed)

    @admin.display(description=_("became a debt"))
    def debt_tokens(self, row: Refund) -> str:
        return number(row.shortfall_tokens)

    @admin.display(description=_("state"))
    def state_now(self, row: Refund) -> SafeString:
        return state_badge(row)

    @admin.display(description=_("reason"))
    def why(self, row: Refund) -> SafeString | str:
        return short(row.reason, 28) if row.reason else NOTHING

    @admin.display(description=_("reason"))
    def full_reason(self, row: Refund) -> str:
        return row.reason or NOTHING

    @admin.display(description=_("why it failed"))
    def why_failed(self, row: Refund) -> str:
        return row.failure or NOTHING

    @admin.display(description=_("who"))
    def who(self, row: Refund) -> str:
        return actor_name(row.actor)

    @admin.display(description=_("sent"))
    def sent(self, row: Refund) -> SafeString | str:
        return moment(row.sent_at)

    @admin.display(description=_("closed"))
    def closed(self, row: Refund) -> SafeString | str:
        return moment(row.closed_at)

    @admin.display(description=_("id"))
    def shown_id(self, row: Refund) -> SafeString:
        return code(row.pk)

    @admin.display(description=_("provider's id of the refund"))
    def shown_provider_id(self, row: Refund) -> SafeString | str:
        return code(row.provider_refund_id) if row.provider_refund_id else NOTHING

    @admin.display(description=_("idempotency key"))
    def key(self, row: Refund) -> SafeString:
        return code(row.idempotency_key)
