"""What a customer was asked to pay, and for what."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, editable, frozen
from core.ids import uuid7
from core.money import Money


@audited(masked=("request_hash",))
@frozen(mutable=("status", "number_year", "number_in_year", "paid_at"))
class Invoice(models.Model):
    """
    A frozen quote. Later changes of the tariff, a rate or the code never touch it; a trigger holds that, and the
    order of its states.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("to be paid")
        PAID = "paid", _("paid")
        EXPIRED = "expired", _("expired")
        CANCELLED = "cancelled", _("cancelled")
        PARTIALLY_REFUNDED = "partially_refunded", _("refunded in part")
        REFUNDED = "refunded", _("refunded")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Given when paid: 1, 2, 3 … within the year, without gaps (InvoiceCounter's row lock).
    number_year = models.PositiveSmallIntegerField(_("year"), null=True, editable=False)
    number_in_year = models.PositiveIntegerField(_("number in the year"), null=True, editable=False)
    wallet = models.ForeignKey(
        "billing.Wallet",
        verbose_name=_("wallet"),
        on_delete=models.PROTECT,
        related_name="invoices",
    )
    tariff = models.ForeignKey(
        "billing.Tariff",
        verbose_name=_("tariff"),
        on_delete=models.PROTECT,
        related_name="invoices",
    )
    tariff_version = models.PositiveIntegerField(_("tariff's version"))
    promo_code = models.ForeignKey(
        "billing.PromoCode",
        verbose_name=_("promo code"),
        on_delete=models.PROTECT,
        null=True,
        related_name="invoices",
    )
    list_price = models.BigIntegerField(_("list price"))
    discount_amount = models.BigIntegerField(_("discount"), default=0)
    amount = models.BigIntegerField(_("to pay"))
    currency = models.CharField(_("currency"), max_length=3)
    # The same quote in Telegram Stars; null when not sold for Stars.
    amount_stars = models.BigIntegerField(_("to pay in Stars"), null=True)
    tokens = models.BigIntegerField(_("tokens"), default=0)
    bonus_tokens = models.BigIntegerField(_("bonus tokens"), default=0)
    token_validity_days = models.PositiveIntegerField(_("tokens live, days"), null=True)
    subscription_days = models.PositiveIntegerField(_("subscription, days"), default=0)
    # Calendar months instead of days, where the tariff said so; 0 means by days.
    period_months = models.PositiveIntegerField(_("subscription, months"), default=0, db_default=0)
    # The subscription's, with what was promised of it.
    family = models.CharField(_("family"), max_length=64, blank=True, default="", db_default="")
    change_policy = models.CharField(_("change to it"), max_length=16, default="queue", db_default="queue")
    grace_days = models.PositiveIntegerField(_("grace, days"), default=0, db_default=0)
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.PENDING)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255)
    request_hash = models.BinaryField(max_length=32, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())
    expires_at = models.DateTimeField(_("expires"))
    paid_at = models.DateTimeField(_("paid"), null=True)

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["wallet", "-id"], name="billing_invoice_by_wallet"),
            models.Index(fields=["status", "-id"], name="billing_invoice_by_status"),
            models.Index(
                fields=["expires_at"],
                name="billing_invoice_due",
                condition=Q(status="pending"),
            ),
            models.Index(fields=["paid_at"], name="billing_invoice_by_paid_at"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["wallet", "idempotency_key"],
                name="billing_invoice_key_is_unique_per_wallet",
            ),
            models.UniqueConstraint(
                fields=["number_year", "number_in_year"],
                name="billing_invoice_number_is_unique",
            ),
            models.CheckConstraint(
                condition=Q(amount=F("list_price") - F("discount_amount")),
                name="billing_invoice_amounts_add_up",
            ),
            models.CheckConstraint(
                condition=Q(discount_amount__gte=0, discount_amount__lte=F("list_price")),
                name="billing_invoice_discount_fits_the_price",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0) | Q(amount=0, discount_amount=F("list_price")),
                name="billing_invoice_is_free_only_by_discount",
            ),
            models.CheckConstraint(
                condition=Q(list_price__gt=0),
                name="billing_invoice_list_price_is_positive",
            ),
            models.CheckConstraint(
                condition=Q(amount_stars__isnull=True) | Q(amount_stars__gte=0),
                name="billing_invoice_stars_are_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(tokens__gte=0, bonus_tokens__gte=0),
                name="billing_invoice_tokens_are_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=["pending", "expired", "cancelled"],
                    paid_at__isnull=True,
                    number_year__isnull=True,
                    number_in_year__isnull=True,
                )
                | Q(
                    status__in=["paid", "partially_refunded", "refunded"],
                    paid_at__isnull=False,
                    number_year__isnull=False,
                    number_in_year__isnull=False,
                ),
                name="billing_invoice_paid_has_a_number_and_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.number or str(self.id)

    @property
    def number(self) -> str | None:
        """``2026-000042`` once paid."""
        if self.number_year is None or self.number_in_year is None:
            return None
        return f"{self.number_year}-{self.number_in_year:06d}"

    @property
    def amount_money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def prices(self) -> frozenset[Money]:
        """What pays it: what is asked or, where it is sold for Stars, so many of them."""
        asked = {self.amount_money}
        if self.amount_stars is not None:
            asked.add(Money(self.amount_stars, "XTR"))
        return frozenset(asked)

    @property
    def list_price_money(self) -> Money:
        return Money(self.list_price, self.currency)

    @property
    def discount_money(self) -> Money:
        return Money(self.discount_amount, self.currency)


@editable(why="it only counts; its row lock is what keeps invoice numbers without gaps")
class InvoiceCounter(models.Model):
    """The last invoice number given in a year."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("invoice counter")
        verbose_name_plural = _("invoice counters")

    def __str__(self) -> str:
        return f"{self.year}: {self.last_number}"
