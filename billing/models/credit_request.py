"""Tokens given by hand: how many somebody gave in a day, and what waits for a colleague."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import audited, frozen
from core.ids import uuid7


@frozen(mutable=("used_tokens", "limit_tokens"))
class CreditAllowance(models.Model):
    """
    What one giver, a colleague or an API key, has given by hand in one day of the house's time zone, without what a
    colleague approved. The limit stands beside it as it was at the last credit, so that the row itself refuses more.
    """

    id = models.BigAutoField(primary_key=True)
    # Who gives: ``user:<id>`` or ``api_key:<id>``.
    giver = models.CharField(max_length=64)
    day = models.DateField()
    used_tokens = models.BigIntegerField()
    limit_tokens = models.BigIntegerField()

    class Meta:
        verbose_name = _("allowance of credits")
        verbose_name_plural = _("allowances of credits")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["giver", "day"], name="billing_creditallowance_is_one_per_giver_and_day"),
            models.CheckConstraint(
                condition=Q(used_tokens__gt=0, used_tokens__lte=F("limit_tokens")),
                name="billing_creditallowance_is_not_exceeded",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.giver} on {self.day}: {self.used_tokens}"


@audited(masked=("request_hash",))
@frozen(mutable=("state", "decided_by_id", "decided_at", "refusal", "transaction_id"))
class CreditRequest(models.Model):
    """
    A credit too large for one: pending, then approved by a second person, declined or expired, once. A trigger
    refuses any change of a decided one, and a constraint that anybody decides about their own.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("waits")
        APPROVED = "approved", _("approved")
        DECLINED = "declined", _("declined")
        EXPIRED = "expired", _("not decided in time")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey(
        "billing.Wallet",
        verbose_name=_("wallet"),
        on_delete=models.PROTECT,
        related_name="credit_requests",
        db_index=False,
    )
    tokens = models.BigIntegerField(_("tokens"))
    reason = models.TextField(_("reason"))
    # When what is left of the lot expires; none means never.
    lot_expires_at = models.DateTimeField(_("tokens expire"), null=True)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.PENDING)
    # Who gives: ``user:<id>`` or ``api_key:<id>``.
    giver = models.CharField(_("giver"), max_length=64)
    # The person behind it; none for a server's key that is nobody's hand.
    requested_by = models.ForeignKey(
        "accounts.User",
        verbose_name=_("requested by"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    actor = models.JSONField(_("actor"), default=dict)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255)
    request_hash = models.BinaryField(max_length=32, editable=False)
    expires_at = models.DateTimeField(_("waits until"))
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())
    decided_by = models.ForeignKey(
        "accounts.User",
        verbose_name=_("decided by"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    refusal = models.TextField(_("reason of the refusal"), blank=True, default="")
    transaction = models.OneToOneField(
        "billing.Transaction",
        verbose_name=_("ledger row"),
        on_delete=models.PROTECT,
        null=True,
        related_name="credit_request",
    )

    class Meta:
        verbose_name = _("credit to approve")
        verbose_name_plural = _("credits to approve")
        ordering: ClassVar[list[str]] = ["-id"]
        permissions = [("approve_creditrequest", "Can approve or decline credits of colleagues")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "-id"], name="billing_creditrequest_state"),
            models.Index(fields=["wallet", "-id"], name="billing_creditrequest_wallet"),
            models.Index(
                fields=["expires_at"],
                name="billing_creditrequest_due",
                condition=Q(state="pending"),
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["wallet", "idempotency_key"],
                name="billing_creditrequest_key_is_unique_per_wallet",
            ),
            models.UniqueConstraint(
                fields=["wallet", "giver"],
                name="billing_creditrequest_is_pending_once_per_giver",
                condition=Q(state="pending"),
            ),
            models.CheckConstraint(condition=Q(tokens__gt=0), name="billing_creditrequest_tokens_are_positive"),
            models.CheckConstraint(condition=~Q(reason=""), name="billing_creditrequest_has_a_reason"),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | Q(requested_by__isnull=True) | ~Q(decided_by=F("requested_by")),
                name="billing_creditrequest_is_decided_by_another",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="pending",
                    decided_at__isnull=True,
                    decided_by__isnull=True,
                    transaction__isnull=True,
                    refusal="",
                )
                | Q(
                    state="approved",
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                    transaction__isnull=False,
                    refusal="",
                )
                | (
                    Q(state="declined", decided_at__isnull=False, decided_by__isnull=False, transaction__isnull=True)
                    & ~Q(refusal="")
                )
                | Q(
                    state="expired",
                    decided_at__isnull=False,
                    decided_by__isnull=True,
                    transaction__isnull=True,
                    refusal="",
                ),
                name="billing_creditrequest_state_fits_its_decision",
            ),
        ]

    def __str__(self) -> str:
        return gettext("credit %(id)s") % {"id": self.id}
