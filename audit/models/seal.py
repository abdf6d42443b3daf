"""Seals: what makes a later change of history visible."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import append_only, editable

NO_HASH = "0" * 64


@append_only
class Seal(models.Model):
    """
    A batch of rows of one table, sealed: SHA-256 over the seal before it and the rows' canonical bytes. Whoever edits,
    deletes or inserts a row later would have to make every seal after it anew, and the heads that lie elsewhere, too.
    """

    # The table: audit.auditlog.
    chain = models.TextField(_("chain"), editable=False)
    # 1, 2, 3 … within its chain, without gaps.
    number = models.BigIntegerField(_("number"), editable=False)
    # The rows whose numbers are greater than the one and not greater than the other.
    after = models.BigIntegerField(_("after"), editable=False)
    until = models.BigIntegerField(_("until"), editable=False)
    row_count = models.IntegerField(_("rows"), editable=False)
    # What was sealed of each row; columns that are added later are not part of it.
    columns = models.JSONField(_("columns"), editable=False)
    # For each row its number and the first 8 bytes of its digest: they name the row that does not fit.
    fingerprints = models.BinaryField(_("fingerprints"), editable=False)
    previous = models.CharField(_("hash of the seal before"), max_length=64, editable=False)
    hash = models.CharField(_("hash"), max_length=64, editable=False)
    sealed_at = models.DateTimeField(_("sealed"), db_default=CoreNow(), editable=False)

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["chain", "number"], name="audit_seal_number_is_unique_per_chain"),
            models.CheckConstraint(condition=Q(until__gt=F("after")), name="audit_seal_ends_after_it_begins"),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.number}"


@editable(why="where the sealer and the verifier are; thrown away, both begin anew")
class SealChain(models.Model):
    """How far one table is settled and verified. The seals themselves do not depend on it."""

    chain = models.TextField(_("chain"), primary_key=True)
    # A number, when it was the last one drawn, and the transactions that were writing then: once they have ended, no
    # row with a smaller number can appear any more.
    noted_number = models.BigIntegerField(default=0)
    noted_at = models.DateTimeField(db_default=CoreNow())
    waiting_for = models.JSONField(default=list)
    # The last seal that this round of verification found right, and when the last whole round ended.
    checked_number = models.BigIntegerField(default=0)
    verified_at = models.DateTimeField(_("verified"), null=True)
    # What the last round found; empty when everything fitted.
    misfit = models.TextField(_("what does not fit"), default="")

    class Meta:
        verbose_name = _("chain of seals")
        verbose_name_plural = _("chains of seals")

    def __str__(self) -> str:
        return self.chain
