"""Where a customer pays an invoice, for operators who send them there."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from billing.gateways import providers
from billing.models import Invoice, Payment
from billing.operations import checkouts
from core.actors import Actor
from core.admin.deeds import Outcome, Shown, deed
from core.admin.forms import DeedForm


def list_tills() -> list[tuple[str, str]]:
    """The providers that customers can be sent to: codes and names."""
    return [(code, str(Payment.Provider(code).label)) for code in providers.list_codes() if providers.is_set_up(code)]


class PaymentLinkForm(DeedForm):
    """With whom the customer wants to pay."""

    # Asked for anew with each form.
    provider = forms.ChoiceField(label=_("provider"), choices=list_tills, widget=UnfoldAdminSelectWidget())


class PaymentLink:
    """A part of the invoice's page."""

    def has_checkout_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_invoice")

    @deed(
        title=_("Payment link"),
        permission="checkout",
        form=PaymentLinkForm,
        icon="link",
        explanation=_(
            "Where the customer pays, at the provider's page. The invoice becomes paid once the provider has said so. "
            "Asked again for the same provider, the link is the same for as long as it can be paid at."
        ),
        submit=_("Show the link"),
    )
    def payment_link(self, request: HttpRequest, invoice: Invoice, form: PaymentLinkForm, by: Actor) -> Outcome:
        started = checkouts.start(invoice_id=invoice.pk, provider=form.cleaned_data["provider"], by=by)
        return Shown("billing/admin/payment_link.html", {"link": started.url or started.invoice_link})
