"""The ledger."""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Func, Q, Value
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import append_only
from core.ids import uuid7

CREDITS = ("purchase", "bonus", "trial", "referral", "grant", "opening")
DEBITS = ("charge", "capture", "expiration", "refund", "chargeback")


@append_only
class Transaction(models.Model):
    """
    One movement of tokens. Append-only by trigger. A credit row **is** a lot: its tokens, its expiry; what is left
    of it is derived by replaying the ledger (``billing.rules.lots``).
    """

    class Type(models.TextChoices):
        PURCHASE = "purchase", _("purchase")
        BONUS = "bonus", _("bonus")
        TRIAL = "trial", _("trial")
        REFERRAL = "referral", _("referral reward")
        GRANT = "grant", _("manual credit")
        OPENING = "opening", _("opening balance")
        CHARGE = "charge", _("charge")
        CAPTURE = "capture", _("captured hold")
        EXPIRATION = "expiration", _("expiration")
        REFUND = "refund", _("refund")
        CHARGEBACK = "chargeback", _("chargeback")
        ADJUSTMENT = "adjustment", _("adjustment")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey(
        "billing.Wallet",
        verbose_name=_("wallet"),
        on_delete=models.PROTECT,
        related_name="transactions",
        db_index=False,
    )
    # Its number among all rows of the ledger, by which they are sealed. Those of undone rows are lost: there are gaps.
    position = models.BigIntegerField(
        _("number in the ledger"),
        db_default=Func(Value("billing_transaction_position_seq"), function="nextval"),
        editable=False,
    )
    # The wallet's balance_version after this row: 1, 2, 3 … without gaps.
    sequence = models.BigIntegerField(_("number"))
    type = models.CharField(_("type"), max_length=16, choices=Type)
    tokens_delta = models.BigIntegerField(_("tokens"))
    balance_after = models.BigIntegerField(_("balance after"))
    description = models.CharField(_("description"), max_length=255, blank=True, default="")
    invoice = models.ForeignKey(
        "billing.Invoice",
        verbose_name=_("invoice"),
        on_delete=models.PROTECT,
        null=True,
        related_name="transactions",
        db_index=False,
    )
    hold = models.ForeignKey(
        "billing.Hold",
        verbose_name=_("hold"),
        on_delete=models.PROTECT,
        null=True,
        related_name="transactions",
        db_index=False,
    )
    # The credit that this row takes back from.
    reverses = models.ForeignKey(
        "self",
        verbose_name=_("takes from"),
        on_delete=models.PROTECT,
        null=True,
        related_name="reversals",
        db_index=False,
    )
    expires_at = models.DateTimeField(_("expires"), null=True)
    metadata = models.JSONField(_("metadata"), default=dict)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255)
    # SHA-256 of what was asked for: the same key must come with the same request.
    request_hash = models.BinaryField(max_length=32, editable=False)
    # {"kind", "id", "label"}: who moved the tokens.
    actor = models.JSONField(_("actor"), default=dict)
    created_at = models.DateTimeField(_("when"), db_default=CoreNow())

    class Meta:
        verbose_name = _("transaction")
        verbose_name_plural = _("ledger")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["wallet", "created_at"], name="billing_transaction_by_moment"),
            models.Index(
                fields=["invoice"],
                name="billing_transaction_by_invoice",
                condition=Q(invoice__isnull=False),
            ),
            models.Index(
                fields=["hold"],
                name="billing_transaction_by_hold",
                condition=Q(hold__isnull=False),
            ),
            models.Index(
                fields=["reverses"],
                name="billing_transaction_by_lot",
                condition=Q(reverses__isnull=False),
            ),
            BrinIndex(fields=["created_at"], name="billing_transaction_by_day"),
            # Costs a charge nothing: rows lie in the order of their numbers, and only the sealer asks for them.
            BrinIndex(fields=["position"], name="billing_transaction_by_position", autosummarize=True),
            # A charge has none, and costs nothing more.
            models.Index(
                fields=["expires_at"],
                name="billing_transaction_by_expiry",
                condition=Q(expires_at__isnull=False),
            ),
            # Rows of the usual types lie close together; the others are looked for among them all.
            models.Index(
                fields=["type", "-id"],
                name="billing_transaction_rare_type",
                condition=~Q(type__in=["charge", "capture", "purchase"]),
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["wallet", "sequence"],
                name="billing_transaction_sequence_is_unique_per_wallet",
            ),
            models.UniqueConstraint(
                fields=["wallet", "idempotency_key"],
                name="billing_transaction_key_is_unique_per_wallet",
            ),
            models.CheckConstraint(
                condition=Q(sequence__gte=1),
                name="billing_transaction_sequence_is_positive",
            ),
            models.CheckConstraint(
                condition=Q(balance_after__gte=0),
                name="billing_transaction_balance_after_is_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(type__in=CREDITS, tokens_delta__gt=0)
                | Q(type__in=DEBITS, tokens_delta__lt=0)
                | (Q(type="adjustment") & ~Q(tokens_delta=0)),
                name="billing_transaction_type_fits_its_sign",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(tokens_delta__gt=0),
                name="billing_transaction_only_a_credit_expires",
            ),
            models.CheckConstraint(
                condition=Q(reverses__isnull=True) | Q(tokens_delta__lt=0),
                name="billing_transaction_only_a_debit_reverses",
            ),
            models.CheckConstraint(
                condition=~Q(type="expiration") | Q(reverses__isnull=False),
                name="billing_transaction_expiration_names_its_lot",
            ),
            models.CheckConstraint(
                condition=~Q(type="capture") | Q(hold__isnull=False),
                name="billing_transaction_capture_names_its_hold",
            ),
            models.CheckConstraint(
                condition=~Q(type="purchase") | Q(invoice__isnull=False),
                name="billing_transaction_purchase_names_its_invoice",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()} {self.tokens_delta:+d}"
