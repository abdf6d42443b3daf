"""The balance of one owner."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, frozen
from core.ids import uuid7


@audited()
@frozen(
    mutable=(
        "token_balance",
        "held_tokens",
        "balance_version",
        "debt_tokens",
        "next_expiry_at",
        "protected_tokens",
        "subscription_end",
        "frozen_at",
        "frozen_reason",
    )
)
class Wallet(models.Model):
    """
    Tokens of a user or of a company.

    A narrow row of its own, not columns of the user: it is hot, companies pay too, and ``accounts`` must not know
    about money. Its owner never changes, and its balance moves only together with its version; both are held by
    triggers. The audit trigger watches freezing, debt and subscription; the ledger itself records the balance.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(
        "accounts.User",
        verbose_name=_("user"),
        on_delete=models.PROTECT,
        null=True,
        related_name="wallet",
        editable=False,
    )
    company = models.OneToOneField(
        "accounts.Company",
        verbose_name=_("company"),
        on_delete=models.PROTECT,
        null=True,
        related_name="wallet",
        editable=False,
    )
    # As booked. What people are shown also excludes what has expired and was not yet swept (queries.balances).
    token_balance = models.BigIntegerField(_("balance"), default=0, editable=False)
    held_tokens = models.BigIntegerField(_("held"), default=0, editable=False)
    # The sequence of the last ledger row.
    balance_version = models.BigIntegerField(_("version"), default=0, editable=False)
    # Tokens spent from a purchase that was refunded in full: the next credit repays them first.
    debt_tokens = models.BigIntegerField(_("debt"), default=0, editable=False)
    # When something may be due to expire: never later than the soonest expiry of a lot with anything left.
    next_expiry_at = models.DateTimeField(_("next expiry"), null=True, editable=False)
    # Tokens past their expiry that open holds protect; what is released of them expires then.
    protected_tokens = models.BigIntegerField(_("protected by holds"), default=0, editable=False)
    subscription_end = models.DateTimeField(_("subscription until"), null=True, editable=False)
    # A frozen wallet pays for nothing new. Credits arrive, and promises already made (holds) are settled.
    frozen_at = models.DateTimeField(_("frozen"), null=True, editable=False)
    frozen_reason = models.TextField(_("reason of freezing"), blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow(), editable=False)

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        ordering: ClassVar[list[str]] = ["-id"]
        permissions = [("credit_wallet", "Can credit tokens by hand")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["next_expiry_at"],
                name="billing_wallet_due_to_expire",
                condition=Q(next_expiry_at__isnull=False),
            ),
            models.Index(
                fields=["-id"],
                name="billing_wallet_frozen",
                condition=Q(frozen_at__isnull=False),
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, company__isnull=True) | Q(user__isnull=True, company__isnull=False),
                name="billing_wallet_has_exactly_one_owner",
            ),
            models.CheckConstraint(
                condition=Q(token_balance__gte=0),
                name="billing_wallet_balance_is_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(held_tokens__gte=0),
                name="billing_wallet_held_tokens_are_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(held_tokens__lte=F("token_balance")),
                name="billing_wallet_held_tokens_are_covered",
            ),
            models.CheckConstraint(
                condition=Q(debt_tokens__gte=0),
                name="billing_wallet_debt_is_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(protected_tokens__gte=0, protected_tokens__lte=F("held_tokens")),
                name="billing_wallet_protected_tokens_are_held",
            ),
            models.CheckConstraint(
                condition=Q(balance_version__gte=0),
                name="billing_wallet_version_is_not_negative",
            ),
        ]

    def __str__(self) -> str:
        # By name where it is at hand: to fetch it would be a query.
        at_hand = self._state.fields_cache
        owner = at_hand.get("user") or at_hand.get("company") or self.user_id or self.company_id
        return gettext("wallet of %(owner)s") % {"owner": owner}
