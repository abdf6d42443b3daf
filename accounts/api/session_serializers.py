"""Logins and sessions as the API writes and reads them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts import queries
from accounts.api.serializers import UserSerializer
from accounts.models import Session, User
from accounts.rules.second_factors import LONGEST_CODE
from core.api.fields import IdField, MomentField, TextField
from core.api.serializers import StrictSerializer

LONGEST_PASSWORD = 1000


class PasswordField(TextField):
    """A password, as it was typed: spaces at its ends are part of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=LONGEST_PASSWORD, trim_whitespace=False, **options)


class OtpField(TextField):
    """A code of the second factor, or a backup code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=LONGEST_CODE, **options)


class LoginSerializer(StrictSerializer):
    """A login with its password, and where there is one with a code of the second factor; or a login token."""

    username = TextField(max_length=150, required=False, help_text=_("What staff log in with."))
    password = PasswordField(required=False)
    otp = OtpField(required=False, help_text=_("Six digits from the authenticator app, or a backup code."))
    login_token = TextField(max_length=100, required=False, help_text=_("From POST /auth/login-token."))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One way in, and all of it."""
        if set(attrs) - {"otp"} != {"username", "password"} and set(attrs) != {"login_token"}:
            raise serializers.ValidationError(_("Give a username with its password, or a login token."))
        return attrs


class OtpSerializer(StrictSerializer):
    otp = OtpField(help_text=_("Six digits from the authenticator app, or a backup code."))


class RefreshSerializer(StrictSerializer):
    refresh = TextField(max_length=200)


class SignedField(TextField):
    """A text that somebody else has signed: whatever is wrong with it, the signature does not fit."""

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class InitDataSerializer(StrictSerializer):
    init_data = SignedField(max_length=65_536, allow_blank=True, help_text=_("Telegram.WebApp.initData, untouched."))


class PasswordChangeSerializer(StrictSerializer):
    old = PasswordField()
    new = PasswordField()


class TokensSerializer(serializers.Serializer[Any]):
    """What a person gets for proving who they are."""

    access = serializers.CharField(help_text=_("For `Authorization: Bearer`."))
    refresh = serializers.CharField(help_text=_("Good for one refresh. Keep it where scripts of others cannot read."))
    expires_in = serializers.IntegerField(help_text=_("Of the access token, in seconds."))


class PendingSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()


class LoginTokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    deep_link = serializers.CharField(help_text=_("Opens the bot, which asks whether it is you."))
    expires_in = serializers.IntegerField(help_text=_("In seconds."))


class SessionSerializer(serializers.Serializer[Session]):
    """A device. The session of the caller comes in the context, as ``current``."""

    id = IdField()
    user_agent = serializers.CharField()
    ip = serializers.CharField(help_text=_("Of its last use."))
    created_at = MomentField()
    last_used_at = MomentField()
    current = serializers.SerializerMethodField()

    def get_current(self, session: Session) -> bool:
        return bool(session.pk == self.context["current"])


class MeSerializer(UserSerializer):
    """
    The caller, and what they may do in this session. Whether they are staff in it comes in the context, as
    ``is_staff_here``.
    """

    roles = serializers.SerializerMethodField()
    permissions = serializers.SerializerMethodField()

    def get_roles(self, shown: Any) -> list[str]:
        return sorted(shown.groups.values_list("name", flat=True))

    def get_permissions(self, shown: Any) -> list[str]:
        user: User = self.context["user"]
        return queries.list_permissions(user) if self.context["is_staff_here"] else []
