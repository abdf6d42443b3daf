"""Trouble that an operator should hear of."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, editable


@audited()
@editable(why="its count grows with each repetition, and staff acknowledge and resolve it")
class AdminAlert(models.Model):
    """
    One cause of trouble. The same fingerprint within 15 minutes increments ``count`` instead of inserting.
    """

    class Severity(models.TextChoices):
        INFO = "info", _("information")
        WARNING = "warning", _("warning")
        CRITICAL = "critical", _("critical")

    class Status(models.TextChoices):
        OPEN = "open", pgettext_lazy("alert", "open")
        ACKNOWLEDGED = "acknowledged", _("acknowledged")
        RESOLVED = "resolved", _("resolved")

    # What makes two alerts the same trouble: ``billing.payment_mismatch:manual:abc``.
    fingerprint = models.TextField(_("fingerprint"), editable=False)
    severity = models.CharField(_("severity"), max_length=16, choices=Severity, default=Severity.WARNING)
    title = models.TextField(_("title"))
    body = models.TextField(_("text"), blank=True, default="")
    # Ids of what it is about: {"payment": "…", "invoice": "…"}.
    context = models.JSONField(_("context"), default=dict, blank=True)
    count = models.PositiveIntegerField(_("times"), default=1)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.OPEN)
    acknowledged_by = models.TextField(_("acknowledged by"), blank=True, default="")
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True, blank=True)
    first_seen_at = models.DateTimeField(_("first seen"), db_default=CoreNow())
    last_seen_at = models.DateTimeField(_("last seen"), db_default=CoreNow())
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering: ClassVar[list[str]] = ["-last_seen_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["fingerprint", "created_at"], name="audit_adminalert_by_print"),
            models.Index(fields=["-last_seen_at", "-id"], name="audit_adminalert_by_last_seen"),
            # Every page of Admin counts them.
            models.Index(fields=["-last_seen_at", "-id"], name="audit_adminalert_open", condition=Q(status="open")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(status__in=["open", "acknowledged", "resolved"]),
                name="audit_adminalert_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(status="open") | Q(acknowledged_at__isnull=False),
                name="audit_adminalert_acknowledged_has_a_moment",
            ),
            models.CheckConstraint(condition=Q(count__gte=1), name="audit_adminalert_count_is_positive"),
        ]

    def __str__(self) -> str:
        return gettext(self.title)
