"""What customers were asked to pay: frozen, except for its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import errors
from billing.admin.display import (
    OWNERS,
    days,
    outcome_badge,
    owner_name,
    promo_code_link,
    state_badge,
    type_badge,
    wallet_link,
)
from billing.admin.payment_links import PaymentLink, list_tills
from billing.admin.search import by_id, of_customer
from billing.models import Invoice, Payment, Transaction
from billing.operations import invoices as operations
from billing.operations import payments
from core.actors import Actor
from core.admin.deeds import Outcome, Warned, deed
from core.admin.display import NOTHING, Text, code, moment, number, object_link, signed
from core.admin.exports import ExportsAdmin
from core.admin.forms import DeedForm, KeyField, MoneyTextField, ReasonField, ReasonForm, text_widget
from core.admin.pages import ReadOnlyAdmin
from core.admin.panels import Column, Panel
from core.errors import ValidationFailed
from core.money import Money

_PAYABLE = (Invoice.Status.PENDING, Invoice.Status.EXPIRED)


class ManualPaymentForm(DeedForm):
    """Money that arrived past the providers."""

    key = KeyField()
    # The invoice's currency decides how it is read.
    amount = MoneyTextField(label=_("amount received"))
    receipt = forms.CharField(
        label=_("receipt number"),
        max_length=255,
        widget=text_widget(autocomplete="off"),
        help_text=_("Of the bank or the till. The same number is never counted twice."),
    )
    reason = ReasonField(required=False, label=_("note"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        invoice: Invoice = self.target
        asks = _("The invoice asks %(amount)s.") % {"amount": invoice.amount_money}
        self.fields["amount"] = MoneyTextField(
            label=_("Amount received"), currency=invoice.currency, help_text=asks if _is_payable(invoice) else _SURPLUS
        )


_SURPLUS = _("This invoice needs no payment: the money will be kept as a surplus, credited nowhere, and alerted.")


def _is_payable(invoice: Invoice) -> bool:
    return invoice.status in _PAYABLE


@admin.register(Invoice)
class InvoiceAdmin(PaymentLink, ExportsAdmin[Invoice], ReadOnlyAdmin[Invoice]):
    """A quote that was made and cannot be changed."""

    export = "invoices"
    list_display = (
        "shown_number",
        "customer",
        "of_tariff",
        "asked_money",
        "used_code",
        "given_tokens",
        "state",
        "when",
    )
    list_filter = ("status",)
    list_select_related = ("tariff", "promo_code", *OWNERS)
    search_fields = ("number",)
    search_help_text = _("A number like 2026-000042, an id, or a customer's @username or Telegram id")
    actions_detail = ("payment_link", "record_payment", "cancel")
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": (
                    ("shown_number", "customer", "state"),
                    ("of_tariff", "version", "used_code"),
                    ("when", "until", "paid"),
                )
            },
        ),
        (
            _("What was promised"),
            {
                "fields": (
                    ("list_price_money", "discount_money", "asked_money", "stars_money"),
                    ("given_tokens", "extra_tokens", "lifetime", "subscription"),
                )
            },
        ),
        (_("Where it came from"), {"fields": (("shown_id", "key"),)}),
    )

    def find(self, term: str) -> Q:
        year, dash, number_in_year = term.partition("-")
        if dash and year.isdecimal() and number_in_year.isdecimal() and len(term) < 20:
            return Q(number_year=int(year), number_in_year=int(number_in_year))
        return by_id(term) | of_customer(term)

    def has_pay_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.add_payment")

    def has_cancel_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_invoice")

    def is_offered(self, request: HttpRequest, row: Invoice, name: str) -> bool:
        if name == "payment_link":
            return row.status == Invoice.Status.PENDING and bool(list_tills())
        return name != "cancel" or row.status == Invoice.Status.PENDING

    @deed(
        title=_("Record a payment"),
        permission="pay",
        form=ManualPaymentForm,
        icon="payments",
        variant="primary",
        explanation=_(
            "Money that arrived by hand. If it is what the invoice asks, the tokens are credited at once. "
            "Any other amount is kept, credited nowhere, and an alert is raised."
        ),
    )
    def record_payment(self, request: HttpRequest, invoice: Invoice, form: ManualPaymentForm, by: Actor) -> Outcome:
        try:
            recorded = payments.record_success(
                invoice_id=invoice.pk,
                provider=Payment.Provider.MANUAL,
                provider_payment_id=form.cleaned_data["receipt"],
                amount=form.cleaned_data["amount"],
                key=form.cleaned_data["key"],
                reason=form.cleaned_data["reason"],
                by=by,
            )
        except errors.IdempotencyMismatch as refusal:
            said = _("A payment with this receipt number was recorded before, with other facts.")
            raise ValidationFailed(fields={"receipt": [said]}) from refusal
        except errors.PaymentOfAnotherInvoice as refusal:
            said = _("A payment with this receipt number was recorded before, for another invoice.")
            raise ValidationFailed(fields={"receipt": [said]}) from refusal
        return _told(recorded)

    @deed(
        title=_("Cancel"),
        permission="cancel",
        icon="cancel",
        variant="danger",
        explanation=_("The invoice is withdrawn, and its use of a promo code comes back. It cannot be undone."),
        submit=_("Cancel the invoice"),
    )
    def cancel(self, request: HttpRequest, invoice: Invoice, form: ReasonForm, by: Actor) -> Outcome:
        operations.cancel(invoice_id=invoice.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The invoice is cancelled.")

    def get_facts(self, request: HttpRequest, row: Invoice) -> Sequence[tuple[Text, object]]:
        return (
            (_("status"), state_badge(row)),
            (_("customer"), owner_name(row.wallet)),
            (_("tariff"), row.tariff),
            (_("to pay"), row.amount_money),
            (_("tokens"), number(row.tokens + row.bonus_tokens)),
            (_("expires"), moment(row.expires_at)),
        )

    def get_panels(self, request: HttpRequest, row: Invoice) -> Sequence[Panel]:
        found = Payment.objects.filter(invoice=row).order_by("id")
        movements = Transaction.objects.filter(invoice=row).order_by("sequence")
        return [
            Panel(
                title=_("Payments"),
                columns=(
                    Column(_("when")),
                    Column(_("provider")),
                    Column(_("provider's id")),
                    Column(_("amount"), numeric=True),
                    Column(_("status")),
                    Column(_("what it did")),
                ),
                rows=[
                    (
                        object_link(payment, moment(payment.created_at)),
                        payment.get_provider_display(),
                        code(payment.provider_payment_id),
                        payment.amount_money,
                        state_badge(payment),
                        outcome_badge(payment),
                    )
                    for payment in found
                ],
                empty=_("No money has arrived for it."),
            ),
            Panel(
                title=_("What it gave"),
                columns=(
                    Column(_("when")),
                    Column(_("type")),
                    Column(_("tokens"), numeric=True),
                    Column(_("balance after"), numeric=True),
                    Column(_("expires")),
                ),
                rows=[
                    (
                        object_link(each, moment(each.created_at)),
                        type_badge(each),
                        signed(each.tokens_delta),
                        number(each.balance_after),
                        moment(each.expires_at),
                    )
                    for each in movements
                ],
                empty=_("No tokens have moved for it."),
            ),
        ]

    @admin.display(description=_("number"))
    def shown_number(self, row: Invoice) -> SafeString | str:
        # The end of an id that begins with its moment: what differs between two of one minute.
        return row.number or code(f"…{str(row.pk)[-8:]}")

    @admin.display(description=_("customer"))
    def customer(self, row: Invoice) -> SafeString | str:
        return wallet_link(row.wallet)

    @admin.display(description=_("tariff"))
    def of_tariff(self, row: Invoice) -> SafeString | str:
        return object_link(row.tariff)

    @admin.display(description=_("tariff's version"))
    def version(self, row: Invoice) -> str:
        return number(row.tariff_version)

    @admin.display(description=_("promo code"))
    def used_code(self, row: Invoice) -> SafeString | str:
        return promo_code_link(row.promo_code)

    @admin.display(description=_("list price"))
    def list_price_money(self, row: Invoice) -> str:
        return str(row.list_price_money)

    @admin.display(description=_("discount"))
    def discount_money(self, row: Invoice) -> str:
        return str(row.discount_money)

    @admin.display(description=_("to pay"))
    def asked_money(self, row: Invoice) -> str:
        return str(row.amount_money)

    @admin.display(description=_("to pay in Stars"))
    def stars_money(self, row: Invoice) -> str:
        return NOTHING if row.amount_stars is None else str(Money(row.amount_stars, "XTR"))

    @admin.display(description=_("tokens"))
    def given_tokens(self, row: Invoice) -> str:
        return number(row.tokens)

    @admin.display(description=_("bonus tokens"))
    def extra_tokens(self, row: Invoice) -> str:
        return number(row.bonus_tokens)

    @admin.display(description=_("tokens live"))
    def lifetime(self, row: Invoice) -> str:
        if row.token_validity_days:
            return days(row.token_validity_days)
        return gettext("forever") if row.tokens else NOTHING

    @admin.display(description=_("subscription"))
    def subscription(self, row: Invoice) -> str:
        return days(row.subscription_days) if row.subscription_days else NOTHING

    @admin.display(description=_("status"))
    def state(self, row: Invoice) -> SafeString:
        return state_badge(row)

    @admin.display(description=_("created"))
    def when(self, row: Invoice) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("expires"))
    def until(self, row: Invoice) -> SafeString | str:
        return moment(row.expires_at)

    @admin.display(description=_("paid"))
    def paid(self, row: Invoice) -> SafeString | str:
        return moment(row.paid_at)

    @admin.display(description=_("id"))
    def shown_id(self, row: Invoice) -> SafeString:
        return code(row.pk)

    @admin.display(description=_("idempotency key"))
    def key(self, row: Invoice) -> SafeString:
        return code(row.idempotency_key)


def _told(recorded: payments.Recorded) -> Outcome:
    """What a recorded payment did, told as it is."""
    payment, invoice = recorded.payment, recorded.invoice
    facts = {"amount": payment.amount_money, "asked": invoice.amount_money, "number": invoice.number or ""}
    if payment.outcome == Payment.Outcome.SURPLUS:
        return Warned(
            _(
                "%(amount)s is kept as a surplus and credited nowhere: the invoice needed no payment. "
                "An alert was raised."
            )
            % facts
        )
    if payment.outcome == Payment.Outcome.MISMATCH:
        return Warned(
            _(
                "%(amount)s is kept and credited nowhere: the invoice asks %(asked)s. "
                "The invoice stays as it was, and an alert was raised."
            )
            % facts
        )
    if recorded.replayed:
        return _("This payment was recorded before. Nothing has moved.")
    return _("Invoice %(number)s is paid: %(amount)s.") % facts
