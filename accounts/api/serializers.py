"""People as the API writes and reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.balances import NOTHING, BalanceView
from accounts.models import User
from core.api.fields import BoolField, IdField, IntField, MomentField, TextField
from core.api.serializers import ListParams, StrictSerializer

_TELEGRAMS: Final = ("username", "is_premium")
_NOT_YOURS: Final = _("Telegram says this of a person, nobody else.")


class UserSerializer(serializers.Serializer[User]):
    """
    A person. The balances of a list are read at once and come in the context, as ``balances``.
    """

    id = IdField()
    telegram_id = IntField(allow_null=True)
    username = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    language_code = serializers.CharField()
    is_premium = serializers.BooleanField()
    referral_code = serializers.CharField(help_text=_("What this person gives to those whom they bring."))
    referred_by = IdField(source="referred_by_id", allow_null=True)
    token_balance = serializers.IntegerField()
    balance_version = serializers.IntegerField(help_text=_("Grows by one with each change of the balance."))
    subscription_end = MomentField(allow_null=True)
    created_at = MomentField()
    updated_at = MomentField()

    def to_representation(self, instance: User) -> dict[str, Any]:
        """The person with their balance."""
        balances: Mapping[UUID, BalanceView] = self.context["balances"]
        shown = cast(User, _Shown(instance, balances.get(instance.pk, NOTHING)))
        return super().to_representation(shown)


class _Shown:
    """A person's own fields, and those that are read through the wallet."""

    def __init__(self, user: User, balance: BalanceView) -> None:
        self._user = user
        self.token_balance = balance.token_balance
        self.balance_version = balance.balance_version
        self.subscription_end = balance.subscription_end

    def __getattr__(self, name: str) -> Any:  # Any: whatever the person's field holds
        return getattr(self._user, name)


class ProfileSerializer(StrictSerializer):
    """What Telegram tells about a person. What is absent stays as it is; null and "" say that there is none."""

    username = TextField(max_length=64, required=False, allow_blank=True, allow_null=True)
    first_name = TextField(max_length=255, required=False, allow_blank=True, allow_null=True)
    last_name = TextField(max_length=255, required=False, allow_blank=True, allow_null=True)
    language_code = TextField(max_length=16, required=False, allow_blank=True, allow_null=True)
    is_premium = BoolField(required=False, allow_null=True)

    def to_internal_value(self, data: object) -> Any:
        """The operation's arguments, where None means "not told"."""
        return {name: _none_said(name, value) for name, value in super().to_internal_value(data).items()}


class OwnProfileSerializer(ProfileSerializer):
    """What people may say of themselves. An @name is looked people up by, and Premium has its price."""

    def to_internal_value(self, data: object) -> Any:
        """
        The operation's arguments.

        :raises rest_framework.exceptions.ValidationError: what only Telegram says was said
        """
        told = super().to_internal_value(data)
        if strange := [name for name in _TELEGRAMS if name in told]:
            raise serializers.ValidationError({name: [_NOT_YOURS] for name in strange})
        return told


class FirstSightSerializer(ProfileSerializer):
    """A profile, with the code of who brought this person; it is heard only when the person is new."""

    referral_code = TextField(max_length=32, required=False, allow_blank=True, allow_null=True)


class UserParams(ListParams):
    search = TextField(
        max_length=100,
        required=False,
        help_text=_("An id or Telegram id, or the beginning of a username."),
    )


def _none_said(name: str, value: object) -> object:
    if value is not None:
        return value
    return False if name == "is_premium" else ""
