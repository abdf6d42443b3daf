"""What a customer keeps paying for."""

from typing import ClassVar, Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, frozen
from core.ids import uuid7

# What is not over: there is one such subscription of a family per wallet.
LIVE: Final = ("pending", "trialing", "active", "past_due", "cancelled")


@audited(masked=("agreement_id",))
@frozen(
    mutable=(
        "tariff_id",
        "next_tariff_id",
        "status",
        "started_at",
        "current_period_start",
        "current_period_end",
        "ends_at",
        "renews_at",
        "grace_ends_at",
        "trial_end",
        "cancel_at_period_end",
        "cancelled_at",
        "ended_at",
        "anchor_day",
        "grace_days",
        "reminded_days",
        "renewal_invoice_id",
        "agreement_provider",
        "agreement_id",
    )
)
class Subscription(models.Model):
    """
    A customer's subscription of one family of tariffs; its periods say what has been paid for.

    ``pending`` waits for its first payment, ``cancelled`` runs to the end of what was paid for, and ``expired`` is the
    end: a trigger lets nobody change it any more, and a later payment begins another one.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("waits for its first payment")
        TRIALING = "trialing", _("on trial")
        ACTIVE = "active", _("active")
        PAST_DUE = "past_due", _("payment is due")
        CANCELLED = "cancelled", _("cancelled, runs to its end")
        EXPIRED = "expired", _("expired")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey(
        "billing.Wallet",
        verbose_name=_("wallet"),
        on_delete=models.PROTECT,
        related_name="subscriptions",
        db_index=False,
    )
    # What the present period gives.
    tariff = models.ForeignKey(
        "billing.Tariff",
        verbose_name=_("tariff"),
        on_delete=models.PROTECT,
        related_name="subscriptions",
        db_index=False,
    )
    # A change that waits for the paid time to end.
    next_tariff = models.ForeignKey(
        "billing.Tariff",
        verbose_name=_("next tariff"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    # The tariff's family or, where it has none, its code.
    family = models.CharField(_("family"), max_length=64)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    started_at = models.DateTimeField(_("began"), null=True)
    current_period_start = models.DateTimeField(_("present period from"), null=True)
    current_period_end = models.DateTimeField(_("present period until"), null=True)
    # The end of the last period that was paid for.
    ends_at = models.DateTimeField(_("paid until"), null=True)
    # When the next invoice is due to be issued; none while one waits, and once cancelled.
    renews_at = models.DateTimeField(_("renews"), null=True)
    # Until when an unpaid one waits.
    grace_ends_at = models.DateTimeField(_("waits for payment until"), null=True)
    trial_end = models.DateTimeField(_("trial until"), null=True)
    cancel_at_period_end = models.BooleanField(_("ends with the paid time"), default=False)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    # The day of the month on which calendar months begin, kept through shorter ones.
    anchor_day = models.PositiveSmallIntegerField(_("day of the month"), null=True)
    grace_days = models.PositiveIntegerField(_("grace, days"), default=0)
    # The last stage of reminding, in days before the end; none yet for what is paid now.
    reminded_days = models.PositiveSmallIntegerField(_("reminded, days before"), null=True)
    # Whose payment carries the subscription on.
    renewal_invoice = models.ForeignKey(
        "billing.Invoice",
        verbose_name=_("invoice to pay"),
        on_delete=models.PROTECT,
        null=True,
        related_name="renews",
    )
    # What the customer has agreed to be charged by, and the provider's name of that agreement.
    agreement_provider = models.CharField(_("charged by"), max_length=32, blank=True, default="")
    agreement_id = models.CharField(_("agreement"), max_length=255, blank=True, default="")
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["wallet", "-id"], name="billing_subscription_by_wallet"),
            models.Index(fields=["status", "-id"], name="billing_subscription_by_status"),
            models.Index(
                fields=["renews_at"], name="billing_subscription_renews", condition=Q(renews_at__isnull=False)
            ),
            models.Index(fields=["ends_at"], name="billing_subscription_ends", condition=~Q(status="expired")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["wallet", "family"],
                condition=Q(status__in=LIVE),
                name="billing_subscription_is_one_per_wallet_and_family",
            ),
            models.CheckConstraint(condition=~Q(family=""), name="billing_subscription_has_a_family"),
            models.CheckConstraint(
                condition=Q(
                    status="pending",
                    started_at__isnull=True,
                    current_period_start__isnull=True,
                    current_period_end__isnull=True,
                    ends_at__isnull=True,
                    ended_at__isnull=True,
                )
                | Q(
                    status__in=["trialing", "active", "past_due", "cancelled"],
                    started_at__isnull=False,
                    current_period_start__isnull=False,
                    current_period_end__isnull=False,
                    ends_at__isnull=False,
                    ended_at__isnull=True,
                )
                | Q(status="expired", ended_at__isnull=False),
                name="billing_subscription_status_fits_its_moments",
            ),
            models.CheckConstraint(
                condition=Q(current_period_end__isnull=True) | Q(current_period_end__gt=F("current_period_start")),
                name="billing_subscription_period_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(cancel_at_period_end=False, cancelled_at__isnull=True) & ~Q(status="cancelled")
                | Q(cancel_at_period_end=True, cancelled_at__isnull=False, status__in=["cancelled", "expired"]),
                name="billing_subscription_cancelled_has_a_moment",
            ),
            models.CheckConstraint(
                condition=Q(anchor_day__isnull=True) | Q(anchor_day__gte=1, anchor_day__lte=31),
                name="billing_subscription_anchor_is_a_day_of_a_month",
            ),
            models.CheckConstraint(
                condition=Q(agreement_provider="", agreement_id="") | ~Q(agreement_provider="") & ~Q(agreement_id=""),
                name="billing_subscription_agreement_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return gettext("subscription %(id)s") % {"id": self.pk}

    @property
    def is_over(self) -> bool:
        return self.status == self.Status.EXPIRED
