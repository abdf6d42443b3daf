"""How customers, states and values of billing look in Admin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from billing.models import Hold, Invoice, Payment, PromoCode, PromoRedemption, Transaction, Wallet
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
    Payment.Outcome.CREDITED: "good",
    Payment.Outcome.SURPLUS: "bad",
    Payment.Outcome.MISMATCH: "bad",
    Hold.State.OPEN: "warn",
    Hold.State.CAPTURED: "good",
    PromoRedemption.State.RESERVED: "warn",
    PromoRedemption.State.APPLIED: "good",
}


def owner_name(wallet: Wallet) -> str:
    """How people call a wallet's owner."""
    return str(wallet.user or wallet.company)


def wallet_link(wallet: Wallet) -> SafeString | str:
    """A customer, leading to their wallet."""
    return object_link(wallet, owner_name(wallet))


def state_badge(row: Invoice | Payment | Hold | PromoRedemption) -> SafeString:
    """The state of an invoice, a payment, a hold or a use of a code."""
    if isinstance(row, Invoice | Payment):
        return badge(row.get_status_display(), _TONES.get(row.status, "quiet"))
    return badge(row.get_state_display(), _TONES.get(row.state, "quiet"))


def outcome_badge(payment: Payment) -> SafeString:
    """What a payment did, in a word."""
    words = {
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
            return _("+%(tokens)s tokens") % {"tokens": number(value)}
