"""Where other systems hear of what happens, and what is on its way to them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from billing.models import WebhookDelivery, WebhookEndpoint
from billing.rules.announcements import TYPES
from billing.rules.webhook_addresses import LONGEST_URL
from core.api.fields import BoolField, CodeField, IdField, IntField, MomentField, TextField
from core.api.serializers import ListParams, StrictSerializer


class EventsField(serializers.ListField):
    """Types of announcements."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            child=CodeField(choices=list(TYPES)),
            min_length=1,
            max_length=len(TYPES),
            help_text=_("What the endpoint is told of."),
            **options,
        )


class WebhookEndpointSerializer(serializers.Serializer[WebhookEndpoint]):
    """An address that is told of what happens."""

    id = IdField()
    url = serializers.CharField()
    events = EventsField()
    description = serializers.CharField()
    is_active = serializers.BooleanField()
    previous_secret_ends_at = MomentField(
        allow_null=True, help_text=_("Until then the secret from before the last rotation signs, too.")
    )
    created_at = MomentField()


class SecretiveEndpointSerializer(serializers.Serializer[Any]):
    """An endpoint with its secret, which is shown this once."""

    endpoint = WebhookEndpointSerializer()
    secret = serializers.CharField(help_text=_("Verifies signatures, as the Standard Webhooks specification says."))


class NewWebhookEndpointSerializer(StrictSerializer):
    """What to tell whom."""

    url = TextField(max_length=LONGEST_URL, help_text=_("https, to a public address."))
    events = EventsField()
    description = TextField(max_length=255, required=False, allow_blank=True)


class WebhookEndpointChangeSerializer(StrictSerializer):
    """What is absent stays as it is."""

    url = TextField(max_length=LONGEST_URL, required=False)
    events = EventsField(required=False)
    description = TextField(max_length=255, required=False, allow_blank=True)
    is_active = BoolField(required=False)


class RotationSerializer(StrictSerializer):
    """How long the previous secret goes on signing beside the new one."""

    overlap_hours = IntField(
        min_value=0, max_value=30 * 24, default=24, help_text=_("0 where the previous secret has leaked.")
    )


class WebhookDeliverySerializer(serializers.Serializer[WebhookDelivery]):
    """One announcement for one endpoint."""

    id = IdField()
    message_id = IdField(source="announcement_id", help_text=_("The header webhook-id, the same at every attempt."))
    type = CodeField(source="announcement.type", choices=list(TYPES))
    endpoint = IdField(source="endpoint_id")
    state = CodeField(choices=WebhookDelivery.State.values)
    attempts = serializers.IntegerField()
    next_attempt_at = MomentField(allow_null=True)
    last_status = serializers.IntegerField(
        allow_null=True, help_text=_("What the receiver answered; null for nothing.")
    )
    last_error = serializers.CharField()
    delivered_at = MomentField(allow_null=True)
    created_at = MomentField()


class WebhookDeliveryParams(ListParams):
    endpoint = IdField(required=False, help_text=_("Only to this endpoint."))
    state = CodeField(choices=WebhookDelivery.State.values, required=False)
