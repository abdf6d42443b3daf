"""The stretches of time that a subscription consists of."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import frozen
from core.ids import uuid7


@frozen(mutable=("tariff_id", "starts_at", "ends_at", "months", "rate_amount", "rate_seconds", "removed_at"))
class SubscriptionPeriod(models.Model):
    """
    What one invoice paid for, or the trial. Those of a subscription never overlap, but for what was taken back: a
    deferred trigger looks at the end of each transaction.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(
        "billing.Subscription",
        verbose_name=_("subscription"),
        on_delete=models.PROTECT,
        related_name="periods",
        db_index=False,
    )
    # None for the trial. What was taken back stays, and may be given again: as a period of its own.
    invoice = models.ForeignKey(
        "billing.Invoice",
        verbose_name=_("invoice"),
        on_delete=models.PROTECT,
        null=True,
        related_name="subscription_periods",
    )
    tariff = models.ForeignKey(
        "billing.Tariff",
        verbose_name=_("tariff"),
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    # 1, 2, 3 … within the subscription, in the order of payments.
    number = models.PositiveIntegerField(_("number"))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    # Calendar months; 0 means that it is as long as it is.
    months = models.PositiveIntegerField(_("months"), default=0)
    # What its time is worth: so many minor units of the invoice's currency for so many seconds.
    rate_amount = models.BigIntegerField(_("price"), default=0)
    rate_seconds = models.BigIntegerField(_("for seconds"))
    # When its money went back.
    removed_at = models.DateTimeField(_("taken back"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())

    class Meta:
        verbose_name = _("period of a subscription")
        verbose_name_plural = _("periods of subscriptions")
        ordering: ClassVar[list[str]] = ["subscription", "number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["subscription", "number"],
                name="billing_subscriptionperiod_number_is_unique",
            ),
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(removed_at__isnull=True),
                name="billing_subscriptionperiod_is_one_per_invoice",
            ),
            models.UniqueConstraint(
                fields=["subscription"],
                condition=Q(invoice__isnull=True),
                name="billing_subscriptionperiod_has_one_trial",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="billing_subscriptionperiod_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(rate_amount__gte=0, rate_seconds__gt=0),
                name="billing_subscriptionperiod_rate_is_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.starts_at} … {self.ends_at}"
