"""Invoices and their payments."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from billing.api.fields import PayerSerializer, WebAddressField
from billing.models import Checkout, Invoice, Payment
from core.api.fields import CodeField, IdField, MomentField, TextField
from core.api.serializers import ListParams, MoneyField, StrictSerializer
from core.money import EXPONENTS


class InvoiceSerializer(serializers.Serializer[Invoice]):
    """A frozen quote: later changes of the tariff or the code do not touch it."""

    id = IdField()
    number = serializers.CharField(allow_null=True, help_text=_("Given when paid, without gaps within a year."))
    user = IdField(source="wallet.user_id", allow_null=True, help_text=_("Null for a company's."))
    company = IdField(source="wallet.company_id", allow_null=True, help_text=_("Null for a person's."))
    tariff = serializers.CharField(source="tariff.slug")
    tariff_version = serializers.IntegerField()
    promo_code = serializers.CharField(source="promo_code.code", allow_null=True)
    list_price = MoneyField(source="list_price_money")
    discount = MoneyField(source="discount_money")
    amount = MoneyField(source="amount_money")
    amount_stars = serializers.IntegerField(allow_null=True, help_text=_("The same in Telegram Stars."))
    tokens = serializers.IntegerField()
    bonus_tokens = serializers.IntegerField()
    subscription_days = serializers.IntegerField()
    status = CodeField(choices=Invoice.Status.values)
    created_at = MomentField()
    expires_at = MomentField()
    paid_at = MomentField(allow_null=True)


class NewInvoiceSerializer(PayerSerializer):
    """Who buys what."""

    tariff = TextField(max_length=64)
    promo_code = TextField(max_length=64, required=False, allow_null=True)
    currency = CodeField(
        choices=list(EXPONENTS),
        required=False,
        allow_null=True,
        help_text=_("The tariff's own, by default; or XTR for Telegram Stars."),
    )


class InvoiceParams(ListParams):
    user = IdField(required=False, help_text=_("Only this customer's."))
    company = IdField(required=False, help_text=_("Only this company's."))
    status = CodeField(choices=Invoice.Status.values, required=False)


class NewPaymentSerializer(StrictSerializer):
    """Money that has arrived."""

    # What other providers say is not taken on a caller's word.
    provider = CodeField(choices=[Payment.Provider.MANUAL.value])
    provider_payment_id = TextField(max_length=255, help_text=_("The provider's id; one works once."))
    amount = MoneyField(min_amount=1)


class PaymentSerializer(serializers.Serializer[Payment]):
    """A payment and what it did to its invoice."""

    id = IdField()
    invoice = IdField(source="invoice_id")
    provider = CodeField(choices=Payment.Provider.values)
    provider_payment_id = serializers.CharField()
    amount = MoneyField(source="amount_money")
    status = CodeField(choices=Payment.Status.values)
    outcome = CodeField(choices=Payment.Outcome.values)
    created_at = MomentField()


class NewCheckoutSerializer(StrictSerializer):
    """With whom a customer wants to pay."""

    # What staff say of money is not paid at a till.
    provider = CodeField(
        choices=[
            Payment.Provider.TELEGRAM_STARS.value,
            Payment.Provider.TELEGRAM.value,
            Payment.Provider.YOOKASSA.value,
            Payment.Provider.STRIPE.value,
        ]
    )
    return_url = WebAddressField(required=False, help_text=_("Where the customer goes afterwards; the bot by default."))


class CheckoutSerializer(serializers.Serializer[Checkout]):
    """What a client needs to pay; what a provider has no use for is null."""

    provider = CodeField(choices=Payment.Provider.values)
    url = serializers.CharField(allow_null=True, help_text=_("A page to open."))
    invoice_link = serializers.CharField(allow_null=True, help_text=_("An invoice inside Telegram."))
    payload = serializers.DictField(allow_null=True, help_text=_("Anything else that the provider's client needs."))

    def to_representation(self, instance: Checkout) -> dict[str, Any]:
        return {
            "provider": instance.provider,
            "url": instance.url or None,
            "invoice_link": instance.invoice_link or None,
            "payload": instance.payload or None,
        }
