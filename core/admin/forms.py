"""
Forms that end in one operation. What the operation refuses is said beside the field it is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from core.admin.display import Text
from core.errors import DomainError
from core.ids import uuid7
from core.money import EXPONENTS, SYMBOLS, Money

if TYPE_CHECKING:
    # A mixin of forms; at run time it stands in front of one.
    _FormBase = forms.BaseForm
    # One form serves every model; which one, its subclasses say in Meta.
    _ModelForm = forms.ModelForm[Any]
else:
    _FormBase = object
    _ModelForm = forms.ModelForm

REASON: Final = "reason"


def in_words(refusal: DomainError) -> list[str]:
    """What a domain error says to a person: its fact, and whatever names no field of ours."""
    said = [str(refusal.title)]
    if refusal.detail:
        said.append(str(refusal.detail))
    return said


def begin_with_capitals(form: forms.BaseForm) -> None:
    """Write labels as Django writes those of a model's fields."""
    for field in form.fields.values():
        if field.label:
            field.label = capfirst(str(field.label))


class RefusableForm(_FormBase):
    """A form that can show what an operation refused."""

    def refuse(self, refusal: DomainError) -> None:
        """Show a refusal: by field where the form has it, above the fields otherwise."""
        elsewhere = []
        for name, why in refusal.fields.items():
            if name in self.fields:
                self.add_error(name, [str(each) for each in why])
            elif name in {"__all__", ""}:
                elsewhere += [str(each) for each in why]
            else:
                elsewhere.append(f"{name}: {' '.join(map(str, why))}")
        if not refusal.fields:
            self.add_error(None, " ".join(in_words(refusal)))
        elif elsewhere:
            self.add_error(None, elsewhere)


class ReasonField(forms.CharField):
    """Why: kept with the change in the audit log."""

    def __init__(self, *, required: bool = True, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("reason"))
        kwargs.setdefault("help_text", _("Kept in the audit log."))
        kwargs.setdefault("max_length", 1_000)
        kwargs.setdefault("widget", UnfoldAdminExpandableTextareaWidget(attrs={"rows": 2}))
        super().__init__(required=required, **kwargs)


class KeyField(forms.CharField):
    """The key of one filled-in form, unseen: however often it is sent, it is done once."""

    def __init__(self) -> None:
        super().__init__(widget=forms.HiddenInput, initial=lambda: f"admin:{uuid7()}", max_length=255)


class MoneyTextField(forms.CharField):
    """
    An amount as people type it: ``1 499``, ``149,90``, ``149 ₽``.

    It cleans to :class:`core.money.Money` where the currency is known beforehand; where a sibling field decides it,
    the form calls :meth:`in_currency` in its ``clean``.
    """

    default_error_messages: ClassVar[dict[str, Any]] = {
        "not_money": _("Type an amount, like 1 499 or 149,90; %(currency)s has %(digits)s digits after the point."),
    }

    def __init__(self, *, currency: str | None = None, **kwargs: Any) -> None:
        self.currency = currency
        attrs = {"inputmode": "decimal", "autocomplete": "off", "class": "dv-money-input"}
        if currency:
            attrs["suffix"] = SYMBOLS.get(currency, currency)
        kwargs.setdefault("widget", UnfoldAdminTextInputWidget(attrs=attrs))
        super().__init__(max_length=40, **kwargs)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return self.in_currency(text, self.currency) if text and self.currency else text or None

    def in_currency(self, text: str, currency: str) -> Money:
        """:raises ValidationError: it is no amount of this currency"""
        try:
            return Money.parse(text, currency)
        except ValueError as not_money:
            raise ValidationError(
                self.error_messages["not_money"],
                "not_money",
                {"currency": currency, "digits": EXPONENTS[currency]},
            ) from not_money

    def prepare_value(self, value: Any) -> Any:
        return as_typed(value) if isinstance(value, Money) else value


def as_typed(amount: Money) -> str:
    """An amount as somebody would type it into a field whose currency stands beside: ``1 499``, ``149,90``."""
    text = str(amount).rpartition("\u00a0")[0]
    return text.replace("\u00a0", " ")


class OperationForm(RefusableForm, _ModelForm):
    """
    The form of an object whose every change is an operation.

    :cvar refusal: what the operation refused a moment ago; the form is then shown again with it
    """

    refusal: ClassVar[DomainError | None] = None

    reason = ReasonField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        begin_with_capitals(self)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.refusal is not None:
            self.refuse(self.refusal)
        return cleaned


class DeedForm(RefusableForm, forms.Form):
    """
    What a deed asks for before it is done to an object.

    :param target: the object
    """

    def __init__(self, *args: Any, target: Any = None, **kwargs: Any) -> None:
        self.target = target
        super().__init__(*args, **kwargs)
        begin_with_capitals(self)


class ReasonForm(DeedForm):
    """Nothing but why."""

    reason = ReasonField()


def integer_widget() -> forms.Widget:
    """A field of digits that is as narrow as they are."""
    widget: forms.Widget = UnfoldAdminIntegerFieldWidget(attrs={"class": "dv-number-input"})
    return widget


def text_widget(**attrs: str) -> forms.Widget:
    """A line of text."""
    widget: forms.Widget = UnfoldAdminTextInputWidget(attrs=attrs)
    return widget


def moment_field(label: Text, *, help_text: Text = "") -> forms.SplitDateTimeField:
    """A date and a time, optional, in the house's time zone."""
    return forms.SplitDateTimeField(
        label=label, required=False, help_text=help_text, widget=UnfoldAdminSplitDateTimeWidget()
    )
