"""People: customers who came from Telegram, and staff."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now, Upper
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.balances import balance_of
from core.database import audited, editable
from core.ids import uuid7

# Crockford's base 32 without letters that people confuse; 8 of them are 40 bits.
_CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_referral_code() -> str:
    """A code that a person can read out loud; the unique constraint catches the rare twin."""
    return "".join(secrets.choice(_CODE_ALPHABET) for _position in range(8))


class UserManager(BaseUserManager["User"]):
    """Creates users; ``createsuperuser`` and tests call it."""

    def create_user(self, login: str | None = None, password: str | None = None, **fields: Any) -> User:
        user = self.model(login=login or None, **fields)
        if password:
            user.set_password(password)
        else:
            user.set_unusable_password()
        user.save(using=self._db)
        return user

    def create_superuser(self, login: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(login, password, is_staff=True, is_superuser=True, **fields)


# Who somebody is stays out of a history that cannot be edited, so that a person can be forgotten.
@audited(masked=("password", "telegram_id", "username", "first_name", "last_name"))
@editable(why="names change; deletion is refused by the foreign keys of money and history")
class User(AbstractBaseUser, PermissionsMixin):
    """
    A person. The Telegram id is an attribute, not the identity: people move, and staff may never have used a
    bot.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    telegram_id = models.BigIntegerField(_("Telegram id"), unique=True, null=True, blank=True)
    # Telegram's @name: not unique, since people give theirs up and others take them.
    username = models.CharField(_("Telegram username"), max_length=64, blank=True, default="", db_index=True)
    # What staff log in with. Customers have none, and no usable password.
    login = models.CharField(_("login"), max_length=150, unique=True, null=True, blank=True)
    first_name = models.CharField(_("first name"), max_length=255, blank=True, default="")
    last_name = models.CharField(_("last name"), max_length=255, blank=True, default="")
    language_code = models.CharField(_("language"), max_length=16, blank=True, default="")
    is_premium = models.BooleanField(_("Telegram Premium"), default=False)
    timezone = models.CharField(_("time zone"), max_length=64, blank=True, default="")
    referral_code = models.CharField(
        _("referral code"),
        max_length=32,
        unique=True,
        default=new_referral_code,
        editable=False,
    )
    # Bound when the person is first seen, never changed afterwards.
    referred_by = models.ForeignKey(
        "self",
        verbose_name=_("referred by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="referrals",
        editable=False,
    )
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False, help_text=_("May enter the Admin."))
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False, db_index=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    # How often all of their sessions were ended at once. Those of Admin remember it, and are over when it has moved.
    lockouts = models.PositiveIntegerField(_("lockouts"), default=0, db_default=0, editable=False)
    # When everything that says who this is was forgotten. Their money and history stay.
    anonymised_at = models.DateTimeField(_("anonymised"), null=True, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "login"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        permissions: ClassVar[list[tuple[str, Any]]] = [("manage_staff", "Can hire, dismiss and give roles")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-created_at", "-id"], name="accounts_user_newest_first"),
            # Few among very many, each a list of Admin's.
            models.Index(fields=["-created_at", "-id"], name="accounts_user_staff", condition=Q(is_staff=True)),
            models.Index(fields=["-created_at", "-id"], name="accounts_user_kept_out", condition=Q(is_active=False)),
            # Support looks people up by the beginning of their @name, in any letter case.
            models.Index(OpClass(Upper("username"), "text_pattern_ops"), name="accounts_user_by_name_prefix"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(referred_by=F("id")),
                name="accounts_user_refers_not_to_self",
            ),
            models.CheckConstraint(
                condition=Q(is_staff=False) | Q(login__isnull=False),
                name="accounts_user_staff_has_a_login",
            ),
            models.CheckConstraint(
                condition=Q(telegram_id__isnull=True) | Q(telegram_id__gt=0),
                name="accounts_user_telegram_id_is_positive",
            ),
            models.CheckConstraint(
                condition=Q(anonymised_at__isnull=True)
                | Q(
                    telegram_id__isnull=True,
                    login__isnull=True,
                    username="",
                    first_name="",
                    last_name="",
                    is_active=False,
                ),
                name="accounts_user_anonymised_is_nobody",
            ),
        ]

    def __str__(self) -> str:
        name = f"{self.first_name} {self.last_name}".strip() or self.login or self.username
        return name or (f"Telegram {self.telegram_id}" if self.telegram_id else str(self.id))

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session of Admin must fit: it is over with the password, and with each lockout."""
        salt = "accounts.models.user.session"
        return salted_hmac(salt, f"{self.lockouts}:{self.password}", secret=secret, algorithm="sha256").hexdigest()

    @property
    def token_balance(self) -> int:
        """Tokens, read through the wallet at each call, as the two below: what it answers is never stale."""
        return balance_of(self.pk).token_balance

    @property
    def balance_version(self) -> int:
        return balance_of(self.pk).balance_version

    @property
    def subscription_end(self) -> datetime | None:
        return balance_of(self.pk).subscription_end
