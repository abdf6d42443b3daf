"""Files that were made of lists."""

from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import editable
from core.ids import uuid7


@editable(why="its progress moves it; what was exported by whom is remembered by the audit log")
class Export(models.Model):
    """A list of Admin as a file, which is kept for a while. queued → running → done → expired, or failed."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("being written")
        DONE = "done", _("ready")
        FAILED = "failed", _("failed")
        EXPIRED = "expired", _("deleted")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # As registered: ``ledger``.
    name = models.CharField(_("what"), max_length=50, editable=False)
    file_format = models.CharField(_("format"), max_length=4, choices=Format, editable=False)
    # The filters, as the list's address had them.
    query = models.TextField(_("filters"), blank=True, default="", editable=False)
    language = models.CharField(_("language"), max_length=10, editable=False)
    state = models.CharField(_("state"), max_length=7, choices=State, default=State.QUEUED, editable=False)
    # Who asked: people live a floor above.
    requested_by = models.UUIDField(_("asked for by"), editable=False)
    requested_by_label = models.CharField(_("asked for by"), max_length=200, editable=False)
    # Unknown until it is counted.
    rows_total = models.BigIntegerField(_("rows in all"), null=True, editable=False)
    rows_written = models.BigIntegerField(_("rows written"), default=0, editable=False)
    bytes_written = models.BigIntegerField(_("size, bytes"), null=True, editable=False)
    created_at = models.DateTimeField(_("asked for"), db_default=CoreNow(), editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    expires_at = models.DateTimeField(_("kept until"), null=True, editable=False)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering: ClassVar[list[str]] = ["-id"]
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("export_audit", "Can export the audit log"),
            ("export_invoices", "Can export invoices"),
            ("export_kpis", "Can export the key figures"),
            ("export_ledger", "Can export the ledger"),
            ("export_users", "Can export people"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["expires_at"], name="core_export_file_is_old", condition=Q(state="done")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done", "failed", "expired"]),
                name="core_export_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(finished_at__isnull=False, expires_at__isnull=False),
                name="core_export_done_is_kept_until_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def path(self) -> Path:
        """Where its file is, once there is one."""
        return Path(settings.EXPORTS_FOLDER, f"{self.id}.{self.file_format}")
