"""What is sold."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, editable
from core.ids import uuid7
from core.money import EXPONENTS, MAX_MINOR_UNITS, Money

CURRENCIES = tuple(code for code in EXPONENTS if code != "XTR")
# The most tokens that one movement may have: sums of many stay far inside a bigint.
MAX_TOKENS = 10**12
# A hundred years: moments computed from days stay inside the calendar.
_DAYS = [MaxValueValidator(36_525)]
_DAYS_FROM_ONE = [MinValueValidator(1), *_DAYS]


@audited()
@editable(why="staff set prices; a trigger counts its version, and issued invoices keep what they froze")
class Tariff(models.Model):
    """
    A package of tokens, a subscription, or both, at a price.

    ``version`` grows by one with each change of what is sold (a trigger does it), so that an editor who saves over a
    version they have not seen can be refused.
    """

    class Audience(models.TextChoices):
        USER = "user", _("people")
        COMPANY = "company", _("companies")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(_("code"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=255)
    description = models.TextField(_("description"), blank=True, default="")
    audience = models.CharField(_("for whom"), max_length=16, choices=Audience, default=Audience.USER)
    # Minor units of the currency.
    price = models.BigIntegerField(_("price"), validators=[MinValueValidator(1), MaxValueValidator(MAX_MINOR_UNITS)])
    currency = models.CharField(
        _("currency"), max_length=3, choices=[(code, code) for code in CURRENCIES], default="RUB"
    )
    # Telegram Stars; null when not sold for Stars.
    price_stars = models.BigIntegerField(
        _("price in Stars"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_MINOR_UNITS)],
    )
    tokens = models.BigIntegerField(
        _("tokens"), default=0, validators=[MinValueValidator(0), MaxValueValidator(MAX_TOKENS)]
    )
    # How long bought tokens live; null means forever.
    token_validity_days = models.PositiveIntegerField(
        _("tokens live, days"), null=True, blank=True, validators=_DAYS_FROM_ONE
    )
    subscription_days = models.PositiveIntegerField(_("subscription, days"), default=0, validators=_DAYS)
    trial_days = models.PositiveIntegerField(_("trial, days"), default=0, validators=_DAYS)
    # One live subscription and one trial per owner and family.
    family = models.CharField(
        _("family"),
        max_length=64,
        blank=True,
        default="",
        validators=[RegexValidator(r"^[a-z0-9_-]*$", _("Lower-case letters, digits, - and _ only."))],
    )
    # {"seats": 5, "projects": 10, "storage_mb": 1024}, for companies.
    limits = models.JSONField(_("limits"), default=dict, blank=True)
    sort_order = models.IntegerField(_("order"), default=0)
    is_active = models.BooleanField(_("on sale"), default=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow(), editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")
        ordering: ClassVar[list[str]] = ["sort_order", "slug"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["sort_order", "slug"], name="billing_tariff_in_order"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(price__gt=0), name="billing_tariff_price_is_positive"),
            models.CheckConstraint(
                condition=Q(price_stars__isnull=True) | Q(price_stars__gt=0),
                name="billing_tariff_price_in_stars_is_positive",
            ),
            models.CheckConstraint(
                condition=Q(currency__in=CURRENCIES),
                name="billing_tariff_currency_is_known",
            ),
            models.CheckConstraint(
                condition=Q(tokens__gte=0),
                name="billing_tariff_tokens_are_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(tokens__gt=0) | Q(subscription_days__gt=0),
                name="billing_tariff_sells_something",
                violation_error_message=_("A tariff sells tokens, subscription days, or both."),
            ),
            models.CheckConstraint(
                condition=Q(token_validity_days__isnull=True) | Q(token_validity_days__gt=0),
                name="billing_tariff_tokens_live_at_least_a_day",
            ),
            models.CheckConstraint(
                condition=Q(audience__in=["user", "company"]),
                name="billing_tariff_audience_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def price_money(self) -> Money:
        return Money(self.price, self.currency)
