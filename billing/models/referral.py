"""Who brought whom, and what that earned."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, frozen
from core.ids import uuid7


@audited()
@frozen(
    mutable=(
        "state",
        "reward_tokens",
        "payment_id",
        "qualified_at",
        "matures_at",
        "lot_id",
        "rewarded_at",
        "reversed_at",
    )
)
class Referral(models.Model):
    """
    Written with the person who was brought, and for good. The first payment that earns something qualifies it; the
    reward is given when the payment can no longer be returned, taken back if it is all the same, and given again if the
    money stays after all. ``lot`` is the row of the ledger that gave it last.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("nothing paid yet")
        QUALIFIED = "qualified", _("paid, the reward waits")
        REWARDED = "rewarded", _("rewarded")
        REVERSED = "reversed", _("taken back")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    referrer = models.ForeignKey(
        "accounts.User",
        verbose_name=_("referrer"),
        on_delete=models.PROTECT,
        related_name="referrals_made",
        db_index=False,
    )
    referred = models.ForeignKey(
        "accounts.User",
        verbose_name=_("referred"),
        on_delete=models.PROTECT,
        related_name="brought_by",
        db_index=False,
    )
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.PENDING)
    reward_tokens = models.BigIntegerField(_("reward"), default=0)
    payment = models.OneToOneField(
        "billing.Payment",
        verbose_name=_("payment"),
        on_delete=models.PROTECT,
        null=True,
        related_name="referral",
    )
    qualified_at = models.DateTimeField(_("qualified"), null=True)
    matures_at = models.DateTimeField(_("rewarded from"), null=True)
    lot = models.OneToOneField(
        "billing.Transaction",
        verbose_name=_("ledger row"),
        on_delete=models.PROTECT,
        null=True,
        related_name="referral",
    )
    rewarded_at = models.DateTimeField(_("rewarded on"), null=True)
    reversed_at = models.DateTimeField(_("taken back on"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())

    class Meta:
        verbose_name = _("referral")
        verbose_name_plural = _("referrals")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["referrer", "-id"], name="billing_referral_by_referrer"),
            models.Index(
                fields=["matures_at"],
                name="billing_referral_due",
                condition=Q(state="qualified"),
            ),
            models.Index(
                fields=["referrer", "qualified_at"],
                name="billing_referral_earned",
                condition=Q(qualified_at__isnull=False),
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["referrer", "referred"], name="billing_referral_is_one_per_pair"),
            models.UniqueConstraint(fields=["referred"], name="billing_referral_is_one_per_referred"),
            models.CheckConstraint(
                condition=~Q(referrer=F("referred")),
                name="billing_referral_is_of_somebody_else",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="pending",
                    reward_tokens=0,
                    payment__isnull=True,
                    qualified_at__isnull=True,
                    matures_at__isnull=True,
                    lot__isnull=True,
                    rewarded_at__isnull=True,
                    reversed_at__isnull=True,
                )
                | Q(
                    Q(
                        state="qualified",
                        lot__isnull=True,
                        rewarded_at__isnull=True,
                        reversed_at__isnull=True,
                    )
                    | Q(
                        state="rewarded",
                        lot__isnull=False,
                        rewarded_at__isnull=False,
                        reversed_at__isnull=True,
                    )
                    | (
                        Q(state="reversed", reversed_at__isnull=False)
                        & (
                            Q(lot__isnull=True, rewarded_at__isnull=True)
                            | Q(lot__isnull=False, rewarded_at__isnull=False)
                        )
                    ),
                    reward_tokens__gt=0,
                    payment__isnull=False,
                    qualified_at__isnull=False,
                    matures_at__isnull=False,
                ),
                name="billing_referral_state_fits_its_facts",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
