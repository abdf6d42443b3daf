"""Who has tried what."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import append_only
from core.ids import uuid7


@append_only
class Trial(models.Model):
    """
    A trial that was begun: one per owner and family, for ever. The owner's hash outlives their erasure: it tells
    whether somebody is the same, and not who they were.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey(
        "billing.Wallet",
        verbose_name=_("wallet"),
        on_delete=models.PROTECT,
        related_name="trials",
        db_index=False,
    )
    subscription = models.OneToOneField(
        "billing.Subscription",
        verbose_name=_("subscription"),
        on_delete=models.PROTECT,
        related_name="trial",
    )
    tariff = models.ForeignKey(
        "billing.Tariff",
        verbose_name=_("tariff"),
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    family = models.CharField(_("family"), max_length=64)
    # HMAC-SHA256 of the Telegram id, or of the company's, by a key that is not in the database.
    owner_hash = models.BinaryField(max_length=32, editable=False)
    tokens = models.BigIntegerField(_("tokens"), default=0)
    ends_at = models.DateTimeField(_("trial until"))
    created_at = models.DateTimeField(_("began"), db_default=CoreNow())

    class Meta:
        verbose_name = _("trial")
        verbose_name_plural = _("trials")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["owner_hash", "family"],
                name="billing_trial_is_one_per_owner_and_family",
            ),
            models.UniqueConstraint(
                fields=["wallet", "family"],
                name="billing_trial_is_one_per_wallet_and_family",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.family} {self.pk}"
