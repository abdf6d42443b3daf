"""Subscriptions, their periods, and trials."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from billing.api.fields import PayerSerializer
from billing.models import Subscription, SubscriptionPeriod, Wallet
from core.api.fields import CodeField, IdField, MomentField, TextField
from core.api.serializers import ListParams


@extend_schema_serializer(component_name="Payer")
class PayerField(serializers.Serializer[Wallet]):
    """Whose it is: a person's or a company's."""

    user = IdField(source="user_id", allow_null=True)
    company = IdField(source="company_id", allow_null=True)


class SubscriptionPeriodSerializer(serializers.Serializer[SubscriptionPeriod]):
    """A stretch of time that was paid for, or tried."""

    number = serializers.IntegerField(help_text=_("In the order of payments."))
    tariff = serializers.CharField(source="tariff.slug")
    invoice = IdField(source="invoice_id", allow_null=True, help_text=_("Null for the trial."))
    starts_at = MomentField()
    ends_at = MomentField()
    removed_at = MomentField(allow_null=True, help_text=_("When its money went back."))


class SubscriptionSerializer(serializers.Serializer[Subscription]):
    """What a customer keeps paying for."""

    id = IdField()
    owner = PayerField(source="wallet")
    tariff = serializers.CharField(source="tariff.slug")
    next_tariff = serializers.CharField(
        source="next_tariff.slug", default=None, allow_null=True, help_text=_("What it changes to when it renews.")
    )
    family = serializers.CharField()
    status = CodeField(
        choices=Subscription.Status.values,
        help_text=_("pending waits for the first payment, past_due for a later one; cancelled runs to its end."),
    )
    started_at = MomentField(allow_null=True)
    current_period_start = MomentField(allow_null=True)
    current_period_end = MomentField(allow_null=True)
    ends_at = MomentField(allow_null=True, help_text=_("The end of all that is paid for."))
    trial_end = MomentField(allow_null=True)
    cancel_at_period_end = serializers.BooleanField()
    cancelled_at = MomentField(allow_null=True)
    invoice = IdField(
        source="renewal_invoice_id", allow_null=True, help_text=_("What is to be paid for the next period.")
    )
    periods = SubscriptionPeriodSerializer(many=True)
    created_at = MomentField()


class NewSubscriptionSerializer(PayerSerializer):
    """Who subscribes to what."""

    tariff = TextField(max_length=64)


class SubscriptionParams(ListParams):
    user = IdField(required=False, help_text=_("Only this customer's."))
    company = IdField(required=False, help_text=_("Only this company's."))
    status = CodeField(choices=Subscription.Status.values, required=False)
