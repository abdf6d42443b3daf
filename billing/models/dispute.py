"""Payments that their payers contest with their bank."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, frozen
from core.ids import uuid7


@audited()
@frozen(mutable=("state", "closed_at"))
class Dispute(models.Model):
    """
    A chargeback. While it is open, what is left of the purchase is taken out of the wallet; lost, it stays out and what
    was spent becomes a debt; won, it comes back. A verdict may change: banks reopen.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        WON = "won", _("won")
        LOST = "lost", _("lost")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(
        "billing.Payment", verbose_name=_("payment"), on_delete=models.PROTECT, related_name="disputes", db_index=False
    )
    provider_dispute_id = models.CharField(_("provider's id of the dispute"), max_length=255)
    state = models.CharField(_("state"), max_length=8, choices=State)
    created_at = models.DateTimeField(_("opened"), db_default=CoreNow())
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "-id"], name="billing_dispute_by_state"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["payment", "provider_dispute_id"], name="billing_dispute_is_one_per_provider_id"
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True)
                | Q(state__in=["won", "lost"], closed_at__isnull=False),
                name="billing_dispute_state_fits_its_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.provider_dispute_id}"
