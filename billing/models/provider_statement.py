"""Our books beside a provider's own, and what they do not agree on."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing.models.payment import Payment
from billing.models.payment_event import PaymentEvent
from core.clock import CoreNow
from core.database import audited, frozen
from core.ids import uuid7
from core.money import Money


@frozen(
    mutable=(
        *("until_at", "matched", "missing_here", "missing_there", "amount_differs", "decided"),
        *("error", "finished_at"),
    )
)
class ProviderStatement(models.Model):
    """
    One comparison with a provider's books, tried again until the provider has told all of them; then it is finished,
    once. What agrees is only counted.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(_("provider"), max_length=32, choices=Payment.Provider)
    since_at = models.DateTimeField(_("from"))
    until_at = models.DateTimeField(_("until"))
    matched = models.IntegerField(_("matched"), default=0)
    missing_here = models.IntegerField(_("missing here"), default=0)
    missing_there = models.IntegerField(_("missing there"), default=0)
    amount_differs = models.IntegerField(_("amount differs"), default=0)
    # Differences about which somebody had decided before.
    decided = models.IntegerField(_("decided before"), default=0)
    # Why the last attempt ended early.
    error = models.TextField(_("error"), blank=True, default="")
    started_at = models.DateTimeField(_("started"), db_default=CoreNow())
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("comparison with a provider")
        verbose_name_plural = _("comparisons with providers")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["provider", "-id"], name="billing_statement_provider"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["provider"],
                name="billing_providerstatement_is_unfinished_once_per_provider",
                condition=Q(finished_at__isnull=True),
            ),
            models.CheckConstraint(
                condition=Q(since_at__lt=F("until_at")), name="billing_providerstatement_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | Q(error=""),
                name="billing_providerstatement_finished_has_no_error",
            ),
            models.CheckConstraint(
                condition=Q(matched__gte=0, missing_here__gte=0, missing_there__gte=0, amount_differs__gte=0)
                & Q(decided__gte=0),
                name="billing_providerstatement_counts_are_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return gettext("comparison %(id)s") % {"id": self.id}


@audited(masked=("fact",))
@frozen(
    mutable=(
        *("verdict", "our_amount", "our_currency", "their_amount", "their_currency", "payment_id", "fact"),
        *("state", "decided_by", "decided_at", "reason"),
    )
)
class StatementLine(models.Model):
    """
    A movement of money on which we and a provider do not agree: open until it agrees by itself, or somebody books it or
    says why it is ignored. A trigger refuses any change of a decided one.
    """

    class Verdict(models.TextChoices):
        MISSING_HERE = "missing_here", _("missing here")
        MISSING_THERE = "missing_there", _("missing there")
        AMOUNT_DIFFERS = "amount_differs", _("amount differs")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("a difference", "open")
        BOOKED = "booked", pgettext_lazy("a difference", "booked")
        IGNORED = "ignored", pgettext_lazy("a difference", "ignored")
        RESOLVED = "resolved", pgettext_lazy("a difference", "agrees by now")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The comparison that has found it.
    statement = models.ForeignKey(
        "billing.ProviderStatement",
        verbose_name=_("comparison"),
        on_delete=models.PROTECT,
        related_name="lines",
        db_index=False,
    )
    provider = models.CharField(_("provider"), max_length=32, choices=Payment.Provider)
    # The provider's id of the payment, or of the refund: whoever told us, and under whatever event's id.
    reference = models.CharField(_("payment or refund"), max_length=255)
    direction = models.CharField(_("direction"), max_length=3, choices=PaymentEvent.Direction)
    provider_payment_id = models.CharField(_("provider's id"), max_length=255)
    payment = models.ForeignKey(
        "billing.Payment",
        verbose_name=_("payment"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    verdict = models.CharField(_("difference"), max_length=16, choices=Verdict)
    our_amount = models.BigIntegerField(_("amount here"), null=True)
    our_currency = models.CharField(max_length=3, blank=True, default="")
    their_amount = models.BigIntegerField(_("amount there"), null=True)
    their_currency = models.CharField(max_length=3, blank=True, default="")
    occurred_at = models.DateTimeField(_("happened"))
    # What the provider's books say, as a fact that can be recorded.
    fact = models.JSONField(_("as it came"), default=dict)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.OPEN)
    decided_by = models.CharField(_("decided by"), max_length=255, blank=True, default="")
    decided_at = models.DateTimeField(_("decided"), null=True)
    reason = models.TextField(_("reason"), blank=True, default="")
    created_at = models.DateTimeField(_("found"), db_default=CoreNow())

    class Meta:
        verbose_name = _("difference to a provider's books")
        verbose_name_plural = _("differences to providers' books")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "-id"], name="billing_statementline_state"),
            models.Index(fields=["statement", "-id"], name="billing_statementline_found"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["provider", "reference", "direction"], name="billing_statementline_is_one_per_movement"
            ),
            models.CheckConstraint(
                condition=(
                    Q(verdict="missing_here", our_amount__isnull=True, our_currency="", their_amount__isnull=False)
                    & ~Q(their_currency="")
                )
                | (
                    Q(verdict="missing_there", our_amount__isnull=False, their_amount__isnull=True, their_currency="")
                    & ~Q(our_currency="")
                )
                | (
                    Q(verdict="amount_differs", our_amount__isnull=False, their_amount__isnull=False)
                    & ~Q(our_currency="")
                    & ~Q(their_currency="")
                    & ~Q(our_amount=F("their_amount"), our_currency=F("their_currency"))
                ),
                name="billing_statementline_amounts_fit_its_verdict",
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True, decided_by="", reason="")
                | (Q(state="booked", verdict="missing_here", decided_at__isnull=False, reason="") & ~Q(decided_by=""))
                | (Q(state="ignored", decided_at__isnull=False) & ~Q(decided_by="") & ~Q(reason=""))
                | Q(state="resolved", decided_at__isnull=False, decided_by="", reason=""),
                name="billing_statementline_state_fits_its_decision",
            ),
        ]

    def __str__(self) -> str:
        return gettext("difference %(id)s") % {"id": self.id}

    @property
    def our_money(self) -> Money | None:
        """What we know of; None where we know of nothing."""
        return None if self.our_amount is None else Money(self.our_amount, self.our_currency)

    @property
    def their_money(self) -> Money | None:
        """What the provider knows of; None where it knows of nothing."""
        return None if self.their_amount is None else Money(self.their_amount, self.their_currency)
