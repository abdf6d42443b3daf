"""What is asked for when codes are made, changed or tried out."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.models import User
from accounts.queries import find_user
from billing.models import PromoCode, Tariff
from billing.models.tariff import CURRENCIES
from billing.operations import promo_codes as operations
from billing.rules.promo_codes import normalised
from core.admin.display import Text
from core.admin.forms import (
    DeedForm,
    KeyField,
    MoneyTextField,
    OperationForm,
    ReasonField,
    as_typed,
    integer_widget,
    moment_field,
    text_widget,
)
from core.money import Money

_SPACES: Final = str.maketrans("", "", " \u00a0\u202f_%")


class DiscountForm(forms.BaseForm):
    """A mixin: the kind of a discount and its value, typed as the kind wants it."""

    def clean_discount(self, cleaned: dict[str, Any]) -> None:
        """Turn ``value`` into ``discount_value``: percents, minor units or tokens."""
        kind, typed = cleaned.get("discount_type"), cleaned.get("value")
        if not kind or not typed:
            return
        currency = cleaned.get("currency") or ""
        if kind == PromoCode.DiscountType.FIXED:
            if not currency:
                self.add_error("currency", _("An amount needs its currency."))
                return
            field = self.fields["value"]
            assert isinstance(field, MoneyTextField)  # noqa: S101  for the type checker
            try:
                cleaned["discount_value"] = field.in_currency(typed, currency).amount
            except ValidationError as invalid:
                self.add_error("value", invalid)
            return
        # Percents and tokens have none, whatever the select beside them says.
        cleaned["currency"] = ""
        digits = str(typed).translate(_SPACES)
        if not digits.isascii() or not digits.isdecimal() or len(digits) > 13:
            self.add_error("value", _("Type a whole number."))
            return
        cleaned["discount_value"] = int(digits)
        if kind == PromoCode.DiscountType.PERCENT and not 1 <= cleaned["discount_value"] <= 100:
            self.add_error("value", _("Percents go from 1 to 100."))


def value_field() -> MoneyTextField:
    """The value of a discount, whatever its kind."""
    return MoneyTextField(
        label=_("value"), help_text=_("Percents without a point, an amount like 100 or 99,50, or a number of tokens.")
    )


def tariff_field(label: Text, *, required: bool = True) -> forms.ModelChoiceField[Tariff]:
    """One of all tariffs, the archived ones included."""
    return forms.ModelChoiceField(
        label=label,
        required=required,
        queryset=Tariff.objects.order_by("sort_order", "slug"),
        widget=UnfoldAdminSelectWidget(),
        empty_label=_("Select value"),
    )


class PromoCodeForm(DiscountForm, OperationForm):
    """A code as an operator edits it."""

    value = value_field()
    tariff = tariff_field(_("only for tariff"), required=False)

    class Meta:
        model = PromoCode
        fields = ("code", *sorted(operations.EDITABLE - {"discount_value"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["value"] = value_as_typed(self.instance)

    def clean_code(self) -> str:
        return normalised(self.cleaned_data["code"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.clean_discount(cleaned)
        # Set here, so that the model's own rules judge the value beside its kind.
        if "discount_value" in cleaned:
            self.instance.discount_value = cleaned["discount_value"]
        return cleaned


def value_as_typed(promo_code: PromoCode) -> str:
    """A code's value as somebody would type it."""
    if promo_code.discount_type == PromoCode.DiscountType.FIXED:
        return as_typed(Money(promo_code.discount_value, promo_code.currency))
    return str(promo_code.discount_value)


class BatchForm(DiscountForm, DeedForm):
    """What a batch of codes has in common."""

    count = forms.IntegerField(
        label=_("how many"), min_value=1, max_value=operations.MAX_BATCH, initial=10, widget=integer_widget()
    )
    prefix = forms.CharField(  # type: ignore[assignment]  # Django takes declared fields out of the class
        label=_("prefix"),
        required=False,
        max_length=32,
        widget=text_widget(autocomplete="off"),
        help_text=_("Stands before the random letters: SPRING-."),
    )
    discount_type = forms.ChoiceField(
        label=_("kind"), choices=PromoCode.DiscountType.choices, widget=UnfoldAdminSelectWidget()
    )
    value = value_field()
    currency = forms.ChoiceField(
        label=_("currency"),
        required=False,
        choices=[("", "—"), *((each, each) for each in (*CURRENCIES, "XTR"))],
        widget=UnfoldAdminSelectWidget(),
        help_text=_("For an amount off only."),
    )
    max_uses = forms.IntegerField(
        label=_("uses at most, each"),
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        initial=1,
        widget=integer_widget(),
    )
    max_uses_per_wallet = forms.IntegerField(
        label=_("uses at most per customer"), min_value=1, max_value=2**31 - 1, initial=1, widget=integer_widget()
    )
    tariff = tariff_field(_("only for tariff"), required=False)
    valid_from = moment_field(_("valid from"))
    valid_until = moment_field(_("valid until"))
    reason = ReasonField(required=False)
    key = KeyField()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.clean_discount(cleaned)
        return cleaned

    @property
    def batch(self) -> dict[str, Any]:
        """The operation's arguments."""
        names = (operations.EDITABLE - {"is_active"}) | {"count", "prefix"}
        return {name: self.cleaned_data[name] for name in names}


class SimulatorForm(DeedForm):
    """This customer, this tariff, this code."""

    customer = forms.CharField(
        label=_("customer"),
        max_length=255,
        widget=text_widget(autocomplete="off"),
        help_text=_("@username, Telegram id, login or id"),
    )
    tariff = tariff_field(_("tariff"))
    code = forms.CharField(
        label=_("promo code"),
        required=False,
        max_length=64,
        widget=text_widget(autocomplete="off"),
        help_text=_("Empty shows the price without one."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.target, PromoCode):
            self.initial["code"] = self.target.code
            if self.target.tariff_id is not None:
                self.initial["tariff"] = self.target.tariff_id

    def clean_customer(self) -> User:
        found = find_user(self.cleaned_data["customer"])
        if found is None:
            raise ValidationError(_("Nobody, or more than one, answers to that."))
        return found

    @property
    def wanted(self) -> dict[str, Any]:
        """What to simulate."""
        return {name: self.cleaned_data[name] for name in ("customer", "tariff", "code")}
