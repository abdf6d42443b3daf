"""Sessions: who is logged in, on which device, and the refresh tokens with which they stay so."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, editable
from core.ids import uuid7

# However often it is refreshed, a session ends after this time.
LIFETIME: Final = timedelta(days=90)
# A refresh token that nobody shows for so long is worth nothing any more.
REFRESH_LIFETIME: Final = timedelta(days=30)


# Where somebody is and what they use stays out of a history that cannot be edited.
@audited(masked=("user_agent", "ip"))
@editable(why="it is seen in use, revoked, and deleted when it has long been over; triggers keep the rest as it was")
class Session(models.Model):
    """One login on one device: a family of refresh tokens, each the successor of another."""

    class Way(models.TextChoices):
        PASSWORD = "password", _("login and password")
        TELEGRAM = "telegram", _("Telegram Mini App")
        LOGIN_TOKEN = "login_token", _("confirmed in the bot")

    class Ending(models.TextChoices):
        LOGOUT = "logout", _("logged out")
        LOGOUT_ALL = "logout_all", _("logged out everywhere")
        CLOSED = "closed", _("closed from another device")
        REUSE = "reuse", _("a used refresh token was shown again")
        CROWDED_OUT = "crowded_out", _("newer sessions took its place")
        LOCKED_OUT = "locked_out", _("the password was changed, or the person was kept out")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        "accounts.User", verbose_name=_("user"), on_delete=models.PROTECT, related_name="sessions", editable=False
    )
    way = models.CharField(_("way in"), max_length=16, choices=Way, editable=False)
    user_agent = models.CharField(_("browser"), max_length=300, blank=True, default="", editable=False)
    # Of the last use.
    ip = models.CharField(_("address"), max_length=45, blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow(), editable=False)
    expires_at = models.DateTimeField(_("expires"), editable=False)
    # When it was opened or last refreshed: reading does not become writing.
    last_used_at = models.DateTimeField(_("last used"), db_default=CoreNow(), editable=False)
    # When a second factor was last shown in it. Without one, staff are customers here.
    verified_at = models.DateTimeField(_("second factor shown"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    revoked_for = models.CharField(_("why"), max_length=16, choices=Ending, blank=True, default="", editable=False)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-created_at", "-id"], name="accounts_session_of_user"),
            models.Index(fields=["expires_at"], name="accounts_session_by_end"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(expires_at__lte=F("created_at") + LIFETIME), name="accounts_session_lives_90_days_at_most"
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_for="")
                | (Q(revoked_at__isnull=False) & ~Q(revoked_for="")),
                name="accounts_session_is_revoked_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


@editable(why="it is used once and deleted when it has expired; triggers refuse any other edit")
class RefreshToken(models.Model):
    """
    One refresh token, of which only the SHA-256 is stored. Used ones are kept until they expire, so that their being
    shown again is noticed.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="refresh_tokens", editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(db_default=CoreNow(), editable=False)
    expires_at = models.DateTimeField(editable=False)
    used_at = models.DateTimeField(null=True, editable=False)
    # The digest of the client's address and browser: whether it is the same one that comes again.
    used_by = models.BinaryField(max_length=32, null=True, editable=False)
    successor = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="predecessor", editable=False
    )

    class Meta:
        verbose_name = _("refresh token")
        verbose_name_plural = _("refresh tokens")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["expires_at"], name="accounts_refreshtoken_by_end"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["session"],
                condition=Q(used_at__isnull=True),
                name="accounts_refreshtoken_is_current_once_per_session",
            ),
            models.CheckConstraint(
                condition=Q(used_at__isnull=True, used_by__isnull=True, successor__isnull=True)
                | Q(used_at__isnull=False, used_by__isnull=False, successor__isnull=False),
                name="accounts_refreshtoken_has_a_successor_when_used",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__lte=F("created_at") + REFRESH_LIFETIME),
                name="accounts_refreshtoken_lives_30_days_at_most",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
