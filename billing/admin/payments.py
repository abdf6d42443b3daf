"""Money that arrived: what was told of it, and the desk that sends it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing import errors
from billing.admin.display import OWNERS, outcome_badge, owner_name, state_badge, wallet_link
from billing.admin.outside_forms import DisputeForm, OutsideRefundForm
from billing.admin.refund_desk import TEMPLATE, RefundForm, policy_title
from billing.admin.search import by_id, by_provider_id
from billing.admin.timeline import Timeline
from billing.gateways import providers
from billing.models import Dispute, Payment, Refund
from billing.operations import disputes, refunds
from billing.queries.refunds import preview
from core.actors import Actor
from core.admin.deeds import Outcome, deed
from core.admin.display import NOTHING, Text, code, moment, money, number, object_link, short
from core.admin.filters import MomentRangeFilter, is_narrowed
from core.admin.pages import ReadOnlyAdmin
from core.admin.panels import Column, Panel


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure at the top of a payment's page."""

    name: Text
    value: object
    is_main: bool = False
    is_bad: bool = False


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin[Payment]):
    """Also what was credited nowhere: a surplus, or another amount than was asked."""

    change_form_template = "billing/admin/payment.html"
    list_display = (
        "when",
        "customer",
        "received_money",
        "refunded_back_money",
        "taken_back_tokens",
        "became_debt_tokens",
        "provider",
        "state",
        "did",
    )
    list_filter = ("provider", "status", "outcome", MomentRangeFilter)
    list_select_related = tuple(f"invoice__{path}" for path in OWNERS)
    search_fields = ("provider_payment_id",)
    search_help_text = _("A provider's id or receipt number, whole, or an id")
    actions_detail = ("refund", "record_refund", "record_dispute")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": (("received_money", "asked_money"), ("state", "outcome"), ("customer", "of_invoice"))}),
        (
            _("Where it came from"),
            {"fields": (("provider", "shown_provider_id"), ("when", "arrived"), ("shown_id", "key"))},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        return super().get_queryset(request).select_related(*(f"invoice__{path}" for path in OWNERS))

    def get_keyset(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-created_at", "-id") if is_narrowed(request, "created_at") else self.keyset

    def find(self, term: str) -> Q:
        return by_provider_id(term) | by_id(term)

    def has_refund_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.issue_refund")

    def is_offered(self, request: HttpRequest, row: Payment, name: str) -> bool:
        if row.arrived_at is None or not row.amount:
            return False
        if name == "record_dispute":
            return True
        if row.status == Payment.Status.CHARGED_BACK or row.refunded_amount >= row.amount:
            return False
        provider = providers.get(row.provider)
        # What staff hand back by themselves is sent by the desk.
        return not provider.is_local if name == "record_refund" else provider.sends_refunds

    @deed(
        title=_("Refund…"),
        permission="refund",
        form=RefundForm,
        icon="undo",
        explanation=_("Nothing moves before you have seen the exact sum and confirmed it."),
        submit=_("Show the sum"),
        step_up=True,
        template=TEMPLATE,
    )
    def refund(self, request: HttpRequest, payment: Payment, form: RefundForm, by: Actor) -> Outcome:
        if "change" in request.POST:
            return form.go_back()
        typed = form.cleaned_data
        try:
            issued = refunds.issue(
                payment_id=payment.pk,
                **form.wanted,
                reason=typed["reason"],
                key=typed["key"],
                agreed=typed["confirmed"],
                by=by,
            )
        except errors.RefundChanged:
            # Or nothing was shown yet.
            return form.ask_to_confirm(preview(payment.pk, **form.wanted))
        return _told(issued)

    @deed(
        title=_("Went back outside…"),
        permission="refund",
        form=OutsideRefundForm,
        icon="reply",
        explanation=_(
            "For money that was sent back in the provider's own office. The tokens it bought are taken back, and those "
            "that were spent become a debt. Nothing is sent."
        ),
        submit=_("Record the refund"),
        step_up=True,
    )
    def record_refund(self, request: HttpRequest, payment: Payment, form: OutsideRefundForm, by: Actor) -> Outcome:
        recorded = refunds.record_outside(payment_id=payment.pk, **form.cleaned_data, by=by)
        if recorded.replayed:
            return _("This refund was recorded before. Nothing has moved.")
        return _("%(amount)s are recorded as gone back.") % {"amount": recorded.refund.amount_money}

    @deed(
        title=_("Dispute…"),
        permission="refund",
        form=DisputeForm,
        icon="gavel",
        explanation=_(
            "For a dispute of which the provider does not tell us. While it is open, what is left of the purchase is "
            "out of reach; lost, it stays out and what was spent becomes a debt; won, it comes back."
        ),
        submit=_("Record it"),
        step_up=True,
    )
    def record_dispute(self, request: HttpRequest, payment: Payment, form: DisputeForm, by: Actor) -> Outcome:
        typed = form.cleaned_data
        recorded = disputes.record(
            payment_id=payment.pk,
            state=Dispute.State(typed["state"]),
            reference=typed["reference"],
            reason=typed["reason"],
            by=by,
        )
        if recorded.replayed:
            return _("This was recorded before. Nothing has moved.")
        return _("The dispute is recorded.")

    def name_of(self, row: Payment) -> str:
        return f"{row.amount_money}, {owner_name(row.invoice.wallet)}"

    def get_facts(self, request: HttpRequest, row: Payment) -> Sequence[tuple[Text, object]]:
        return (
            (_("received"), row.amount_money),
            (_("refunded"), row.refunded_money),
            (_("status"), self.state(row)),
            (_("customer"), owner_name(row.invoice.wallet)),
            (_("invoice"), row.invoice),
            (_("provider"), row.get_provider_display()),
            (_("when"), self.when(row)),
        )

    def render_change_form(  # noqa: PLR0917  Django's signature
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Payment | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context["timeline"] = Timeline.of(obj)
            context["figures"] = (
                Figure(_("received") if obj.arrived_at else _("amount"), obj.amount_money, is_main=True),
                Figure(_("refunded"), obj.refunded_money if obj.refunded_amount else NOTHING),
                Figure(_("tokens taken back"), number(obj.taken_tokens) if obj.taken_tokens else NOTHING),
                Figure(
                    _("became a debt"),
                    number(obj.debt_tokens) if obj.debt_tokens else NOTHING,
                    is_bad=bool(obj.debt_tokens),
                ),
            )
        return super().render_change_form(request, context, add=add, change=change, form_url=form_url, obj=obj)

    def get_panels(self, request: HttpRequest, row: Payment) -> Sequence[Panel]:
        return [
            Panel(
                title=_("Refunds"),
                columns=(
                    Column(_("when")),
                    Column(_("policy")),
                    Column(_("amount"), numeric=True),
                    Column(_("tokens taken"), numeric=True),
                    Column(_("became a debt"), numeric=True),
                    Column(_("state")),
                ),
                rows=[
                    (
                        object_link(each, moment(each.created_at)),
                        format_html(
                            '{}<br><span class="dv-subtle">{}</span>',
                            policy_title(each),
                            short(each.reason or each.get_origin_display(), 20),
                        ),
                        each.amount_money,
                        number(each.tokens_reversed),
                        number(each.shortfall_tokens),
                        state_badge(each),
                    )
                    for each in row.refunds.order_by("-id")
                ],
                empty=_("None of it went back."),
            ),
            Panel(
                title=_("Disputes"),
                columns=(Column(_("opened")), Column(_("provider's id")), Column(_("state")), Column(_("closed"))),
                rows=[
                    (
                        object_link(each, moment(each.created_at)),
                        code(each.provider_dispute_id),
                        state_badge(each),
                        moment(each.closed_at),
                    )
                    for each in row.disputes.order_by("-id")
                ],
                empty=_("Nobody contests it."),
            ),
        ]

    @admin.display(description=_("when"))
    def when(self, row: Payment) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("arrived"))
    def arrived(self, row: Payment) -> SafeString | str:
        return moment(row.arrived_at)

    @admin.display(description=_("amount"))
    def received_money(self, row: Payment) -> str:
        return str(row.amount_money)

    @admin.display(description=_("refunded"))
    def refunded_back_money(self, row: Payment) -> str:
        return money(row.refunded_money) if row.refunded_amount else NOTHING

    @admin.display(description=_("tokens taken"))
    def taken_back_tokens(self, row: Payment) -> str:
        return number(row.taken_tokens) if row.taken_tokens else NOTHING

    @admin.display(description=_("became a debt"))
    def became_debt_tokens(self, row: Payment) -> str:
        return number(row.debt_tokens) if row.debt_tokens else NOTHING

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


def _told(issued: refunds.Issued) -> Outcome:
    """What a refund did, told as it is."""
    refund = issued.refund
    if issued.replayed:
        return _("This refund was made before. Nothing has moved.")
    facts = {"amount": refund.amount_money}
    if refund.state == Refund.State.PENDING:
        return _("%(amount)s are on their way back; the provider is being asked.") % facts
    return _("%(amount)s went back.") % facts
