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
# A hundred years, too.
MAX_MONTHS = 1_200
MAX_GRACE_DAYS = 365
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

    class PeriodKind(models.TextChoices):
        DAYS = "days", _("days")
        CALENDAR_MONTH = "calendar_month", _("calendar months")

    class ChangePolicy(models.TextChoices):
        QUEUE = "queue", _("begins when the paid time ends")
        CONVERT = "convert", _("begins at once, the paid time is converted by its value")

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
    # By calendar months the days are what a month counts for where its value is converted.
    period_kind = models.CharField(
        _("period counts in"),
        max_length=16,
        choices=PeriodKind,
        default=PeriodKind.DAYS,
        db_default=PeriodKind.DAYS.value,
    )
    period_months = models.PositiveIntegerField(
        _("subscription, months"), default=0, db_default=0, validators=[MaxValueValidator(MAX_MONTHS)]
    )
    # What becomes of the time that was paid for another tariff of the family.
    change_policy = models.CharField(
        _("change to it"),
        max_length=16,
        choices=ChangePolicy,
        default=ChangePolicy.QUEUE,
        db_default=ChangePolicy.QUEUE.value,
    )
    # How long an unpaid subscription waits before it ends.
    grace_days = models.PositiveIntegerField(
        _("grace, days"), default=3, db_default=3, validators=[MaxValueValidator(MAX_GRACE_DAYS)]
    )
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
            models.CheckConstraint(
                condition=Q(period_kind="days", period_months=0)
                | Q(
                    period_kind="calendar_month",
                    period_months__gte=1,
                    period_months__lte=MAX_MONTHS,
                    subscription_days__gt=0,
                ),
                name="billing_tariff_months_fit_its_kind_of_period",
                violation_error_message=_(
                    "Calendar months are told in months and, for their value, in days; periods of days have no months."
                ),
            ),
            models.CheckConstraint(
                condition=Q(change_policy__in=["queue", "convert"]),
                name="billing_tariff_change_policy_is_known",
            ),
            models.CheckConstraint(
                condition=Q(grace_days__lte=MAX_GRACE_DAYS),
                name="billing_tariff_grace_is_at_most_a_year",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def subscription_family(self) -> str:
        """Of its subscriptions and trials: a tariff without a family is one by itself."""
        return self.family or self.slug

    @property
    def price_money(self) -> Money:
        return Money(self.price, self.currency)
