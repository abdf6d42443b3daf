"""What happened and who did it."""

from typing import ClassVar

from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.database import append_only


@append_only
class AuditLog(models.Model):
    """
    One change or one deed. Append-only by trigger, and without a single foreign key, so that nothing can
    cascade into history.

    Rows come from two sources: triggers on audited tables write what changed, and operations write deeds
    (``billing.refund.issued``) with their reason.
    """

    # The person behind the act, where there is one: a customer's or a staff member's UUID.
    user_id = models.UUIDField(_("user"), null=True, editable=False)
    # {"kind": "user", "id": "…", "label": "…"}: kind is user, api_key, job, shell or system.
    actor = models.JSONField(_("actor"), editable=False)
    # billing.tariff.updated for rows (created, updated, deleted); a deed's own name otherwise.
    action = models.TextField(_("action"), editable=False)
    entity_type = models.TextField(_("entity"), editable=False)
    entity_id = models.TextField(_("entity's id"), editable=False)
    old_value = models.JSONField(_("old value"), null=True, editable=False)
    new_value = models.JSONField(_("new value"), null=True, editable=False)
    # {"request_id", "ip", "reason", "door", and a deed's own facts}
    metadata = models.JSONField(_("circumstances"), default=dict, editable=False)
    created_at = models.DateTimeField(_("when"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("audit record")
        verbose_name_plural = _("audit log")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["entity_type", "entity_id", "-id"],
                name="audit_auditlog_by_entity",
            ),
            models.Index(fields=["user_id", "-id"], name="audit_auditlog_by_user"),
            models.Index(fields=["action", "-id"], name="audit_auditlog_by_action"),
            models.Index(fields=["-created_at", "-id"], name="audit_auditlog_by_moment"),
            models.Index(KT("metadata__request_id"), "id", name="audit_auditlog_by_request"),
            # One by one: a key's id needs no kind beside it, and the shell's deeds have many ids.
            models.Index(KT("actor__kind"), "id", name="audit_auditlog_by_kind"),
            models.Index(KT("actor__id"), "id", name="audit_auditlog_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.entity_type} {self.entity_id}"
