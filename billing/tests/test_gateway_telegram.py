"""The two providers behind Telegram: what they ask of it, and what they make of what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from pytest_django import Settings

from billing.gateways import providers, telegram
from billing.gateways.provider import Order, ProviderPaused, ProviderRefused, ProviderUnavailable, Repayment
from billing.gateways.telegram_stars import TelegramStars
from billing.rules.payment_events import Kind
from core.money import Money
from messaging.tests.factories import TOKEN, message
from scripts.fakes.bot_api import BotApi
from scripts.fakes.bot_api_world import Charge, Invoice, Payer
from scripts.fakes.server import House

# Whether a bot may speak is kept in the database.
pytestmark = pytest.mark.django_db

INVOICE: Final = UUID("01980f2a-5c1d-7e2f-9a3b-4c5d6e7f8091")


def order(amount: Money, **changes: Any) -> Order:
    fields = {"title": "50 documents", "description": "Tokens", "key": "k", **changes}
    return Order(invoice_id=INVOICE, amount=amount, **fields)


def repayment(**details: Any) -> Repayment:
    return Repayment("stx-1", Money(100, "XTR"), "They asked", "k", details)


def successful(**changes: Any) -> dict[str, Any]:
    told = {
        "currency": "XTR",
        "total_amount": 100,
        "invoice_payload": str(INVOICE),
        "telegram_payment_charge_id": "stx-1",
    }
    return message(successful_payment={**told, **changes})


@pytest.fixture
def stars(fakes: House) -> TelegramStars:
    return TelegramStars()


def test_asks_for_a_link_as_stars_have_it(stars: TelegramStars, fakes: House) -> None:
    started = stars.start(order(Money(100, "XTR"), period_days=30))
    assert started.invoice_link.startswith(fakes.address)
    (call,) = fakes.calls("createInvoiceLink")
    assert call.body == {
        "title": "50 documents",
        "description": "Tokens",
        "payload": str(INVOICE),
        "provider_token": "",
        "currency": "XTR",
        "prices": [{"label": "50 documents", "amount": 100}],
        "subscription_period": 2_592_000,
    }


def test_asks_for_a_link_with_a_providers_token(fakes: House, settings: Settings) -> None:
    settings.TELEGRAM_PROVIDER_TOKEN = "1:TEST:x"
    started = providers.get("telegram").start(order(Money(14_900, "RUB"), period_days=30))
    assert started.invoice_link
    (call,) = fakes.calls("createInvoiceLink")
    assert (call.body["provider_token"], call.body["currency"]) == ("1:TEST:x", "RUB")
    assert "subscription_period" not in call.body


@pytest.mark.parametrize(("code", "currency"), [("telegram_stars", "RUB"), ("telegram", "XTR")])
def test_takes_no_other_money(fakes: House, code: str, currency: str) -> None:
    with pytest.raises(ProviderRefused):
        providers.get(code).start(order(Money(100, currency)))
    assert not fakes.calls()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 400}, ProviderRefused),
        ({"status": 401}, ProviderPaused),
        ({"status": 403}, ProviderUnavailable),
        ({"status": 429, "retry_after": 3}, ProviderPaused),
        ({"status": 500}, ProviderUnavailable),
    ],
)
def test_tells_a_refusal_from_silence(
    stars: TelegramStars, fakes: House, fault: dict[str, Any], error: type[Exception]
) -> None:
    fakes.script("createInvoiceLink", kind="status", **fault)
    with pytest.raises(error) as refused:
        stars.start(order(Money(100, "XTR")))
    assert type(refused.value) is error
    assert TOKEN not in str(refused.value)


def test_reads_a_payment() -> None:
    (fact,) = telegram.facts_of_message(successful())
    assert (fact.provider, fact.kind) == ("telegram_stars", Kind.SUCCEEDED)
    assert (fact.event_id, fact.payment_id) == ("stx-1", "stx-1")
    assert (fact.amount, fact.invoice_id, fact.renews) == (Money(100, "XTR"), INVOICE, False)
    assert fact.occurred_at == datetime.fromtimestamp(1_790_000_000, UTC)
    assert fact.details == {"payer": 5}


def test_reads_a_payment_behind_a_provider() -> None:
    told = successful(currency="RUB", total_amount=14_900, provider_payment_charge_id="ch-9")
    (fact,) = telegram.facts_of_message(told)
    assert (fact.provider, fact.details["provider_charge"]) == ("telegram", "ch-9")
    assert providers.get("telegram").facts_of(told) == [fact]
    assert providers.get("telegram_stars").facts_of(told) == []


@pytest.mark.parametrize(("first", "renews"), [({"is_first_recurring": True}, False), ({}, True)])
def test_reads_a_subscription(first: dict[str, bool], renews: bool) -> None:
    told = successful(is_recurring=True, subscription_expiration_date=1_800_000_000, **first)
    (fact,) = telegram.facts_of_message(told)
    assert fact.renews is renews
    assert fact.details["paid_until"] == "2027-01-15T08:00:00+00:00"
    # Telegram knows a subscription by its first charge.
    assert ("agreement" in fact.details) is not renews


def test_a_refund_has_its_payments_id(stars: TelegramStars, fakes: House, telegram: BotApi, db: None) -> None:
    world = telegram.world(TOKEN)
    world.charges["stx-1"] = Charge("stx-1", _link(), Payer(5), 100, "XTR")
    (desk,) = stars.refund(repayment(payer=5))
    (again,) = stars.refund(repayment(payer=5))
    (told,) = [fact for update in world.waiting for fact in stars.facts_of(update)]
    (line,) = stars.movements(datetime(2020, 1, 1, tzinfo=UTC))
    identities = {(fact.event_id, fact.direction, fact.reference) for fact in (desk, again, told, line.fact)}
    assert identities == {("stx-1", "out", "stx-1")}
    assert line.identity == ("stx-1", "out")


def test_nobody_to_send_it_back_to(stars: TelegramStars, fakes: House) -> None:
    with pytest.raises(ProviderRefused, match="payer_unknown"):
        stars.refund(repayment())
    assert not fakes.calls()


def test_a_renewal_is_ended_with_telegram(stars: TelegramStars, fakes: House, telegram: BotApi) -> None:
    charge = Charge("stx-1", _link(), Payer(5), 100, "XTR", expires=1_800_000_000)
    telegram.world(TOKEN).charges["stx-1"] = charge
    stars.renew(agreement="stx-1", details={"payer": 5}, is_on=False)
    assert charge.is_cancelled


@pytest.mark.parametrize(
    "told",
    [
        message(text="hi"),
        message(successful_payment={}),
        successful(total_amount="100"),
        successful(total_amount=-1),
        successful(currency="???"),
        successful(telegram_payment_charge_id=""),
        successful(telegram_payment_charge_id="x" * 256),
        {"update_id": 1},
    ],
)
def test_what_is_no_payment_is_no_fact(told: dict[str, Any]) -> None:
    assert telegram.facts_of_message(told) == []


@pytest.mark.parametrize("count", [0, 1, 2, 250])
@pytest.mark.parametrize("days", [0, 1, 100, 400])
def test_pages_through_the_statement_from_a_moment_on(
    stars: TelegramStars, fakes: House, telegram: BotApi, count: int, days: int
) -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    telegram.world(TOKEN).transactions = [
        {
            "id": f"stx-{number}",
            "amount": 100,
            "date": int((begun + timedelta(days=number)).timestamp()),
            "source": {"type": "user", "user": {"id": 5}, "invoice_payload": str(INVOICE)},
        }
        for number in range(count)
    ]
    found = [movement.fact.event_id for movement in stars.movements(begun + timedelta(days=days))]
    assert found == [f"stx-{number}" for number in range(days, count)]
    assert len(fakes.calls("getStarTransactions")) < 25


def test_what_no_customer_paid_is_left_out(stars: TelegramStars, telegram: BotApi) -> None:
    telegram.world(TOKEN).transactions = [
        {"id": "1", "amount": 5, "date": 1_790_000_000, "receiver": {"type": "fragment"}},
        {"id": "2", "amount": 5, "date": 1_790_000_000, "source": {"type": "affiliate_program"}},
        {"id": "3", "amount": 5, "date": 1_790_000_000},
        {"id": "4", "amount": 5, "date": 1_790_000_001, "source": {"type": "user", "invoice_payload": "ours?"}},
    ]
    (fact,) = stars.look_up("4")
    assert (fact.invoice_id, fact.details) == (None, {"payer": 0})
    assert list(stars.look_up("1")) == []


@pytest.mark.parametrize("code", ["telegram_stars", "telegram"])
def test_charges_nobody_by_itself(code: str) -> None:
    with pytest.raises(ProviderRefused):
        providers.get(code).charge(order(Money(1, "XTR")), agreement="x")


def test_a_provider_behind_telegram_keeps_no_books_for_us() -> None:
    provider = providers.get("telegram")
    assert provider.look_up("x") == ()
    with pytest.raises(ProviderRefused):
        provider.refund(repayment(payer=5))
    with pytest.raises(ProviderRefused):
        provider.movements(datetime(2026, 1, 1, tzinfo=UTC))


def _link() -> Invoice:
    return Invoice("slug", "50 documents", "Tokens", str(INVOICE), "XTR", 100)
