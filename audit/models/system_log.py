"""What the machinery complained of."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import editable, lend


@editable(why="warnings of the machinery, no record of deeds: whole months are dropped after 90 days")
class SystemLog(models.Model):
    """
    A warning or an error that some process logged. Partitioned by month of ``created_at``, in UTC: the table's primary
    key is therefore ``(id, created_at)``, and ids come from one sequence.

    Rows are written by :mod:`audit.system_log`, partitions are made and dropped by the SQL function
    ``audit_keep_systemlog``.
    """

    class Level(models.TextChoices):
        WARNING = "warning", _("warning")
        ERROR = "error", _("error")
        CRITICAL = "critical", _("critical")

    level = models.CharField(_("level"), max_length=16, choices=Level, editable=False)
    # The logger's name: core.jobs.runner.
    source = models.TextField(_("source"), editable=False)
    message = models.TextField(_("message"), editable=False)
    # Equal for what was logged by the same line of code for the same kind of exception.
    fingerprint = models.CharField(_("fingerprint"), max_length=32, editable=False)
    # {"request_id", "actor", "exception", and the event's own values}; secrets are masked.
    context = models.JSONField(_("context"), default=dict, editable=False)
    created_at = models.DateTimeField(_("when"), db_default=CoreNow(), editable=False)

    class Meta:
        verbose_name = _("system log record")
        verbose_name_plural = _("system log")
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["fingerprint", "created_at"], name="audit_systemlog_by_print"),
            models.Index(fields=["-created_at", "-id"], name="audit_systemlog_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.message[:80]}"


lend("audit_keep_systemlog()", why="makes and drops the partitions of the system log: its owner's deed, told by a job")
