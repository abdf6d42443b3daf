"""Logins that wait for the bot: a browser shows a link, the bot asks its owner."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import editable
from core.ids import uuid7

LIFETIME: Final = timedelta(minutes=5)


@editable(why="it is confirmed, used once and deleted when it has expired; triggers refuse to do either twice")
class LoginToken(models.Model):
    """A browser's wish to log in, of whose token and nonce only the SHA-256 are stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    # Of what the browser alone knows, in a cookie that no script reads.
    nonce_digest = models.BinaryField(max_length=32, editable=False)
    # What the bot shows before it asks.
    user_agent = models.CharField(max_length=300, blank=True, default="", editable=False)
    ip = models.CharField(max_length=45, blank=True, default="", editable=False)
    created_at = models.DateTimeField(db_default=CoreNow(), editable=False)
    expires_at = models.DateTimeField(editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("login token")
        verbose_name_plural = _("login tokens")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["expires_at"], name="accounts_logintoken_by_end"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(expires_at__lte=F("created_at") + LIFETIME),
                name="accounts_logintoken_lives_5_minutes_at_most",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True, user__isnull=True)
                | Q(confirmed_at__isnull=False, user__isnull=False),
                name="accounts_logintoken_is_confirmed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(used_at__isnull=True) | Q(confirmed_at__isnull=False),
                name="accounts_logintoken_is_confirmed_before_use",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
