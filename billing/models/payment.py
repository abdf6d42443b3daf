"""Money that arrived."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, frozen
from core.ids import uuid7
from core.money import Money


@audited()
@frozen(mutable=("status",))
class Payment(models.Model):
    """
    Money that a provider, or a member of staff, says has arrived. It is always kept: money is never dropped.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        SUCCEEDED = "succeeded", _("succeeded")
        CANCELLED = "cancelled", _("cancelled")
        REFUNDED = "refunded", _("refunded")
        PARTIALLY_REFUNDED = "partially_refunded", _("refunded in part")
        DISPUTED = "disputed", _("disputed")
        CHARGED_BACK = "charged_back", _("charged back")

    class Outcome(models.TextChoices):
        """What the payment did to its invoice."""

        CREDITED = "credited", _("credited")
        SURPLUS = "surplus", _("surplus: the invoice needed no payment")
        MISMATCH = "mismatch", _("mismatch: another amount or currency")

    class Provider(models.TextChoices):
        MANUAL = "manual", _("by hand")
        PROMO = "promo", _("promo code")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(_("provider"), max_length=32, choices=Provider)
    provider_payment_id = models.CharField(_("provider's id"), max_length=255)
    invoice = models.ForeignKey(
        "billing.Invoice",
        verbose_name=_("invoice"),
        on_delete=models.PROTECT,
        related_name="payments",
    )
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("status"), max_length=20, choices=Status)
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["idempotency_key"], name="billing_payment_by_key"),
            models.Index(fields=["created_at"], name="billing_payment_by_moment"),
            models.Index(fields=["provider_payment_id"], name="billing_payment_by_provider_id"),
            models.Index(
                fields=["outcome", "-id"],
                name="billing_payment_kept_aside",
                condition=~Q(outcome="credited"),
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["provider", "provider_payment_id"],
                name="billing_payment_is_one_per_provider_id",
            ),
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(outcome="credited"),
                name="billing_payment_credits_an_invoice_once",
            ),
            models.UniqueConstraint(
                fields=["invoice", "idempotency_key"], name="billing_payment_key_is_unique_per_invoice"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0) | Q(amount=0, provider="promo"),
                name="billing_payment_amount_is_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.provider_payment_id}"

    @property
    def amount_money(self) -> Money:
        return Money(self.amount, self.currency)
