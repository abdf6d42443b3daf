"""Who brought whom."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from billing.models import Referral
from core.api.fields import CodeField, IdField, MomentField
from core.api.serializers import ListParams, QueryParams


class ReferralSerializer(serializers.Serializer[Referral]):
    """Somebody who came by somebody else's code, and what that earned."""

    id = IdField()
    referrer = IdField(source="referrer_id")
    referred = IdField(source="referred_id")
    state = CodeField(choices=Referral.State.values)
    reward_tokens = serializers.IntegerField(help_text=_("Given when the payment can no longer be returned."))
    matures_at = MomentField(allow_null=True, help_text=_("When the reward is given; null before the first payment."))
    rewarded_at = MomentField(allow_null=True)
    reversed_at = MomentField(allow_null=True)
    created_at = MomentField()


class ReferralCodeSerializer(serializers.Serializer[Any]):
    """What somebody tells those whom they bring."""

    user = IdField(source="pk")
    referral_code = serializers.CharField()


class ReferralParams(ListParams):
    user = IdField(required=False, help_text=_("Only whom this customer brought."))


class ReferralCodeParams(QueryParams):
    user = IdField(required=False, help_text=_("Whose code. Customers mean themselves and need not say so."))
