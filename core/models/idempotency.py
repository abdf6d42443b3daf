"""First answers, kept so that a repeated request gets them again."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import editable


@editable(why="its answer is filled in by the transaction that reserved it, and it is deleted after thirty days")
class IdempotencyRecord(models.Model):
    """
    A request that was answered, by its caller and key.

    The row is inserted in the transaction of the request's effect. Until that commits, a twin waits on the unique
    index; if it rolls back, nothing was remembered. What outlives thirty days (charges) has its key in the ledger.
    """

    # Who asked: ``api_key:<id>``. Two callers may use the same key.
    caller = models.CharField(_("caller"), max_length=200, editable=False)
    key = models.CharField(_("key"), max_length=255, editable=False)
    # SHA-256 of method, route and canonical body, in hexadecimal.
    request_hash = models.CharField(max_length=64, editable=False)
    route = models.CharField(_("route"), max_length=400, editable=False)
    # Null only inside the transaction that reserved the key.
    status = models.SmallIntegerField(_("status"), null=True, editable=False)
    # The answer's exact text.
    body = models.TextField(_("answer"), blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow(), editable=False)

    class Meta:
        verbose_name = _("idempotency record")
        verbose_name_plural = _("idempotency records")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["caller", "key"], name="core_idempotencyrecord_is_one_per_caller_and_key"),
            models.CheckConstraint(
                condition=Q(status__isnull=True) | Q(status__gte=200, status__lt=600),
                name="core_idempotencyrecord_status_is_of_http",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The purge deletes the oldest.
            models.Index(fields=["created_at"], name="core_idempotencyrecord_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"
