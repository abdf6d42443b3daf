"""Telegram Stars: paid inside Telegram, renewed by it, sent back whole, and told of in a statement of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from billing.gateways import telegram
from billing.gateways.provider import (
    Movement,
    Order,
    Provider,
    ProviderRefused,
    ProviderUnavailable,
    Repayment,
    Started,
)
from billing.rules.payment_events import Fact, Kind
from core import clock
from core.money import Money

# The one period that Telegram renews.
_DAYS: Final = 30
_PERIOD_SECONDS: Final = 2_592_000
_PAGE: Final = 100

Line = Mapping[str, Any]


class TelegramStars:
    """:cvar charges_agreements: Telegram renews by itself, and tells of it"""

    code = "telegram_stars"
    sends_refunds = True
    refunds_parts = False
    charges_agreements = False
    is_local = False

    def start(self, order: Order) -> Started:
        if order.amount.currency != telegram.STARS:
            raise ProviderRefused("not_offered", "Stars alone are paid as Stars")
        period = _PERIOD_SECONDS if order.period_days == _DAYS else None
        parameters = {**telegram.invoice_parameters(order), "provider_token": "", "subscription_period": period}
        return Started(invoice_link=str(telegram.ask("createInvoiceLink", **parameters)))

    def charge(self, order: Order, *, agreement: str) -> Sequence[Fact]:
        raise ProviderRefused("not_offered", f"{self.code} renews by itself")

    def facts_of(self, notice: Mapping[str, Any]) -> Sequence[Fact]:
        # Whoever showed the webhook's secret is Telegram: its word is the fact.
        return [fact for fact in telegram.facts_of_message(notice) if fact.provider == self.code]

    def look_up(self, payment_id: str) -> Sequence[Fact]:
        return [fact for line in _lines(0) if (fact := _fact(line)) and fact.payment_id == payment_id]

    def refund(self, repayment: Repayment) -> Sequence[Fact]:
        payer = repayment.details.get("payer")
        if not payer:
            raise ProviderRefused("payer_unknown", "nobody said who paid")
        try:
            telegram.ask("refundStarPayment", user_id=int(payer), telegram_payment_charge_id=repayment.payment_id)
        except ProviderRefused as refusal:
            if "CHARGE_ALREADY_REFUNDED" not in refusal.code:
                raise
        return [telegram.refunded(self.code, repayment.payment_id, repayment.amount, clock.now(), source="checkout")]

    def renew(self, *, agreement: str, details: Mapping[str, Any], is_on: bool) -> None:
        """Telegram renews a subscription until it is told not to; it runs to its end."""
        payer = details.get("payer")
        if not payer:
            raise ProviderRefused("payer_unknown", "nobody said who paid")
        telegram.ask(
            "editUserStarSubscription",
            user_id=int(payer),
            telegram_payment_charge_id=agreement,
            is_canceled=not is_on,
        )

    def movements(self, since: datetime) -> Iterator[Movement]:
        for line in _lines(_offset_of(since)):
            fact = _fact(line)
            if fact is not None and fact.occurred_at >= since:
                yield Movement(fact)


def make() -> Provider:
    return TelegramStars()


def _lines(offset: int) -> Iterator[Line]:
    """The statement from a line on, the oldest first."""
    while page := _page(offset, _PAGE):
        yield from page
        offset += len(page)


def _page(offset: int, limit: int) -> list[Line]:
    told = telegram.ask("getStarTransactions", offset=offset, limit=limit)
    lines = told.get("transactions") if isinstance(told, Mapping) else None
    if not isinstance(lines, list):
        raise ProviderUnavailable("the statement cannot be read")
    return lines


def _offset_of(since: datetime) -> int:
    """Where a moment begins in the statement, which is asked for by position alone."""

    def is_before(offset: int) -> bool:
        page = _page(offset, 1)
        return bool(page) and telegram.moment(page[0].get("date")) < since

    low, high = 0, 1
    while is_before(high):
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if is_before(middle) else (low, middle)
    return low


def _fact(line: Line) -> Fact | None:
    """What a line says; None for what no customer paid or got back: withdrawals, gifts, advertisements."""
    is_in = "source" in line
    partner = line.get("source" if is_in else "receiver")
    if not isinstance(partner, Mapping) or partner.get("type") != "user":
        return None
    charge_id, stars = str(line.get("id", "")), line.get("amount")
    if not isinstance(stars, int) or stars <= 0 or not 1 <= len(charge_id) <= 255:
        return None
    amount, occurred_at = Money(stars, telegram.STARS), telegram.moment(line.get("date"))
    if not is_in:
        return telegram.refunded("telegram_stars", charge_id, amount, occurred_at, source="books", payload=line)
    person = partner.get("user")
    return Fact(
        provider="telegram_stars",
        event_id=charge_id,
        kind=Kind.SUCCEEDED,
        payment_id=charge_id,
        occurred_at=occurred_at,
        source="books",
        amount=amount,
        invoice_id=telegram.invoice_id_of(partner.get("invoice_payload")),
        # The books do not tell a renewal from the first payment, before which there is no subscription to renew.
        renews=bool(partner.get("subscription_period")),
        payload=line,
        details={"payer": person.get("id", 0) if isinstance(person, Mapping) else 0},
    )
