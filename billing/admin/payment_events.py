"""Everything that was told of payments, as it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.display import kind_badge
from billing.admin.search import by_id, by_provider_id
from billing.admin.timeline import as_text
from billing.models import Payment, PaymentEvent
from billing.operations import payment_events
from core.actors import Actor
from core.admin.deeds import Outcome, deed
from core.admin.display import NOTHING, Text, code, moment, money, object_link
from core.admin.forms import ReasonForm
from core.admin.pages import ReadOnlyAdmin


@admin.register(PaymentEvent)
class PaymentEventAdmin(ReadOnlyAdmin[PaymentEvent]):
    """A payment's own page tells its events as a story."""

    list_display = (
        "received",
        "happened",
        "provider",
        "said",
        "told_money",
        "of_payment",
        "source",
        "shown_event_id",
    )
    list_filter = ("provider", "kind", "source")
    search_fields = ("provider_event_id",)
    search_help_text = _("A provider's id of an event or a payment, whole, or an id")
    shows_history = False
    actions_detail = ("replay",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": (("said", "told_money"), ("of_payment", "of_invoice"), ("happened", "received"))}),
        (
            _("Where it came from"),
            {
                "fields": (
                    ("provider", "source", "direction"),
                    ("shown_event_id", "shown_provider_id", "shown_reference"),
                    ("shown_id",),
                )
            },
        ),
        (_("What it holds"), {"fields": (("shown_payload",), ("shown_details",))}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentEvent]:
        return super().get_queryset(request).select_related("invoice")

    def find(self, term: str) -> Q:
        told = Q(provider__in=Payment.Provider.values, provider_event_id=term)
        return told | by_provider_id(term) | by_id(term)

    def prepare_rows(self, rows: Sequence[PaymentEvent]) -> None:
        found = _payments_of(rows)
        for row in rows:
            row.__dict__["payment"] = found.get((row.provider, row.provider_payment_id))

    def has_replay_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_payment")

    @deed(
        title=_("Replay"),
        permission="replay",
        icon="replay",
        explanation=_(
            "The event is judged once more, as if it had just come; of a notice, its provider is asked again. "
            "What it has done already is not done twice."
        ),
    )
    def replay(self, request: HttpRequest, event: PaymentEvent, form: ReasonForm, by: Actor) -> Outcome:
        payment_events.replay(event_id=event.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The event will be judged again in a moment.")

    def get_facts(self, request: HttpRequest, row: PaymentEvent) -> Sequence[tuple[Text, object]]:
        return (
            (_("what it says"), self.said(row)),
            (_("amount"), money(row.money)),
            (_("provider"), row.get_provider_display()),
            (_("happened"), self.happened(row)),
            (_("received"), self.received(row)),
        )

    @admin.display(description=_("received"))
    def received(self, row: PaymentEvent) -> SafeString | str:
        return moment(row.received_at)

    @admin.display(description=_("happened"))
    def happened(self, row: PaymentEvent) -> SafeString | str:
        return moment(row.occurred_at)

    @admin.display(description=_("what it says"))
    def said(self, row: PaymentEvent) -> SafeString:
        return kind_badge(row)

    @admin.display(description=_("amount"))
    def told_money(self, row: PaymentEvent) -> str:
        return money(row.money)

    @admin.display(description=_("payment"))
    def of_payment(self, row: PaymentEvent) -> SafeString | str:
        if "payment" not in row.__dict__:
            self.prepare_rows([row])
        payment: Payment | None = row.__dict__["payment"]
        return object_link(payment, str(payment.amount_money)) if payment else NOTHING

    @admin.display(description=_("invoice"))
    def of_invoice(self, row: PaymentEvent) -> SafeString | str:
        return object_link(row.invoice, row.invoice.number or _("unpaid")) if row.invoice else NOTHING

    @admin.display(description=_("event's id"))
    def shown_event_id(self, row: PaymentEvent) -> SafeString:
        return code(row.provider_event_id)

    @admin.display(description=_("provider's id of the payment"))
    def shown_provider_id(self, row: PaymentEvent) -> SafeString | str:
        return code(row.provider_payment_id) if row.provider_payment_id else NOTHING

    @admin.display(description=_("refund or dispute"))
    def shown_reference(self, row: PaymentEvent) -> SafeString | str:
        return code(row.reference) if row.reference else NOTHING

    @admin.display(description=_("as it came"))
    def shown_payload(self, row: PaymentEvent) -> SafeString | str:
        return _raw(row.payload)

    @admin.display(description=_("details"))
    def shown_details(self, row: PaymentEvent) -> SafeString | str:
        return _raw(row.details)

    @admin.display(description=_("id"))
    def shown_id(self, row: PaymentEvent) -> SafeString:
        return code(row.pk)


def _raw(value: object) -> SafeString | str:
    text = as_text(value)
    return format_html('<pre class="dv-raw">{}</pre>', text) if text else NOTHING


def _payments_of(rows: Sequence[PaymentEvent]) -> Mapping[tuple[str, str], Payment]:
    """The payments of events, all at once."""
    named = {(row.provider, row.provider_payment_id) for row in rows if row.provider_payment_id}
    found = Payment.objects.filter(
        provider__in={provider for provider, _id in named}, provider_payment_id__in={each for _provider, each in named}
    )
    return {(each.provider, each.provider_payment_id): each for each in found}
