"""Fields that bodies of billing share, and whose wallet a body means."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from billing.models.tariff import MAX_TOKENS
from billing.owners import Owner
from core.api.fields import IdField, IntField
from core.api.idempotency import checked_key
from core.api.serializers import StrictSerializer
from core.errors import IdempotencyKeyInvalid

_EXACTLY_ONE: Final = _("Name the customer by exactly one of user and telegram_id.")


class TokensField(IntField):
    """A number of tokens that one movement may have, 1 to 10¹²."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_TOKENS, **options)


class KeyField(serializers.CharField):
    """An idempotency key in a body: 1 to 255 printable ASCII characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=1, max_length=255, **options)

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            return checked_key(data)
        except IdempotencyKeyInvalid as refusal:
            raise serializers.ValidationError([refusal.title]) from refusal


class OwnedSerializer(StrictSerializer):
    """A body that names a customer; what it gives has an :class:`~billing.owners.Owner` as ``owner`` instead."""

    user = IdField(required=False, help_text=_("The customer; or telegram_id."))
    telegram_id = IntField(min_value=1, required=False, help_text=_("The customer's Telegram id; or user."))

    def to_internal_value(self, data: object) -> Any:
        """
        The operation's arguments.

        :raises rest_framework.exceptions.ValidationError: both names or none
        """
        value = super().to_internal_value(data)
        user, telegram_id = value.pop("user", None), value.pop("telegram_id", None)
        if (user is None) == (telegram_id is None):
            raise serializers.ValidationError({"user": [_EXACTLY_ONE]})
        return {"owner": Owner.user(user) if user is not None else Owner.telegram(telegram_id), **value}
