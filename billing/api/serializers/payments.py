"""Payments, what was said of them, and refunds."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.serializers.invoices import PaymentSerializer
from billing.models import Payment, PaymentEvent, Refund
from billing.queries.refund_effects import OnPeriod, OnReferral, PeriodEffect, RewardEffect
from billing.queries.refunds import Calculation
from core.api.fields import CodeField, IdField, MomentField, TextField
from core.api.serializers import ListParams, MoneyField, StrictSerializer


class PaymentEventSerializer(serializers.Serializer[PaymentEvent]):
    """One thing that was said of a payment."""

    id = IdField()
    kind = CodeField(choices=PaymentEvent.Kind.values)
    direction = CodeField(choices=PaymentEvent.Direction.values)
    amount = MoneyField(source="money", allow_null=True)
    reference = serializers.CharField(help_text=_("The provider's id of the refund or the dispute."))
    came_by = CodeField(source="source", choices=PaymentEvent.Source.values)
    occurred_at = MomentField()
    received_at = MomentField()


class ListedPaymentSerializer(PaymentSerializer):
    """A payment, what it did to its invoice, and what of it went back."""

    user = IdField(source="invoice.wallet.user_id", allow_null=True, help_text=_("Null for a company's."))
    company = IdField(source="invoice.wallet.company_id", allow_null=True, help_text=_("Null for a person's."))
    refunded = MoneyField(source="refunded_money")
    arrived_at = MomentField(allow_null=True)


class ToldPaymentSerializer(ListedPaymentSerializer):
    """
    A payment with everything that was said of it, in the order in which it happened: the context's ``events``.
    """

    events = serializers.SerializerMethodField()

    @extend_schema_field(PaymentEventSerializer(many=True))
    def get_events(self, payment: Payment) -> Any:
        return PaymentEventSerializer(self.context["events"], many=True).data


class PaymentParams(ListParams):
    user = IdField(required=False, help_text=_("Only this customer's."))
    company = IdField(required=False, help_text=_("Only this company's."))
    status = CodeField(choices=Payment.Status.values, required=False)


class AskedRefundSerializer(StrictSerializer):
    """What is to go back."""

    policy = CodeField(choices=Refund.Policy.values)
    amount = MoneyField(
        min_amount=1,
        required=False,
        allow_null=True,
        help_text=_("Everything that is left, by default; the policy unspent computes it itself."),
    )


class NewRefundSerializer(AskedRefundSerializer):
    """What is to go back, and why."""

    reason = TextField(max_length=1_000, help_text=_("Kept in the audit log."))


class RefundSerializer(serializers.Serializer[Refund]):
    """A refund."""

    id = IdField()
    payment = IdField(source="payment_id")
    amount = MoneyField(source="amount_money")
    tokens_reversed = serializers.IntegerField(help_text=_("Taken back from what was bought."))
    shortfall_tokens = serializers.IntegerField(help_text=_("Spent before, and now a debt."))
    policy = CodeField(choices=Refund.Policy.values)
    status = CodeField(source="state", choices=Refund.State.values)
    reason = serializers.CharField()
    created_at = MomentField()


class OnPeriodSerializer(serializers.Serializer[OnPeriod]):
    """What a refund does to the period that was paid for."""

    effect = CodeField(choices=[each.value for each in PeriodEffect])
    starts_at = MomentField()
    ends_at = MomentField()
    moved_up = serializers.IntegerField(help_text=_("Later periods that begin earlier for it."))


class OnReferralSerializer(serializers.Serializer[OnReferral]):
    """What a refund does to the reward of whoever brought the payer."""

    effect = CodeField(
        choices=[each.value for each in RewardEffect],
        help_text=_("goes_back: it is taken back; not_given: it waits and will never be given."),
    )
    referrer = IdField(source="referrer_id")
    reward_tokens = serializers.IntegerField()


class CalculationSerializer(serializers.Serializer[Calculation]):
    """What a refund would do."""

    policy = CodeField(choices=Refund.Policy.values)
    amount = MoneyField()
    refundable = MoneyField(help_text=_("What could go back at the most."))
    tokens_left = serializers.IntegerField(help_text=_("Of this purchase, not spent and not held."))
    tokens_spent = serializers.IntegerField()
    tokens_expired = serializers.IntegerField()
    tokens_reversed = serializers.IntegerField()
    shortfall_tokens = serializers.IntegerField()
    days_used = serializers.IntegerField(help_text=_("Of the subscription that was paid for."))
    days_bought = serializers.IntegerField()
    promo_code = serializers.CharField(allow_null=True)
    period = OnPeriodSerializer(allow_null=True, help_text=_("Null where no period is there to be lost."))
    referral = OnReferralSerializer(allow_null=True, help_text=_("Null where no reward is there to be lost."))
    refunds_parts = serializers.BooleanField(help_text=_("Whether the provider sends back less than the whole."))
