"""A customer on the way to a provider's till."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.payment import Payment
from core.clock import CoreNow
from core.database import frozen
from core.ids import uuid7


@frozen(
    mutable=("provider_payment_id", "url", "invoice_link", "payload", "answered_at", "polled_at", "closed_at"),
)
class Checkout(models.Model):
    """
    One attempt to have an invoice paid with a provider, kept before that is asked: the key makes a second asking the
    first one. An attempt of which nothing can come any more is closed, and the next has a key of its own.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    invoice = models.ForeignKey(
        "billing.Invoice", verbose_name=_("invoice"), on_delete=models.PROTECT, related_name="checkouts", db_index=False
    )
    provider = models.CharField(_("provider"), max_length=32, choices=Payment.Provider)
    # Sent to the provider with the order, and with every repetition of it.
    key = models.UUIDField(_("idempotency key"), default=uuid7, editable=False)
    # Charged to what the customer agreed to; they are sent nowhere.
    by_agreement = models.BooleanField(_("by agreement"), default=False, db_default=False)
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    return_url = models.CharField(_("return address"), max_length=2048, blank=True, default="")
    provider_payment_id = models.CharField(_("provider's id"), max_length=255, blank=True, default="")
    url = models.CharField(_("address"), max_length=2048, blank=True, default="")
    invoice_link = models.CharField(_("invoice in Telegram"), max_length=2048, blank=True, default="")
    payload = models.JSONField(_("for the client"), default=dict)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())
    answered_at = models.DateTimeField(_("answered"), null=True)
    polled_at = models.DateTimeField(_("asked after"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        verbose_name = _("checkout")
        verbose_name_plural = _("checkouts")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["invoice"], name="billing_checkout_invoice"),
            models.Index(
                fields=["provider", "answered_at"],
                name="billing_checkout_to_poll",
                condition=Q(closed_at__isnull=True) & ~Q(provider_payment_id=""),
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["invoice", "provider"],
                name="billing_checkout_is_open_once_per_invoice_and_provider",
                condition=Q(closed_at__isnull=True),
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="billing_checkout_amount_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.get_provider_display()} {self.key}"
