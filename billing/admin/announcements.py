"""What other systems were told of, and how it got there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import OWNERS, wallet_link
from billing.admin.search import by_id, of_customer
from billing.models import Announcement, WebhookDelivery
from billing.operations import webhook_deliveries
from core.actors import Actor
from core.admin.deeds import Outcome, deed
from core.admin.display import NOTHING, Text, Tone, badge, code, moment, number, object_link, short
from core.admin.facts import FactsAdmin
from core.admin.forms import ReasonForm
from core.admin.panels import Column, Panel
from core.admin.views import ViewFilter, ViewsAdmin

_SHOWN: Final = 20
_TONES: Final[dict[str, Tone]] = {"pending": "warn", "delivered": "good", "dead": "bad"}


@admin.register(Announcement)
class AnnouncementAdmin(FactsAdmin[Announcement]):
    """Each in ids and plain facts, as receivers are told."""

    list_display = ("when", "type", "customer", "told")
    list_filter = ("type",)
    list_select_related = OWNERS
    search_fields = ("wallet",)
    search_help_text = _("A customer's @username or Telegram id, or the id of a customer, a wallet or a message")
    shows_history = False

    def find(self, term: str) -> Q:
        return by_id(term) | of_customer(term)

    def get_facts(self, request: HttpRequest, row: Announcement) -> Sequence[tuple[Text, object]]:
        return (
            (_("type"), row.get_type_display()),
            (_("customer"), self.customer(row)),
            (_("when"), self.when(row)),
            (_("facts"), code(json.dumps(row.payload, ensure_ascii=False))),
            (_("message id"), code(row.pk)),
        )

    def get_panels(self, request: HttpRequest, row: Announcement) -> Sequence[Panel]:
        deliveries = row.deliveries.select_related("endpoint").order_by("-id")[:_SHOWN]
        return [
            Panel(
                title=_("Deliveries"),
                columns=(Column(_("endpoint")), Column(_("state")), Column(_("attempts"), numeric=True)),
                rows=[
                    (object_link(each, each.endpoint.url), state_of(each), number(each.attempts)) for each in deliveries
                ],
                empty=_("No endpoint was told of it."),
            )
        ]

    @admin.display(description=_("when"))
    def when(self, row: Announcement) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("customer"))
    def customer(self, row: Announcement) -> SafeString | str:
        return wallet_link(row.wallet) if row.wallet else NOTHING

    @admin.display(description=_("facts"))
    def told(self, row: Announcement) -> SafeString:
        return short(json.dumps(row.payload, ensure_ascii=False))


class DeliveryViews(ViewFilter):
    views = (
        ("all", _("All")),
        ("pending", _("On their way")),
        ("dead", _("Given up")),
        ("delivered", _("Delivered")),
    )

    def narrow(self, rows: QuerySet[Any], view: str) -> QuerySet[Any]:
        return rows if view == "all" else rows.filter(state=view)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ViewsAdmin[WebhookDelivery], FactsAdmin[WebhookDelivery]):
    """Tried for three days, then given up; sent again by hand."""

    view_filter = DeliveryViews
    list_display = ("when", "type", "to", "state_now", "shown_attempts", "answered", "later")
    list_filter: ClassVar[Any] = (DeliveryViews, "endpoint")
    list_select_related = ("announcement", "endpoint")
    search_fields = ("id",)
    search_help_text = _("The id of a delivery, a message or an endpoint")
    actions_detail = ("replay",)
    shows_history = False

    def find(self, term: str) -> Q:
        return by_id(term) | by_id(term, "announcement") | by_id(term, "endpoint")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        return super().get_queryset(request).select_related("announcement", "endpoint")

    def is_offered(self, request: HttpRequest, row: WebhookDelivery, name: str) -> bool:
        return row.state != WebhookDelivery.State.PENDING and row.endpoint.is_active

    def has_replay_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_webhookdelivery")

    @deed(
        title=_("Send again"),
        permission="replay",
        icon="replay",
        variant="primary",
        explanation=_("With the same message id, so that a receiver that has it knows it again."),
    )
    def replay(self, request: HttpRequest, row: WebhookDelivery, form: ReasonForm, by: Actor) -> Outcome:
        webhook_deliveries.replay(delivery_id=row.pk, by=by)
        return _("It is on its way again.")

    def get_facts(self, request: HttpRequest, row: WebhookDelivery) -> Sequence[tuple[Text, object]]:
        return (
            (_("announcement"), object_link(row.announcement, row.announcement.get_type_display())),
            (_("endpoint"), object_link(row.endpoint)),
            (_("state"), self.state_now(row)),
            (_("attempts"), number(row.attempts)),
            (_("next attempt"), self.later(row)),
            (_("last answer"), self.answered(row)),
            (_("last error"), row.last_error or NOTHING),
            (_("delivered"), moment(row.delivered_at)),
            (_("created"), self.when(row)),
            (_("message id"), code(row.announcement_id)),
        )

    @admin.display(description=_("when"))
    def when(self, row: WebhookDelivery) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("type"))
    def type(self, row: WebhookDelivery) -> str:
        return row.announcement.get_type_display()

    @admin.display(description=_("endpoint"))
    def to(self, row: WebhookDelivery) -> SafeString | str:
        return object_link(row.endpoint, short(row.endpoint.url))

    @admin.display(description=_("state"))
    def state_now(self, row: WebhookDelivery) -> SafeString:
        return state_of(row)

    @admin.display(description=_("attempts"))
    def shown_attempts(self, row: WebhookDelivery) -> str:
        return number(row.attempts)

    @admin.display(description=_("last answer"))
    def answered(self, row: WebhookDelivery) -> str:
        return NOTHING if row.last_status is None else str(row.last_status)

    @admin.display(description=_("next attempt"))
    def later(self, row: WebhookDelivery) -> SafeString | str:
        return moment(row.next_attempt_at)


def state_of(delivery: WebhookDelivery) -> SafeString:
    """Where a delivery is, in a word."""
    return badge(delivery.get_state_display(), _TONES.get(delivery.state, "quiet"))
