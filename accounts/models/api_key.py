"""Keys with which servers call the API."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.database import audited, editable
from core.ids import uuid7


@audited(masked=("secret_hash",))
@editable(why="it is revoked, rotated and seen in use; the audit log remembers")
class ApiKey(models.Model):
    """A server's credentials. Only the SHA-256 of its secret is stored; the secret is shown once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=100)
    # The part of the key by which it is found; not secret.
    prefix = models.CharField(_("prefix"), max_length=16, unique=True, editable=False)
    secret_hash = models.BinaryField(max_length=32, editable=False)
    owner = models.ForeignKey(
        "accounts.User",
        verbose_name=_("owner"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="api_keys",
    )
    scopes = ArrayField(models.CharField(max_length=64), verbose_name=_("scopes"), default=list)
    # Networks (CIDR) from which the key works; empty means anywhere.
    allowed_networks = ArrayField(
        models.CharField(max_length=64),
        verbose_name=_("allowed networks"),
        default=list,
        blank=True,
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    # Written at most once a minute, so that reading does not become writing.
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(name=""), name="accounts_apikey_has_a_name"),
            models.CheckConstraint(condition=~Q(scopes=[]), name="accounts_apikey_has_a_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
