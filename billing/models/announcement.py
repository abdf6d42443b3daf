"""What other systems are told of."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.rules.announcements import TYPES
from core.clock import CoreNow
from core.database import append_only
from core.ids import uuid7


@append_only
class Announcement(models.Model):
    """
    Something that has happened, in ids and plain facts, written in the transaction in which it happened. Its id is the
    message's: whoever gets it twice knows it again.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(_("type"), max_length=64, choices=TYPES.items())
    wallet = models.ForeignKey(
        "billing.Wallet",
        verbose_name=_("wallet"),
        on_delete=models.PROTECT,
        null=True,
        related_name="announcements",
        db_index=False,
    )
    payload = models.JSONField(_("facts"), default=dict)
    # What is announced once only, whoever notices it how often: a lot's id, where its tokens expire.
    once = models.CharField(max_length=255, null=True, editable=False)  # noqa: DJ001  null is not unique, as is meant
    created_at = models.DateTimeField(_("when"), db_default=CoreNow())

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["wallet", "-id"], name="billing_announcement_wallet"),
            models.Index(fields=["type", "-id"], name="billing_announcement_type"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["type", "once"],
                condition=Q(once__isnull=False),
                name="billing_announcement_is_made_once",
            ),
            models.CheckConstraint(condition=~Q(type=""), name="billing_announcement_has_a_type"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
