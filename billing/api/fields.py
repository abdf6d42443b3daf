"""Fields that bodies of billing share, and whose wallet a body means."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from billing.api.owners import EXACTLY_ONE, EXACTLY_ONE_PAYER
from billing.models.tariff import MAX_TOKENS
from billing.owners import Owner
from core.api.fields import IdField, IntField, TextField
from core.api.idempotency import checked_key
from core.api.serializers import StrictSerializer
from core.errors import IdempotencyKeyInvalid


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
        owner = _named(value.pop("user", None), value.pop("telegram_id", None))
        if owner is None:
            raise serializers.ValidationError({"user": [EXACTLY_ONE]})
        return {"owner": owner, **value}


class OwnSerializer(OwnedSerializer):
    """A body that customers send, too: who names nobody means themselves, and ``owner`` is None."""

    def to_internal_value(self, data: object) -> Any:
        """
        The operation's arguments, but for whom an absent name means.

        :raises rest_framework.exceptions.ValidationError: both names
        """
        value = StrictSerializer.to_internal_value(self, data)
        return {"owner": _named(value.pop("user", None), value.pop("telegram_id", None)), **value}


class PayerSerializer(StrictSerializer):
    """A body about a person or a company; customers, who send it, too, need not say that they mean themselves."""

    user = IdField(required=False, help_text=_("The customer; or telegram_id, or company."))
    telegram_id = IntField(min_value=1, required=False, help_text=_("The customer's Telegram id; or user, or company."))
    company = IdField(required=False, help_text=_("The company; or user, or telegram_id."))

    def to_internal_value(self, data: object) -> Any:
        """
        The operation's arguments; ``owner`` is None where nobody is named.

        :raises rest_framework.exceptions.ValidationError: more than one name
        """
        value = super().to_internal_value(data)
        user, telegram_id, company = (value.pop(name, None) for name in ("user", "telegram_id", "company"))
        if company is None:
            return {"owner": _named(user, telegram_id), **value}
        if user is not None or telegram_id is not None:
            raise serializers.ValidationError({"company": [EXACTLY_ONE_PAYER]})
        return {"owner": Owner.company(company), **value}


def _named(user: UUID | None, telegram_id: int | None) -> Owner | None:
    if user is not None and telegram_id is not None:
        raise serializers.ValidationError({"user": [EXACTLY_ONE]})
    if user is not None:
        return Owner.user(user)
    return None if telegram_id is None else Owner.telegram(telegram_id)


class WebAddressField(TextField):
    """An address that a browser may be sent to: ``http`` or ``https``, a host, and nobody's password."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "address": _("Give an address that begins with https:// or http://."),
    }

    def __init__(self, *, max_length: int = 2048, **options: Any) -> None:
        super().__init__(max_length=max_length, **options)

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        try:
            parts = urlsplit(text)
            is_fit = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_fit = False
        if not is_fit or "@" in parts.netloc or "\\" in text or " " in text:
            self.fail("address")
        return text
