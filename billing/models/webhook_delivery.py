"""Announcements on their way."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import frozen
from core.ids import uuid7


@frozen(
    mutable=(
        "state",
        "attempts",
        "next_attempt_at",
        "gives_up_at",
        "lease",
        "last_status",
        "last_error",
        "delivered_at",
    )
)
class WebhookDelivery(models.Model):
    """
    One announcement for one endpoint. An attempt is committed before the call, with a lease of its own, and how it
    ended after it; while the lease lasts nobody else begins.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("on its way")
        DELIVERED = "delivered", _("delivered")
        DEAD = "dead", _("given up")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    announcement = models.ForeignKey(
        "billing.Announcement",
        verbose_name=_("announcement"),
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_index=False,
    )
    endpoint = models.ForeignKey(
        "billing.WebhookEndpoint",
        verbose_name=_("endpoint"),
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_index=False,
    )
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.PENDING)
    attempts = models.IntegerField(_("attempts"), default=0)
    # Not before then: the next attempt, or the end of the lease of the one that is being made.
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, db_default=CoreNow())
    # An attempt that fails after this moment is the last one.
    gives_up_at = models.DateTimeField(_("tried until"))
    # The attempt that is being made.
    lease = models.UUIDField(null=True)
    last_status = models.SmallIntegerField(_("last answer"), null=True)
    last_error = models.CharField(_("last error"), max_length=300, blank=True, default="")
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["next_attempt_at"],
                name="billing_webhookdelivery_due",
                condition=Q(state="pending"),
            ),
            models.Index(fields=["endpoint", "-id"], name="billing_webhookdelivery_by_end"),
            models.Index(fields=["state", "-id"], name="billing_webhookdelivery_state"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["announcement", "endpoint"],
                name="billing_webhookdelivery_is_one_per_endpoint",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", next_attempt_at__isnull=False, delivered_at__isnull=True)
                | Q(
                    state="delivered",
                    next_attempt_at__isnull=True,
                    delivered_at__isnull=False,
                    lease__isnull=True,
                )
                | Q(state="dead", next_attempt_at__isnull=True, delivered_at__isnull=True, lease__isnull=True),
                name="billing_webhookdelivery_state_fits_its_moments",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
