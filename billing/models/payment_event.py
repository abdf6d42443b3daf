"""What was said about payments."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.payment import Payment
from core.clock import CoreNow
from core.database import append_only
from core.ids import uuid7
from core.money import Money

_INWARD = ["notice", "created", "succeeded", "cancelled"]
_OUTWARD = ["refunded", "refund_failed", "dispute_opened", "dispute_won", "dispute_lost"]


@append_only
class PaymentEvent(models.Model):
    """
    One thing that a provider, a server or a member of staff has said, as it came. Append-only by trigger. A payment's
    status is the fold of its events (``billing.rules.payment_events``); they are joined by provider and the provider's
    id, since an event may come before its payment is known.
    """

    class Kind(models.TextChoices):
        NOTICE = "notice", _("notice")
        CREATED = "created", _("begun")
        SUCCEEDED = "succeeded", _("money arrived")
        CANCELLED = "cancelled", _("cancelled")
        REFUNDED = "refunded", _("refunded")
        REFUND_FAILED = "refund_failed", _("refund failed")
        DISPUTE_OPENED = "dispute_opened", _("dispute opened")
        DISPUTE_WON = "dispute_won", _("dispute won")
        DISPUTE_LOST = "dispute_lost", _("dispute lost")

    class Direction(models.TextChoices):
        IN = "in", _("in")
        OUT = "out", _("out")

    class Source(models.TextChoices):
        """Which way it came."""

        CHECKOUT = "checkout", _("the provider's answer")
        WEBHOOK = "webhook", _("the provider's message")
        POLL = "poll", _("asked of the provider")
        BOOKS = "books", _("the provider's books")
        CALLER = "caller", _("a server or a person")
        # Payments from before events were kept.
        CARRIED_OVER = "carried_over", _("carried over")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(_("provider"), max_length=32, choices=Payment.Provider)
    provider_event_id = models.CharField(_("event's id"), max_length=255)
    direction = models.CharField(_("direction"), max_length=3, choices=Direction)
    kind = models.CharField(_("what it says"), max_length=16, choices=Kind)
    # Empty while a notice has not been looked into.
    provider_payment_id = models.CharField(_("provider's id"), max_length=255, blank=True, default="")
    # Of the refund or the dispute.
    reference = models.CharField(_("refund or dispute"), max_length=255, blank=True, default="")
    invoice = models.ForeignKey(
        "billing.Invoice",
        verbose_name=_("invoice"),
        on_delete=models.PROTECT,
        null=True,
        related_name="payment_events",
        db_index=False,
    )
    amount = models.BigIntegerField(_("amount"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    source = models.CharField(_("which way it came"), max_length=16, choices=Source)
    payload = models.JSONField(_("as it came"), default=dict)
    # What others need of it: whom to refund, what renewals are charged to.
    details = models.JSONField(_("details"), default=dict)
    occurred_at = models.DateTimeField(_("happened"))
    received_at = models.DateTimeField(_("received"), db_default=CoreNow())

    class Meta:
        verbose_name = _("payment event")
        verbose_name_plural = _("payment events")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["provider", "provider_payment_id"],
                name="billing_paymentevent_payment",
                condition=~Q(provider_payment_id=""),
            ),
            models.Index(
                fields=["provider", "occurred_at"],
                name="billing_paymentevent_money",
                condition=Q(kind__in=["succeeded", "refunded"]),
            ),
            models.Index(fields=["invoice"], name="billing_paymentevent_invoice", condition=Q(invoice__isnull=False)),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["provider", "provider_event_id", "direction"],
                name="billing_paymentevent_is_stored_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="notice") | ~Q(provider_payment_id=""),
                name="billing_paymentevent_names_its_payment",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=_OUTWARD, direction="out") | Q(kind__in=_INWARD, direction="in"),
                name="billing_paymentevent_direction_fits_its_kind",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["succeeded", "refunded"]) | Q(amount__isnull=False),
                name="billing_paymentevent_money_has_an_amount",
            ),
            models.CheckConstraint(
                condition=Q(amount__isnull=True, currency="")
                | (Q(amount__isnull=False, amount__gte=0) & ~Q(currency="")),
                name="billing_paymentevent_amount_has_a_currency",
            ),
            models.CheckConstraint(
                condition=Q(reference="", kind__in=_INWARD) | (~Q(reference="") & Q(kind__in=_OUTWARD)),
                name="billing_paymentevent_what_goes_out_has_a_reference",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.provider_event_id}"

    @property
    def money(self) -> Money | None:
        """The amount, where it is about one."""
        return None if self.amount is None else Money(self.amount, self.currency)
