"""What leaves the house: alerts for operators, and heads of the chains of seals."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import editable


@editable(why="its state follows its attempts, and it is deleted after 90 days")
class Delivery(models.Model):
    """
    One message on one way. The row is committed before the call, and tells afterwards how the call ended.
    """

    class Kind(models.TextChoices):
        ALERT = "alert", _("alert")
        HEAD = "head", _("head of a chain")

    class Channel(models.TextChoices):
        TELEGRAM = "telegram", _("Telegram")
        EMAIL = "email", _("e-mail")
        FILE = "file", _("file")

    class State(models.TextChoices):
        PENDING = "pending", _("on its way")
        SENT = "sent", _("delivered")
        FAILED = "failed", _("given up")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    channel = models.CharField(_("way"), max_length=16, choices=Channel)
    # The alert's; there is at most one delivery a minute for each on each way.
    fingerprint = models.TextField(_("fingerprint"), blank=True, default="")
    alert_id = models.BigIntegerField(_("alert"), null=True)
    # How often the trouble had been met when this was told.
    alert_count = models.PositiveIntegerField(_("times"), default=0)
    subject = models.TextField(_("subject"))
    body = models.TextField(_("text"), blank=True, default="")
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.PENDING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    error = models.TextField(_("last error"), blank=True, default="")
    # The other side asked to be left alone until then.
    not_before = models.DateTimeField(null=True)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["fingerprint", "created_at"], name="audit_delivery_by_print"),
            models.Index(fields=["alert_id", "-id"], name="audit_delivery_by_alert"),
            models.Index(fields=["created_at"], name="audit_delivery_by_moment"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "sent", "failed"]), name="audit_delivery_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="pending", finished_at__isnull=True)
                | (~Q(state="pending") & Q(finished_at__isnull=False)),
                name="audit_delivery_finished_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.subject}"
