"""Money that arrived."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, frozen
from core.ids import uuid7
from core.money import Money


@audited()
@frozen(
    mutable=(
        "status",
        "outcome",
        "amount",
        "currency",
        "arrived_at",
        "refunded_amount",
        "taken_tokens",
        "debt_tokens",
    )
)
class Payment(models.Model):
    """
    Money that a provider, or a member of staff, says has arrived or is to arrive. It is always kept: money is never
    dropped. The status is the fold of its :class:`PaymentEvent` rows; the amount may change until the money is there,
    what it did to its invoice is said once.
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

        AWAITED = "awaited", _("no money yet")
        CREDITED = "credited", _("credited")
        SURPLUS = "surplus", _("surplus: the invoice needed no payment")
        MISMATCH = "mismatch", _("mismatch: another amount or currency")

    class Provider(models.TextChoices):
        TELEGRAM_STARS = "telegram_stars", _("Telegram Stars")
        TELEGRAM = "telegram", _("Telegram Payments")
        YOOKASSA = "yookassa", _("YooKassa")
        STRIPE = "stripe", _("Stripe")
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
    arrived_at = models.DateTimeField(_("arrived"), null=True)
    # Sent back or on its way back, minor units.
    refunded_amount = models.BigIntegerField(_("refunded"), db_default=0, default=0)
    # Of what it bought: taken back for refunds and disputes, less what was given back after them.
    taken_tokens = models.BigIntegerField(_("tokens taken back"), db_default=0, default=0)
    # Of what it bought: spent before it was refunded, and booked as the wallet's debt.
    debt_tokens = models.BigIntegerField(_("tokens that became a debt"), db_default=0, default=0)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["idempotency_key"], name="billing_payment_by_key"),
            models.Index(fields=["created_at"], name="billing_payment_by_moment"),
            models.Index(fields=["arrived_at"], name="billing_payment_by_arrival"),
            models.Index(fields=["provider_payment_id"], name="billing_payment_by_provider_id"),
            models.Index(
                fields=["outcome", "-id"],
                name="billing_payment_kept_aside",
                condition=~Q(outcome="credited"),
            ),
            models.Index(fields=["status", "-id"], name="billing_payment_unsettled", condition=~Q(status="succeeded")),
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
            models.CheckConstraint(
                condition=Q(refunded_amount__gte=0, refunded_amount__lte=F("amount")),
                name="billing_payment_refunds_stay_within_it",
            ),
            models.CheckConstraint(
                condition=Q(taken_tokens__gte=0, debt_tokens__gte=0),
                name="billing_payment_tokens_taken_are_not_negative",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="awaited") | Q(arrived_at__isnull=True),
                name="billing_payment_outcome_waits_for_the_money",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_provider_display()} {self.provider_payment_id}"

    @property
    def amount_money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def refunded_money(self) -> Money:
        return Money(self.refunded_amount, self.currency)
