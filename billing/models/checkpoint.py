"""Derived data that bounds how far back a ledger must be read. It can be thrown away and made again."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import editable


@editable(why="derived from the ledger; rebuilt at will")
class LotCheckpoint(models.Model):
    """What was left of each lot of a wallet after one of its ledger rows; the latest is kept."""

    wallet = models.ForeignKey(
        "billing.Wallet",
        on_delete=models.PROTECT,
        related_name="lot_checkpoints",
        db_index=False,
    )
    sequence = models.BigIntegerField()
    # [[id, type, tokens, remaining, expires_at or null, sequence], …], lots with something left only.
    lots = models.JSONField()
    created_at = models.DateTimeField(db_default=CoreNow())

    class Meta:
        verbose_name = _("lot checkpoint")
        verbose_name_plural = _("lot checkpoints")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["wallet"],
                name="billing_lotcheckpoint_is_one_per_wallet",
            ),
        ]

    def __str__(self) -> str:
        return f"lots of {self.wallet_id} at {self.sequence}"


@editable(why="derived from the ledger; rebuilt at will")
class ReconciliationCheckpoint(models.Model):
    """How far a wallet's ledger has been verified, and the balance there."""

    wallet = models.OneToOneField(
        "billing.Wallet",
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="reconciliation_checkpoint",
    )
    sequence = models.BigIntegerField()
    balance = models.BigIntegerField()
    verified_at = models.DateTimeField(db_default=CoreNow())

    class Meta:
        verbose_name = _("reconciliation checkpoint")
        verbose_name_plural = _("reconciliation checkpoints")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(balance__gte=0),
                name="billing_reconciliationcheckpoint_balance_is_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wallet_id} verified to {self.sequence}"


@editable(why="how far a job has looked; made anew from the wallets at will")
class LowBalanceCheckpoint(models.Model):
    """How far a wallet's ledger was looked at for a balance that fell below the limit, and the balance there."""

    wallet = models.OneToOneField(
        "billing.Wallet",
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="low_balance_checkpoint",
    )
    sequence = models.BigIntegerField()
    balance = models.BigIntegerField()

    class Meta:
        verbose_name = _("low balance checkpoint")
        verbose_name_plural = _("low balance checkpoints")

    def __str__(self) -> str:
        return f"{self.wallet_id} looked at to {self.sequence}"
