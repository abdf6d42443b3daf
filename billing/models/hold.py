"""Tokens set aside for work that is not done yet."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from core.clock import CoreNow
from core.database import frozen
from core.ids import uuid7


@frozen(mutable=("state", "captured_tokens", "closed_at"))
class Hold(models.Model):
    """
    A promise of tokens: open, then captured (in part or whole), released or expired, once. A trigger refuses any
    change of a closed one.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CAPTURED = "captured", _("captured")
        RELEASED = "released", _("released")
        EXPIRED = "expired", _("expired")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey(
        "billing.Wallet",
        verbose_name=_("wallet"),
        on_delete=models.PROTECT,
        related_name="holds",
        db_index=False,
    )
    tokens = models.BigIntegerField(_("tokens"))
    captured_tokens = models.BigIntegerField(_("captured"), default=0)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.OPEN)
    description = models.CharField(_("description"), max_length=255, blank=True, default="")
    metadata = models.JSONField(_("metadata"), default=dict)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255)
    request_hash = models.BinaryField(max_length=32, editable=False)
    actor = models.JSONField(_("actor"), default=dict)
    expires_at = models.DateTimeField(_("expires"))
    created_at = models.DateTimeField(_("created"), db_default=CoreNow())
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["expires_at"],
                name="billing_hold_due",
                condition=Q(state="open"),
            ),
            models.Index(fields=["wallet", "-id"], name="billing_hold_by_wallet"),
            models.Index(
                fields=["wallet"],
                name="billing_hold_open_by_wallet",
                condition=Q(state="open"),
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["wallet", "idempotency_key"],
                name="billing_hold_key_is_unique_per_wallet",
            ),
            models.CheckConstraint(condition=Q(tokens__gt=0), name="billing_hold_tokens_are_positive"),
            models.CheckConstraint(
                condition=Q(captured_tokens__gte=0, captured_tokens__lte=F("tokens")),
                name="billing_hold_captures_at_most_what_it_holds",
            ),
            models.CheckConstraint(
                condition=Q(state="captured", captured_tokens__gt=0)
                | Q(state__in=["open", "released", "expired"], captured_tokens=0),
                name="billing_hold_state_fits_what_was_captured",
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True) | (~Q(state="open") & Q(closed_at__isnull=False)),
                name="billing_hold_closed_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        said = ngettext("hold of %(tokens)d token (%(state)s)", "hold of %(tokens)d tokens (%(state)s)", self.tokens)
        return said % {"tokens": self.tokens, "state": self.get_state_display()}
