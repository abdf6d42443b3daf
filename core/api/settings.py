"""Routes about runtime settings, for staff."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import errors, queries, runtime_settings
from core.api.declarations import Example, documented
from core.api.fields import MetadataField, MomentField, TextField
from core.api.permissions import STAFF, LatelyVerified, by_method, may
from core.api.serializers import StrictSerializer
from core.api.views import ApiView
from core.money import Money
from core.operations import settings as operations
from core.queries import SettingState

_READ: Final = may(scopes=(STAFF,), permission="core.view_setting")
_CHANGE: Final = may(scopes=(STAFF,), permission="core.change_setting")
# What the audit log says where the caller gave no reason.
_NO_REASON: Final = "changed through the API"
_TYPES: Final = {int: "integer", bool: "boolean", str: "string", Money: "money"}
_LIFETIME: Final = "billing.invoice_lifetime_minutes"
_EXAMPLE: Final = {
    "key": _LIFETIME,
    "value": 120,
    "default": 1440,
    "value_type": "integer",
    "minimum": 1,
    "maximum": 43200,
    "choices": [],
    "is_secret": False,
    "help_text": "How long an unpaid invoice waits for its payment, in minutes.",
    "changed_at": "2026-01-31T12:00:00Z",
    "changed_by": "user:olga",
}


@extend_schema_field({"description": "A number, a boolean, a text, or money, by the setting's type."})
class ValueField(serializers.Field[Any, Any, Any, Any]):
    """Any JSON value: the setting's definition judges it."""

    default_error_messages: ClassVar[dict[str, Any]] = {"null": _("Give a value.")}

    def to_internal_value(self, data: object) -> object:
        return data

    def to_representation(self, value: object) -> object:
        return value


class SettingSerializer(serializers.Serializer[SettingState]):
    key = serializers.CharField()
    value = ValueField(help_text=_("In force now. A secret is masked, and null where there is none."))
    default = ValueField()
    value_type = serializers.ChoiceField(choices=sorted(_TYPES.values()))
    minimum = serializers.IntegerField(allow_null=True, help_text=_("Of a text: its fewest characters."))
    maximum = serializers.IntegerField(allow_null=True, help_text=_("Of a text: its most characters."))
    choices = serializers.ListField(child=ValueField(), help_text=_("The only values allowed, where there are some."))
    is_secret = serializers.BooleanField()
    help_text = serializers.CharField()  # type: ignore[assignment]  # DRF collects the field: it hides no attribute
    changed_at = MomentField(allow_null=True)
    changed_by = serializers.CharField()

    def to_representation(self, instance: SettingState) -> dict[str, Any]:
        definition, row = instance.definition, instance.row
        return {
            "key": definition.key,
            "value": self._shown(instance, instance.value),
            "default": self._shown(instance, definition.default),
            "value_type": _TYPES[definition.value_type],
            "minimum": definition.minimum,
            "maximum": definition.maximum,
            "choices": [self._shown(instance, choice) for choice in definition.choices],
            "is_secret": definition.secret,
            "help_text": str(definition.help_text),
            "changed_at": self.fields["changed_at"].to_representation(row.updated_at) if row else None,
            "changed_by": row.updated_by if row else "",
        }

    @staticmethod
    def _shown(state: SettingState, value: Any) -> object:
        if state.definition.secret:
            return runtime_settings.MASK if value else None
        return state.definition.as_json(value)


class SettingListSerializer(serializers.Serializer[Any]):
    results = SettingSerializer(many=True)


class ReasonedSerializer(StrictSerializer):
    reason = TextField(max_length=500, required=False, help_text=_("Why, for the audit log."))


class SettingChangeSerializer(ReasonedSerializer):
    value = ValueField()


class SettingsChangeSerializer(ReasonedSerializer):
    settings = MetadataField(max_bytes=65_536, help_text=_("New values by their settings' keys."))


class SettingListView(ApiView):
    permission_classes = [_READ]

    @documented(
        summary="Every runtime setting",
        operation_id="settings_list",
        answers={200: SettingListSerializer},
        examples=[Example("one of them", answer={"results": [_EXAMPLE]})],
    )
    def get(self, request: Request) -> Response:
        """What operators may change while the house runs: what is in force, what it may be, and who made it so."""
        return _listed(queries.list_settings())


class SettingView(ApiView):
    permission_classes = [by_method(GET=_READ, PATCH=_CHANGE), LatelyVerified]

    @documented(
        summary="One runtime setting",
        operation_id="settings_get",
        answers={200: SettingSerializer},
        errors=[errors.SettingUnknown],
        examples=[Example("an overridden default", answer=_EXAMPLE)],
    )
    def get(self, request: Request, key: str) -> Response:
        """A setting as it is now."""
        return _answer(queries.get_setting(key))

    @documented(
        summary="Change a runtime setting",
        operation_id="settings_change",
        body=SettingChangeSerializer,
        answers={200: SettingSerializer},
        errors=[errors.SettingUnknown, errors.SettingInvalid, errors.StepUpRequired],
        examples=[Example("a shorter wait", body={"value": 120, "reason": "A sale"}, answer=_EXAMPLE)],
    )
    def patch(self, request: Request, key: str) -> Response:
        """
        The new value is in force everywhere within a second; the audit log keeps both, unless it is a secret.
        Colleagues are asked for their second factor.
        """
        body = self.body()
        operations.change(key=key, value=body["value"], by=self.actor, reason=_reason(body))
        return _answer(queries.get_setting(key))


class SettingsBulkUpdateView(ApiView):
    permission_classes = [_CHANGE, LatelyVerified]

    @documented(
        summary="Change several runtime settings, all or none",
        operation_id="settings_bulk_update",
        body=SettingsChangeSerializer,
        answers={200: SettingListSerializer},
        errors=[errors.SettingUnknown, errors.SettingInvalid, errors.StepUpRequired],
        examples=[Example("one of them", body={"settings": {_LIFETIME: 120}}, answer={"results": [_EXAMPLE]})],
    )
    def post(self, request: Request) -> Response:
        """
        All values are in force within a second, or none is, and each that does not fit is named. Colleagues are asked
        for their second factor.
        """
        body = self.body()
        values = body["settings"]
        operations.change_many(values=values, by=self.actor, reason=_reason(body))
        return _listed([state for state in queries.list_settings() if state.definition.key in values])


def _reason(body: dict[str, Any]) -> str:
    return str(body.get("reason", "")).strip() or _NO_REASON


def _answer(state: SettingState) -> Response:
    return Response(SettingSerializer().to_representation(state))


def _listed(states: list[SettingState]) -> Response:
    serializer = SettingSerializer()
    return Response({"results": [serializer.to_representation(state) for state in states]})
