"""Promo codes and their use."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Trim, Upper
from django.utils.translation import gettext_lazy as _

from billing.models.tariff import CURRENCIES, MAX_TOKENS
from core.clock import CoreNow
from core.database import audited, editable, frozen
from core.ids import uuid7


class Nfkc(Func):
    """``normalize(text, NFKC)``."""

    function = "normalize"
    template = "%(function)s(%(expressions)s, NFKC)"


@audited()
@editable(why="staff open, limit and end campaigns; what a redemption froze stays in its invoice")
class PromoCode(models.Model):
    """A code that lowers a price or adds tokens."""

    class DiscountType(models.TextChoices):
        PERCENT = "percent", _("percent off")
        FIXED = "fixed", _("amount off")
        BONUS_TOKENS = "bonus_tokens", _("bonus tokens")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # As stored: NFKC, trimmed, upper-case (billing.rules.promo_codes.normalised); found in any letter case.
    code = models.CharField(
        _("code"),
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"^[\w-]+\Z", _("Letters, digits, - and _ only."))],
    )
    discount_type = models.CharField(_("kind"), max_length=16, choices=DiscountType)
    # Percents, minor units of the currency, or tokens.
    discount_value = models.BigIntegerField(
        _("value"), validators=[MinValueValidator(1), MaxValueValidator(MAX_TOKENS)]
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        choices=[(code, code) for code in (*CURRENCIES, "XTR")],
        blank=True,
        default="",
    )
    # Null means no cap.
    max_uses = models.PositiveIntegerField(_("uses at most"), null=True, blank=True, validators=[MinValueValidator(1)])
    max_uses_per_wallet = models.PositiveIntegerField(_("uses at most per customer"), default=1)
    # Redemptions that are not released (invariant I7).
    uses_count = models.PositiveIntegerField(_("used"), default=0, editable=False)
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    tariff = models.ForeignKey(
        "billing.Tariff",
        verbose_name=_("only for tariff"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="promo_codes",
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow(), editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("promo code")
        verbose_name_plural = _("promo codes")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(code=Upper(Trim(Nfkc(F("code"))))) & ~Q(code=Value("")),
                name="billing_promocode_code_is_normalised",
            ),
            models.CheckConstraint(
                condition=Q(
                    discount_type="percent",
                    discount_value__gte=1,
                    discount_value__lte=100,
                    currency="",
                )
                | Q(
                    discount_type="fixed",
                    discount_value__gt=0,
                    currency__in=(*CURRENCIES, "XTR"),
                )
                | Q(discount_type="bonus_tokens", discount_value__gt=0, currency=""),
                name="billing_promocode_value_fits_its_kind",
                violation_error_message=_(
                    "Percents go from 1 to 100 without a currency, an amount needs its currency, tokens have none."
                ),
            ),
            models.CheckConstraint(
                condition=Q(max_uses__isnull=True) | Q(uses_count__lte=F("max_uses")),
                name="billing_promocode_is_not_overused",
                violation_error_message=_("More uses than that are taken already."),
            ),
            models.CheckConstraint(
                condition=Q(uses_count__gte=0),
                name="billing_promocode_uses_are_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(max_uses_per_wallet__gte=1),
                name="billing_promocode_is_usable_at_least_once",
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_until__isnull=True) | Q(valid_from__lt=F("valid_until")),
                name="billing_promocode_ends_after_it_begins",
                violation_error_message=_("The end must lie after the beginning."),
            ),
        ]

    def __str__(self) -> str:
        return self.code


@frozen(mutable=("state", "closed_at"))
class PromoRedemption(models.Model):
    """
    One use of a code by one invoice: reserved, then applied when the invoice is paid or released when it is not.
    A trigger refuses any other step.
    """

    class State(models.TextChoices):
        RESERVED = "reserved", _("reserved")
        APPLIED = "applied", _("applied")
        RELEASED = "released", _("released")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    promo_code = models.ForeignKey(
        PromoCode,
        verbose_name=_("promo code"),
        on_delete=models.PROTECT,
        related_name="redemptions",
    )
    wallet = models.ForeignKey(
        "billing.Wallet",
        verbose_name=_("wallet"),
        on_delete=models.PROTECT,
        related_name="redemptions",
    )
    invoice = models.OneToOneField(
        "billing.Invoice",
        verbose_name=_("invoice"),
        on_delete=models.PROTECT,
        related_name="redemption",
    )
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.RESERVED)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        verbose_name = _("use of a promo code")
        verbose_name_plural = _("uses of promo codes")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["promo_code", "wallet"], name="billing_redemption_by_wallet"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state="reserved", closed_at__isnull=True)
                | Q(state__in=["applied", "released"], closed_at__isnull=False),
                name="billing_promoredemption_closed_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.promo_code_id} {self.get_state_display()}"
