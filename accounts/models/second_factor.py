"""What staff show besides their password: codes by time from a phone, and backup codes for when it is lost."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, editable
from core.ids import uuid7


@audited(masked=("secret",))
@editable(why="a new phone replaces its secret, and it is taken away as a whole; triggers keep used codes used")
class SecondFactor(models.Model):
    """A person's phone, as far as it is known here: the secret that both compute codes from (RFC 6238)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(
        "accounts.User",
        verbose_name=_("user"),
        on_delete=models.PROTECT,
        related_name="second_factor",
        editable=False,
    )
    # Sealed by a key that follows from SECRET_KEY: the database alone computes no code.
    secret = models.BinaryField(max_length=500, editable=False)
    # The newest time step whose code was used. Neither it nor an older one is accepted again.
    last_step = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow(), editable=False)
    # When the present phone was enrolled: what was shown before proves nothing.
    confirmed_at = models.DateTimeField(_("enrolled"), db_default=CoreNow(), editable=False)

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(secret=b""), name="accounts_secondfactor_has_a_secret"),
        ]

    def __str__(self) -> str:
        return str(self.id)


@audited(masked=("digest",))
@editable(why="it is used once, and deleted when others replace it; triggers refuse any other edit")
class BackupCode(models.Model):
    """One code for a lost phone, of which only the SHA-256 is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    factor = models.ForeignKey(SecondFactor, on_delete=models.PROTECT, related_name="backup_codes", editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(db_default=CoreNow(), editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("backup code")
        verbose_name_plural = _("backup codes")

    def __str__(self) -> str:
        return str(self.id)
