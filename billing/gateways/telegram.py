"""
Telegram Payments with a provider's token: Telegram asks before, and tells afterwards, by the updates of our bot. What
is the same for Stars stands here, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from billing.gateways.provider import (
    Movement,
    Order,
    Provider,
    ProviderPaused,
    ProviderRefused,
    ProviderUnavailable,
    Repayment,
    Started,
)
from billing.rules.payment_events import Fact, Kind
from core.money import EXPONENTS, Money
from messaging.bots import get_bot
from messaging.gateways.bot_api import BotApiError, Refused, Silenced
from messaging.rules.updates import kind_of

STARS: Final = "XTR"
# Whoever asks waits ten seconds in all.
_ANSWER_SECONDS: Final = 4.0


def ask(method: str, *, is_urgent: bool = False, **parameters: Any) -> Any:
    """
    Call a method of the Bot API as the main bot.

    :param is_urgent: whether it is asked for also while the bot is to be silent
    :raises ProviderRefused: Telegram says no; its own word is the code
    :raises ProviderPaused: it wants to be left alone for a while, or refuses the token, which can be mended
    :raises ProviderUnavailable: it did not answer
    """
    try:
        return get_bot("main").call(method, is_urgent=is_urgent, **parameters)
    except Refused as refusal:
        raise ProviderRefused(refusal.says) from refusal
    except Silenced as pause:
        raise ProviderPaused(pause.says, seconds=pause.seconds) from pause
    except BotApiError as failure:
        raise ProviderUnavailable(failure.says) from failure


# What Telegram asks before it takes money.


@dataclass(frozen=True, slots=True)
class Question:
    """
    A ``pre_checkout_query``.

    :param payer: a Telegram id; 0 where none was named
    :param amount: what Telegram would take; None for a currency that nobody here knows
    :param invoice_id: None for a payload that is not ours
    """

    id: str
    payer: int
    language_code: str
    amount: Money | None
    invoice_id: UUID | None


def read_question(query: Mapping[str, Any]) -> Question:
    """What a ``pre_checkout_query`` asks."""
    sender = query.get("from")
    sender = sender if isinstance(sender, Mapping) else {}
    return Question(
        id=str(query.get("id", "")),
        payer=_whole(sender.get("id")),
        language_code=str(sender.get("language_code", ""))[:20],
        amount=_money(query),
        invoice_id=invoice_id_of(query.get("invoice_payload")),
    )


def answer_question(query_id: str, *, refusal: str = "") -> None:
    """
    Tell Telegram whether it may take the money.

    :param refusal: why not, in the payer's language; empty where it may
    :raises ProviderUnavailable: it does not listen
    :raises ProviderRefused: nobody waits for the answer any more
    """
    said = {"error_message": refusal[:255]} if refusal else {}
    # One answer per sale, for which somebody waits with their money in hand.
    ask(
        "answerPreCheckoutQuery",
        is_urgent=True,
        answer_seconds=_ANSWER_SECONDS,
        pre_checkout_query_id=query_id,
        ok=not refusal,
        **said,
    )


# What Telegram tells afterwards.


@dataclass(frozen=True, slots=True)
class SubscriptionUpdated:
    """
    A ``BotSubscriptionUpdated``: what became of a subscription that Telegram renews.

    :param payer: a Telegram id; 0 where none was named
    :param invoice_id: of its first payment; None for a payload that is not ours
    :param state: ``canceled`` by the payer, ``active`` again, ``failed`` to be paid
    """

    payer: int
    invoice_id: UUID | None
    state: str


def read_subscription(told: Mapping[str, Any]) -> SubscriptionUpdated:
    """What a ``BotSubscriptionUpdated`` says."""
    user = told.get("user")
    return SubscriptionUpdated(
        payer=_whole(user.get("id")) if isinstance(user, Mapping) else 0,
        invoice_id=invoice_id_of(told.get("invoice_payload")),
        state=str(told.get("state", ""))[:32],
    )


def facts_of_message(payload: Mapping[str, Any]) -> list[Fact]:
    """The fact in an update with ``successful_payment`` or ``refunded_payment``; none in any other."""
    kind = kind_of(payload)
    message = payload.get("message")
    if kind not in {"successful_payment", "refunded_payment"} or not isinstance(message, Mapping):
        return []
    told: Mapping[str, Any] = message[kind]
    amount, charge_id = _money(told), str(told.get("telegram_payment_charge_id", ""))
    if amount is None or not 1 <= len(charge_id) <= 255:
        return []
    occurred_at = moment(message.get("date"))
    provider = "telegram_stars" if amount.currency == STARS else "telegram"
    if kind == "refunded_payment":
        return [refunded(provider, charge_id, amount, occurred_at, source="webhook", payload=payload)]
    sender = message.get("from")
    details: dict[str, Any] = {"payer": _whole(sender.get("id")) if isinstance(sender, Mapping) else 0}
    if settled_by := str(told.get("provider_payment_charge_id", "")):
        details["provider_charge"] = settled_by
    renews = bool(told.get("is_recurring")) and not told.get("is_first_recurring")
    if until := _whole(told.get("subscription_expiration_date")):
        details["paid_until"] = moment(until).isoformat()
        if not renews:
            # Renewals are taken by Telegram itself, and cancelled by the first charge.
            details["agreement"] = charge_id
    fact = Fact(
        provider=provider,
        event_id=charge_id,
        kind=Kind.SUCCEEDED,
        payment_id=charge_id,
        occurred_at=occurred_at,
        source="webhook",
        amount=amount,
        invoice_id=invoice_id_of(told.get("invoice_payload")),
        renews=renews,
        payload=payload,
        details=details,
    )
    return [fact]


def refunded(
    provider: str,
    charge_id: str,
    amount: Money,
    occurred_at: datetime,
    *,
    source: str,
    payload: Mapping[str, Any] | None = None,
) -> Fact:
    """
    Money that went back whole. Telegram gives a refund its payment's id, so that the desk's own, the update about it
    and the line in the books are one fact.
    """
    return Fact(
        provider=provider,
        event_id=charge_id,
        kind=Kind.REFUNDED,
        payment_id=charge_id,
        occurred_at=occurred_at,
        source=source,
        amount=amount,
        reference=charge_id,
        payload=payload or {},
    )


def moment(seconds: object) -> datetime:
    """A moment as Telegram writes it; the beginning of time for one that it did not write."""
    return datetime.fromtimestamp(min(_whole(seconds), 2**35), UTC)


def invoice_id_of(payload: object) -> UUID | None:
    """The invoice that a payload names; None for one that is not ours."""
    try:
        return UUID(str(payload))
    except ValueError:
        return None


def invoice_parameters(order: Order) -> dict[str, Any]:
    """What ``createInvoiceLink`` takes for an order."""
    return {
        "title": order.title,
        "description": order.description,
        "payload": str(order.invoice_id),
        "currency": order.amount.currency,
        "prices": [{"label": order.title, "amount": order.amount.amount}],
    }


class Telegram:
    """
    Money of countries, taken by a provider behind Telegram.

    :cvar sends_refunds: nothing goes back through the Bot API: it is sent back in that provider's own office
    """

    code = "telegram"
    sends_refunds = False
    refunds_parts = False
    charges_agreements = False
    is_local = False

    def start(self, order: Order) -> Started:
        if order.amount.currency == STARS:
            raise ProviderRefused("not_offered", "Stars are paid as Stars")
        parameters = {**invoice_parameters(order), "provider_token": settings.TELEGRAM_PROVIDER_TOKEN}
        return Started(invoice_link=str(ask("createInvoiceLink", **parameters)))

    def charge(self, order: Order, *, agreement: str) -> Sequence[Fact]:
        raise ProviderRefused("not_offered", f"{self.code} charges nobody by itself")

    def renew(self, *, agreement: str, details: Mapping[str, Any], is_on: bool) -> None:
        """It renews nothing by itself."""

    def facts_of(self, notice: Mapping[str, Any]) -> Sequence[Fact]:
        # Whoever showed the webhook's secret is Telegram: its word is the fact.
        return [fact for fact in facts_of_message(notice) if fact.provider == self.code]

    def look_up(self, payment_id: str) -> Sequence[Fact]:
        return ()

    def refund(self, repayment: Repayment) -> Sequence[Fact]:
        raise ProviderRefused("not_offered", "send it back in the office of the provider behind Telegram")

    def movements(self, since: datetime) -> Iterator[Movement]:
        raise ProviderRefused("no_books", f"{self.code} keeps no books")


def make() -> Provider:
    return Telegram()


def _money(told: Mapping[str, Any]) -> Money | None:
    currency, total = str(told.get("currency", "")), _whole(told.get("total_amount"))
    return Money(total, currency) if currency in EXPONENTS and total else None


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63 else 0
