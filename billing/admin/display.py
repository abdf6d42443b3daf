"""How customers, states and values of billing look in Admin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.models import (
    CreditRequest,
    Dispute,
    Hold,
    Invoice,
    Payment,
    PaymentEvent,
    PromoCode,
    PromoRedemption,
    Refund,
    Subscription,
    Transaction,
    Wallet,
)
from core.admin.display import Tone, badge, code, number, object_link
from core.money import Money

# What a list needs besides its rows to name their customers.
OWNERS: Final = ("wallet__user", "wallet__company")

_TONES: Final[Mapping[str, Tone]] = {
    Invoice.Status.PENDING: "warn",
    Invoice.Status.PAID: "good",
    Invoice.Status.EXPIRED: "quiet",
    Invoice.Status.CANCELLED: "quiet",
    Invoice.Status.PARTIALLY_REFUNDED: "info",
    Invoice.Status.REFUNDED: "info",
    Payment.Status.SUCCEEDED: "good",
    Payment.Status.DISPUTED: "warn",
    Payment.Status.CHARGED_BACK: "bad",
    Payment.Outcome.AWAITED: "quiet",
    Payment.Outcome.CREDITED: "good",
    Payment.Outcome.SURPLUS: "bad",
    Payment.Outcome.MISMATCH: "bad",
    CreditRequest.State.PENDING: "warn",
    CreditRequest.State.APPROVED: "good",
    CreditRequest.State.DECLINED: "bad",
    Subscription.Status.TRIALING: "info",
    Subscription.Status.ACTIVE: "good",
    Subscription.Status.PAST_DUE: "bad",
    Hold.State.OPEN: "warn",
    Hold.State.CAPTURED: "good",
    PromoRedemption.State.RESERVED: "warn",
    PromoRedemption.State.APPLIED: "good",
    Refund.State.FAILED: "bad",
    Dispute.State.WON: "good",
    Dispute.State.LOST: "bad",
}

_TONES_OF_EVENTS: Final[Mapping[str, Tone]] = {
    PaymentEvent.Kind.SUCCEEDED: "good",
    PaymentEvent.Kind.REFUNDED: "info",
    PaymentEvent.Kind.REFUND_FAILED: "bad",
    PaymentEvent.Kind.DISPUTE_OPENED: "warn",
    PaymentEvent.Kind.DISPUTE_WON: "good",
    PaymentEvent.Kind.DISPUTE_LOST: "bad",
}


def owner_name(wallet: Wallet) -> str:
    """How people call a wallet's owner."""
    return str(wallet.user or wallet.company)


def wallet_link(wallet: Wallet) -> SafeString | str:
    """A customer, leading to their wallet."""
    return object_link(wallet, owner_name(wallet))


def state_badge(
    row: Invoice | Payment | Hold | PromoRedemption | CreditRequest | Refund | Dispute | Subscription,
) -> SafeString:
    """The state of an invoice, a payment, a refund, a dispute, a subscription, a hold, a use of a code or a credit."""
    if isinstance(row, Invoice | Payment | Subscription):
        return badge(row.get_status_display(), _TONES.get(row.status, "quiet"))
    return badge(row.get_state_display(), _TONES.get(row.state, "quiet"))


def status_badge(status: Payment.Status) -> SafeString:
    """A payment's status, also where it is not (yet) the payment's."""
    return badge(status.label, _TONES.get(status, "quiet"))


def kind_badge(event: PaymentEvent) -> SafeString:
    """What an event says, in a word."""
    return badge(event.get_kind_display(), _TONES_OF_EVENTS.get(event.kind, "quiet"))


def outcome_badge(payment: Payment) -> SafeString:
    """What a payment did, in a word."""
    words = {
        Payment.Outcome.AWAITED: _("no money yet"),
        Payment.Outcome.CREDITED: _("credited"),
        Payment.Outcome.SURPLUS: _("surplus"),
        Payment.Outcome.MISMATCH: _("mismatch"),
    }
    return badge(words[Payment.Outcome(payment.outcome)], _TONES.get(payment.outcome, "quiet"))


def type_badge(row: Transaction) -> SafeString:
    """What kind of movement a ledger row is."""
    return badge(row.get_type_display(), "good" if row.tokens_delta > 0 else "quiet")


def actor_name(actor: Mapping[str, str]) -> str:
    """How people call whoever moved tokens."""
    return actor.get("label") or actor.get("kind") or ""


def promo_code_link(promo_code: PromoCode | None) -> SafeString | str:
    """A code, leading to its page."""
    return object_link(promo_code, code(promo_code.code)) if promo_code else object_link(None)


def discount(promo_code: PromoCode) -> str:
    """What a code gives: ``−33 %``, ``−100 ₽``, ``+5 tokens``."""
    value = promo_code.discount_value
    match promo_code.discount_type:
        case PromoCode.DiscountType.PERCENT:
            return f"−{value}\u00a0%"
        case PromoCode.DiscountType.FIXED:
            return f"−{Money(value, promo_code.currency)}"
        case _tokens:
            return ngettext("+%(tokens)s token", "+%(tokens)s tokens", value) % {"tokens": number(value)}


def days(value: int) -> str:
    """``30 days``."""
    return ngettext("%(days)s day", "%(days)s days", value) % {"days": number(value)}


def credited(transaction: Transaction) -> str:
    """What is told of a credit that has just been given."""
    tokens = transaction.tokens_delta
    return ngettext(
        "Credited %(tokens)s token; the balance is %(balance)s.",
        "Credited %(tokens)s tokens; the balance is %(balance)s.",
        tokens,
    ) % {"tokens": number(tokens), "balance": number(transaction.balance_after)}
