"""Money that went back, and money that somebody wants back."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, frozen
from core.ids import uuid7
from core.money import Money


@audited(masked=("request_hash",))
@frozen(
    mutable=("state", "provider_refund_id", "tokens_reversed", "shortfall_tokens", "sent_at", "closed_at", "failure")
)
class Refund(models.Model):
    """
    One refund of a payment: asked for at the desk and then sent to the provider, or made outside and told by it.
    The tokens are taken when it is asked for, so that nobody spends them meanwhile, and come back if the provider
    refuses.
    """

    class Policy(models.TextChoices):
        FULL = "full", _("full: spent tokens become a debt")
        UNSPENT = "unspent", _("unspent: only what is left, and its share of the money")
        GOODWILL = "goodwill", _("goodwill: money back, the tokens stay")

    class State(models.TextChoices):
        PENDING = "pending", _("on its way")
        SUCCEEDED = "succeeded", _("refunded")
        FAILED = "failed", _("did not go through")

    class Origin(models.TextChoices):
        DESK = "desk", _("refund desk")
        PROVIDER = "provider", _("made at the provider")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(
        "billing.Payment", verbose_name=_("payment"), on_delete=models.PROTECT, related_name="refunds", db_index=False
    )
    origin = models.CharField(_("where it began"), max_length=16, choices=Origin)
    policy = models.CharField(_("policy"), max_length=16, choices=Policy)
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    # How many tokens the customer has to give for it, spent or not.
    claimed_tokens = models.BigIntegerField(_("tokens to take back"))
    tokens_reversed = models.BigIntegerField(_("tokens taken back"), default=0)
    # Spent before: booked as the wallet's debt.
    shortfall_tokens = models.BigIntegerField(_("tokens that became a debt"), default=0)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.PENDING)
    reason = models.TextField(_("reason"), blank=True, default="")
    # Any number may be unknown, and of the known ones each is there once.
    provider_refund_id = models.CharField(  # noqa: DJ001  unknown is not empty
        _("provider's id of the refund"), max_length=255, null=True
    )
    failure = models.TextField(_("why it failed"), blank=True, default="")
    idempotency_key = models.CharField(_("idempotency key"), max_length=255)
    request_hash = models.BinaryField(max_length=32, editable=False)
    # {"kind", "id", "label"}: who asked for it.
    actor = models.JSONField(_("actor"), default=dict)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())
    # When the provider was asked last.
    sent_at = models.DateTimeField(_("sent"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering: ClassVar[list[str]] = ["-id"]
        permissions = [("issue_refund", "Can send money back")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["payment", "-id"], name="billing_refund_by_payment"),
            models.Index(fields=["created_at"], name="billing_refund_by_moment"),
            models.Index(fields=["state", "-id"], name="billing_refund_unsettled", condition=~Q(state="succeeded")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["payment", "idempotency_key"], name="billing_refund_key_is_unique_per_payment"
            ),
            models.UniqueConstraint(
                fields=["payment", "provider_refund_id"], name="billing_refund_is_one_per_provider_id"
            ),
            models.UniqueConstraint(
                fields=["payment"], condition=Q(state="pending"), name="billing_refund_is_pending_once_per_payment"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="billing_refund_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(tokens_reversed__gte=0, shortfall_tokens__gte=0, claimed_tokens__gte=0)
                & Q(claimed_tokens__gte=F("tokens_reversed") + F("shortfall_tokens")),
                name="billing_refund_takes_no_more_than_it_claims",
            ),
            models.CheckConstraint(
                condition=Q(policy="full") | Q(shortfall_tokens=0),
                name="billing_refund_only_a_full_one_makes_a_debt",
            ),
            models.CheckConstraint(
                condition=Q(policy__in=["full", "unspent"]) | Q(claimed_tokens=0),
                name="billing_refund_goodwill_leaves_the_tokens",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", closed_at__isnull=True, failure="")
                | Q(state="succeeded", closed_at__isnull=False, provider_refund_id__isnull=False, failure="")
                | (Q(state="failed", closed_at__isnull=False) & ~Q(failure="")),
                name="billing_refund_state_fits_its_end",
            ),
            models.CheckConstraint(
                condition=~Q(origin="desk") | ~Q(reason=""), name="billing_refund_of_the_desk_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_policy_display()} {self.amount_money}"

    @property
    def amount_money(self) -> Money:
        return Money(self.amount, self.currency)
