"""Tariffs and promo codes."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from billing.api.fields import OwnSerializer
from billing.models import PromoCode, Tariff
from billing.models.tariff import CURRENCIES, MAX_GRACE_DAYS, MAX_MONTHS, MAX_TOKENS
from billing.rules.pricing import Price
from core.api.fields import BoolField, CodeField, IntField, MetadataField, MomentField, TextField
from core.api.serializers import MoneyField, StrictSerializer
from core.money import EXPONENTS, MAX_MINOR_UNITS

_MAX_DAYS = 36_525
_MAX_INT32 = 2**31 - 1


class TariffSerializer(serializers.Serializer[Tariff]):
    """What is sold."""

    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    audience = CodeField(choices=Tariff.Audience.values)
    price = MoneyField(source="price_money")
    price_stars = serializers.IntegerField(allow_null=True, help_text=_("Null when not sold for Telegram Stars."))
    tokens = serializers.IntegerField()
    token_validity_days = serializers.IntegerField(allow_null=True, help_text=_("Null when they never expire."))
    subscription_days = serializers.IntegerField()
    trial_days = serializers.IntegerField()
    period_kind = CodeField(
        choices=Tariff.PeriodKind.values, help_text=_("How a subscription counts: in days, or in period_months.")
    )
    period_months = serializers.IntegerField(help_text=_("0 where it counts in days."))
    change_policy = CodeField(
        choices=Tariff.ChangePolicy.values,
        help_text=_("Of time that was paid for another tariff of the family: it runs out first, or it is converted."),
    )
    grace_days = serializers.IntegerField(help_text=_("How long an unpaid subscription waits before it ends."))
    family = serializers.CharField(help_text=_("One live subscription and one trial per owner and family."))
    limits = MetadataField(help_text=_("What a company may have: seats, projects, storage_mb."))
    sort_order = serializers.IntegerField()
    is_active = serializers.BooleanField(help_text=_("Whether it is on sale."))
    version = serializers.IntegerField(help_text=_("Grows by one with each change."))


@extend_schema_serializer(component_name="Price")
class PriceField(MoneyField):
    """Money that can be a tariff's price. Telegram Stars have a field of their own beside it."""

    currency = CodeField(choices=list(CURRENCIES), help_text=_("ISO 4217."))


class TariffFieldsSerializer(StrictSerializer):
    """What a tariff need not say: each has a default."""

    description = TextField(max_length=4000, multiline=True, required=False, allow_blank=True)
    audience = CodeField(choices=Tariff.Audience.values, required=False)
    price_stars = IntField(min_value=1, max_value=MAX_MINOR_UNITS, required=False, allow_null=True)
    tokens = IntField(min_value=0, max_value=MAX_TOKENS, required=False)
    token_validity_days = IntField(min_value=1, max_value=_MAX_DAYS, required=False, allow_null=True)
    subscription_days = IntField(min_value=0, max_value=_MAX_DAYS, required=False)
    trial_days = IntField(min_value=0, max_value=_MAX_DAYS, required=False)
    period_kind = CodeField(choices=Tariff.PeriodKind.values, required=False)
    period_months = IntField(min_value=0, max_value=MAX_MONTHS, required=False)
    change_policy = CodeField(choices=Tariff.ChangePolicy.values, required=False)
    grace_days = IntField(min_value=0, max_value=MAX_GRACE_DAYS, required=False)
    family = TextField(max_length=64, required=False, allow_blank=True)
    limits = MetadataField(required=False)
    sort_order = IntField(min_value=-_MAX_INT32, max_value=_MAX_INT32, required=False)
    is_active = BoolField(required=False)

    def to_internal_value(self, data: object) -> Any:
        """The operation's arguments: there, money is a number and a currency."""
        value = super().to_internal_value(data)
        if price := value.pop("price", None):
            value |= {"price": price.amount, "currency": price.currency}
        return value


class NewTariffSerializer(TariffFieldsSerializer):
    """A tariff to put on sale."""

    slug = TextField(max_length=64)
    name = TextField(max_length=255)
    price = PriceField(min_amount=1)


class TariffChangeSerializer(TariffFieldsSerializer):
    """What to change of a tariff. What is absent stays as it is."""

    name = TextField(max_length=255, required=False)
    price = PriceField(min_amount=1, required=False)
    version = IntField(min_value=1, max_value=_MAX_INT32, help_text=_("The version that the editor saw."))

    def to_internal_value(self, data: object) -> Any:
        """The operation's arguments."""
        value = super().to_internal_value(data)
        return {"seen_version": value.pop("version"), **value}


class PromoCodeSerializer(serializers.Serializer[PromoCode]):
    """A code that lowers a price or adds tokens."""

    code = serializers.CharField()
    discount_type = CodeField(choices=PromoCode.DiscountType.values)
    discount_value = serializers.IntegerField(help_text=_("Percents, minor units of the currency, or tokens."))
    currency = serializers.SerializerMethodField()
    max_uses = serializers.IntegerField(allow_null=True, help_text=_("Null when there is no cap."))
    max_uses_per_wallet = serializers.IntegerField()
    uses_count = serializers.IntegerField(help_text=_("Uses by invoices that are paid or wait to be."))
    valid_from = MomentField(allow_null=True)
    valid_until = MomentField(allow_null=True)
    tariff = serializers.CharField(source="tariff.slug", allow_null=True, help_text=_("Null when it is for any."))
    is_active = serializers.BooleanField()

    def get_currency(self, promo_code: PromoCode) -> str | None:
        """Of a fixed discount; null otherwise."""
        return promo_code.currency or None


class PromoCodeChangeSerializer(StrictSerializer):
    """What to change of a promo code. What is absent stays as it is."""

    discount_type = CodeField(choices=PromoCode.DiscountType.values, required=False)
    discount_value = IntField(min_value=1, max_value=MAX_TOKENS, required=False)
    currency = CodeField(choices=list(EXPONENTS), required=False, allow_null=True)
    max_uses = IntField(min_value=1, max_value=_MAX_INT32, required=False, allow_null=True)
    max_uses_per_wallet = IntField(min_value=1, max_value=_MAX_INT32, required=False)
    valid_from = MomentField(required=False, allow_null=True)
    valid_until = MomentField(required=False, allow_null=True)
    tariff = TextField(max_length=64, required=False, allow_null=True)
    is_active = BoolField(required=False)

    def to_internal_value(self, data: object) -> Any:
        """The operation's arguments, where a currency is a text."""
        value = super().to_internal_value(data)
        return {**value, "currency": value["currency"] or ""} if "currency" in value else value


class NewPromoCodeSerializer(PromoCodeChangeSerializer):
    """A promo code to make."""

    code = TextField(max_length=64)
    discount_type = CodeField(choices=PromoCode.DiscountType.values)
    discount_value = IntField(
        min_value=1, max_value=MAX_TOKENS, help_text=_("Percents, minor units of the currency, or tokens.")
    )


class QuoteInquirySerializer(OwnSerializer):
    """A customer, a tariff and a code that they may have heard of."""

    tariff = TextField(max_length=64)
    code = TextField(max_length=64)


class QuoteSerializer(serializers.Serializer[Price]):
    """What would have to be paid."""

    list_price = MoneyField()
    discount = MoneyField()
    amount = MoneyField()
    bonus_tokens = serializers.IntegerField()
