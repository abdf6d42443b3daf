"""Forms for what staff hear of payments past the house: money that went back outside, disputes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.models import Dispute, Payment
from core.admin.forms import DeedForm, MoneyTextField, ReasonField, text_widget


class OutsideRefundForm(DeedForm):
    """How much went back, and what names it."""

    # The payment's currency decides how it is read.
    amount = MoneyTextField(label=gettext_lazy("amount that went back"))
    reference = forms.CharField(
        label=gettext_lazy("provider's id of the refund"),
        max_length=200,
        widget=text_widget(autocomplete="off"),
        help_text=gettext_lazy("Or the number of the transfer. The same one is never counted twice."),
    )
    reason = ReasonField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        payment: Payment = self.target
        self.fields["amount"] = MoneyTextField(
            label=_("amount that went back"),
            currency=payment.currency,
            help_text=_("%(amount)s can go back at the most.")
            % {"amount": payment.amount_money - payment.refunded_money},
        )


class DisputeForm(DeedForm):
    """What became of a dispute, and which one it is."""

    state = forms.ChoiceField(
        label=gettext_lazy("what was told"),
        choices=Dispute.State.choices,
        widget=UnfoldAdminRadioSelectWidget(),
        error_messages={"required": gettext_lazy("Choose what became of the dispute.")},
    )
    reference = forms.CharField(
        label=gettext_lazy("provider's id of the dispute"),
        max_length=200,
        widget=text_widget(autocomplete="off"),
        help_text=gettext_lazy("Or the number of the letter about it: the same one for its beginning and its end."),
    )
    reason = ReasonField()
