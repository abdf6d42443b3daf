"""Settings that an operator changes while the house runs."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, editable


@audited(masked=("secret_value",))
@editable(why="operators change it; the audit log remembers each old and new value")
class Setting(models.Model):
    """
    A value that overrides the default of a key registered in :mod:`core.runtime_settings`.

    A secret lives in a column of its own, so that the audit trigger can mask it and show the others. The
    trigger itself belongs to audit's migrations: core knows nothing of audit.
    """

    key = models.CharField(_("key"), max_length=100, primary_key=True, editable=False)
    value = models.JSONField(_("value"), null=True, blank=True)
    secret_value = models.JSONField(_("secret value"), null=True, blank=True)
    updated_at = models.DateTimeField(_("changed"), db_default=CoreNow(), editable=False)
    # How people call the one who changed it.
    updated_by = models.CharField(_("changed by"), max_length=200, editable=False)

    class Meta:
        verbose_name = _("setting")
        verbose_name_plural = _("settings")
        ordering: ClassVar[list[str]] = ["key"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(key__regex=r"^[a-z_]+(\.[a-z0-9_]+)+$"), name="core_setting_key_names_its_app"
            ),
            models.CheckConstraint(
                condition=Q(value__isnull=False, secret_value__isnull=True)
                | Q(value__isnull=True, secret_value__isnull=False),
                name="core_setting_has_one_value",
            ),
        ]

    def __str__(self) -> str:
        return self.key
