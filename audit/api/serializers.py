"""The audit log as the API writes it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from audit.models import AdminAlert, AuditLog
from core.api.fields import IdField, MetadataField, MomentField, TextField
from core.api.serializers import ListParams


class ActorSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["user", "api_key", "job", "shell", "system"])
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of this name hides no attribute: DRF collects it


class AuditLogSerializer(serializers.Serializer[AuditLog]):
    id = serializers.CharField()
    user = IdField(source="user_id", allow_null=True, help_text=_("The person behind the act, where there is one."))
    actor = ActorSerializer()
    action = serializers.CharField()
    entity_type = serializers.CharField()
    entity_id = serializers.CharField()
    old_value = MetadataField(allow_null=True, help_text=_("What changed, as it was. Secrets are masked."))
    new_value = MetadataField(allow_null=True, help_text=_("What changed, as it is now. Secrets are masked."))
    metadata = MetadataField(help_text=_("Circumstances: request_id, ip, reason, door, and the deed's own facts."))
    created_at = MomentField()


class AuditLogParams(ListParams):
    entity_type = TextField(max_length=100, required=False, help_text=_("Like billing.tariff."))
    entity_id = TextField(max_length=100, required=False)
    user = IdField(required=False, help_text=_("The person behind the act."))
    action = TextField(max_length=100, required=False, help_text=_("Like billing.tariff.updated."))
    since = MomentField(required=False, help_text=_("This moment and later."))
    until = MomentField(required=False, help_text=_("Before this moment."))


class AlertSerializer(serializers.Serializer[AdminAlert]):
    id = serializers.CharField()
    fingerprint = serializers.CharField(help_text=_("What makes two alerts the same trouble."))
    severity = serializers.ChoiceField(choices=AdminAlert.Severity.values)
    title = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()
    context = MetadataField(  # type: ignore[assignment]  # a field of this name hides no attribute: DRF collects it
        help_text=_("Ids of what it is about, of the first occurrence.")
    )
    count = serializers.IntegerField(help_text=_("How often the trouble was met."))
    status = serializers.ChoiceField(choices=AdminAlert.Status.values)
    acknowledged_by = serializers.CharField(allow_blank=True)
    acknowledged_at = MomentField(allow_null=True)
    first_seen_at = MomentField()
    last_seen_at = MomentField()

    def get_title(self, alert: AdminAlert) -> str:
        """The reader's language decides."""
        return gettext(alert.title)

    def get_body(self, alert: AdminAlert) -> str:
        """The same."""
        return gettext(alert.body) if alert.body else ""


class AlertParams(ListParams):
    status = serializers.ChoiceField(choices=AdminAlert.Status.values, required=False)
