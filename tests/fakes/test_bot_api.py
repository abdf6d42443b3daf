"""The made-up Bot API: aiogram, which others wrote, can talk to it, and it is as strict as the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest
import requests

from messaging.tests.factories import TOKEN
from scripts.fakes.bot_api import BotApi
from scripts.fakes.bot_api_world import World
from scripts.fakes.server import House, running

if TYPE_CHECKING:
    # It takes seconds to load: not in every process that only looks for tests.
    from aiogram import Bot

R = TypeVar("R")
STARS: Final[dict[str, Any]] = {"title": "50 documents", "description": "Tokens", "payload": "p-1", "currency": "XTR"}
PRICES: Final[list[dict[str, Any]]] = [{"label": "50 documents", "amount": 100}]


@pytest.fixture
def telegram() -> BotApi:
    return BotApi()


@pytest.fixture
def world(telegram: BotApi) -> World:
    return telegram.world(TOKEN)


@pytest.fixture
def house(telegram: BotApi) -> Iterator[House]:
    with running(telegram) as house:
        yield house


def by_aiogram(house: House, asks: Callable[[Bot], Awaitable[R]], token: str = TOKEN) -> R:
    from aiogram import Bot
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer

    async def run() -> R:
        session = AiohttpSession(api=TelegramAPIServer.from_base(f"{house.address}/telegram"))
        async with Bot(token, session=session) as bot:
            return await asks(bot)

    return asyncio.run(run())


def call(house: House, method: str, **said: Any) -> dict[str, Any]:
    answer = requests.post(f"{house.address}/telegram/bot{TOKEN}/{method}", json=said, timeout=20)
    found: dict[str, Any] = answer.json()
    assert found["ok"] is (answer.status_code == 200)
    return found


def deed(house: House, name: str, **said: Any) -> dict[str, Any]:
    answer = requests.post(f"{house.address}/telegram/_deeds", json={"deed": name, **said}, timeout=20)
    found: dict[str, Any] = answer.json()
    return found


def link(house: House, **changes: Any) -> str:
    made = call(house, "createInvoiceLink", **{**STARS, "prices": PRICES, **changes})
    return str(made["result"])


def test_aiogram_sells_something_for_stars(house: House) -> None:
    from aiogram.exceptions import TelegramBadRequest
    from aiogram.types import LabeledPrice

    async def sell(bot: Bot) -> list[Any]:
        assert (await bot.me()).is_bot
        address = await bot.create_invoice_link(**STARS, prices=[LabeledPrice(label="50 documents", amount=100)])
        paying = asyncio.to_thread(deed, house, "pay", invoice=address, user=5, language_code="ru")
        buyer = asyncio.create_task(paying)
        (question,) = await bot.get_updates(timeout=5)
        asked = question.pre_checkout_query
        assert asked is not None
        assert (asked.total_amount, asked.currency, asked.invoice_payload) == (100, "XTR", "p-1")
        assert (asked.from_user.id, asked.from_user.language_code) == (5, "ru")
        await bot.answer_pre_checkout_query(asked.id, ok=True)
        paid = await buyer
        (told,) = await bot.get_updates(offset=question.update_id + 1, timeout=5)
        assert told.message is not None
        payment = told.message.successful_payment
        assert payment is not None
        assert payment.telegram_payment_charge_id == paid["charge_id"]
        assert (await bot.get_my_star_balance()).amount == 100
        await bot.refund_star_payment(5, paid["charge_id"])
        with pytest.raises(TelegramBadRequest, match="CHARGE_ALREADY_REFUNDED"):
            await bot.refund_star_payment(5, paid["charge_id"])
        (back,) = await bot.get_updates(offset=told.update_id + 1, timeout=5)
        assert back.message is not None
        assert back.message.refunded_payment is not None
        assert (await bot.get_my_star_balance()).amount == 0
        return (await bot.get_star_transactions()).transactions

    came, went = by_aiogram(house, sell)
    assert came.id == went.id
    assert came.source is not None
    assert went.receiver is not None


def test_aiogram_hears_what_went_wrong(house: House, world: World) -> None:
    from aiogram.exceptions import (
        TelegramBadRequest,
        TelegramForbiddenError,
        TelegramRetryAfter,
        TelegramUnauthorizedError,
    )

    house.script("sendMessage", kind="status", status=429, retry_after=35)
    with pytest.raises(TelegramRetryAfter) as pause:
        by_aiogram(house, lambda bot: bot.send_message(5, "hi"))
    assert pause.value.retry_after == 35
    deed(house, "block", user=5)
    with pytest.raises(TelegramForbiddenError):
        by_aiogram(house, lambda bot: bot.send_message(5, "hi"))
    deed(house, "unblock", user=5)
    assert by_aiogram(house, lambda bot: bot.send_message(5, "hi")).text == "hi"
    with pytest.raises(TelegramBadRequest, match="Unsupported start tag"):
        by_aiogram(house, lambda bot: bot.send_message(5, "<h1>hi</h1>", parse_mode="HTML"))
    house.script("getMe", kind="status", status=401)
    with pytest.raises(TelegramUnauthorizedError):
        by_aiogram(house, lambda bot: bot.get_me())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"provider_token": "1:TEST:x"}, "PAYMENT_PROVIDER_INVALID"),
        ({"prices": PRICES * 2}, "STARS_INVOICE_INVALID"),
        ({"prices": [{"label": "x", "amount": 0}]}, "STARS_INVOICE_INVALID"),
        ({"prices": [{"label": "x", "amount": "1"}]}, "can't parse labeled price"),
        ({"prices": []}, "prices must be"),
        ({"subscription_period": 86_400}, "SUBSCRIPTION_PERIOD_INVALID"),
        ({"subscription_period": 2_592_000, "prices": [{"label": "x", "amount": 10_001}]}, "SUBSCRIPTION_PERIOD"),
        ({"currency": "RUB"}, "PAYMENT_PROVIDER_INVALID"),
        ({"currency": "rub", "provider_token": "1:TEST:x"}, "CURRENCY_INVALID"),
        ({"currency": "RUB", "provider_token": "1:TEST:x", "subscription_period": 2_592_000}, "SUBSCRIPTION_PERIOD"),
        ({"title": "x" * 33}, "title must be"),
        ({"description": ""}, "description must be"),
        ({"payload": "я" * 65}, "payload must be"),
        ({"payload": None}, 'parameter "payload" is required'),
        ({"is_flexible": "perhaps"}, "invalid type"),
    ],
)
def test_refuses_an_invoice_as_the_real_one_does(house: House, changes: dict[str, Any], says: str) -> None:
    answer = call(house, "createInvoiceLink", **{**STARS, "prices": PRICES, **changes})
    assert answer["error_code"] == 400
    assert says in answer["description"]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": "😀" * 2_049}, "message is too long"),
        ({"text": "<b>x", "parse_mode": "HTML"}, "Can't find end tag"),
        ({"text": "<b>x</i>", "parse_mode": "HTML"}, "Unexpected end tag"),
        ({"text": "1 < 2", "parse_mode": "HTML"}, "Unsupported start tag"),
        ({"text": "x", "parse_mode": "BBCode"}, "unsupported parse_mode"),
        ({"text": "x", "chat_id": 0}, "chat not found"),
        ({"text": "x", "chat_id": "me"}, "invalid type"),
    ],
)
def test_refuses_a_message_as_the_real_one_does(house: House, said: dict[str, Any], says: str) -> None:
    answer = call(house, "sendMessage", **{"chat_id": 5, **said})
    assert says in answer["description"]


def test_a_forms_fields_count_as_well(house: House) -> None:
    form = {"chat_id": "5", "text": "hi", "disable_notification": "true"}
    address = f"{house.address}/telegram/bot{TOKEN}/sendMessage"
    assert requests.post(address, data=form, timeout=10).json()["ok"] is True
    assert requests.post(address, files={k: (None, v) for k, v in form.items()}, timeout=10).json()["ok"] is True
    assert requests.get(address, params=form, timeout=10).json()["ok"] is True


@pytest.mark.parametrize(("path", "status"), [("botnone/getMe", 401), (f"bot{TOKEN}/getNothing", 404), ("x", 404)])
def test_knows_no_other_bots_and_methods(house: House, path: str, status: int) -> None:
    answer = requests.get(f"{house.address}/telegram/{path}", timeout=10)
    assert (answer.status_code, answer.json()["error_code"]) == (status, status)


def test_aiogram_hears_what_a_payer_does_to_a_subscription(house: House) -> None:
    first = deed(house, "pay", invoice=link(house, subscription_period=2_592_000), user=5, unasked=True)

    async def hear(bot: Bot) -> list[tuple[str, str, int]]:
        updates = [each.subscription for each in await bot.get_updates() if each.subscription]
        return [(each.state, each.invoice_payload, each.user.id) for each in updates]

    told = [deed(house, name, charge_id=first["charge_id"]) for name in ("fail", "cancel")]
    assert deed(house, "renew", charge_id=first["charge_id"])["status"] == "declined"
    told.append(deed(house, "resume", charge_id=first["charge_id"]))
    assert all(each["update_id"] for each in told)
    assert by_aiogram(house, hear) == [("failed", "p-1", 5), ("canceled", "p-1", 5), ("active", "p-1", 5)]
    assert deed(house, "renew", charge_id=first["charge_id"])["status"] == "paid"


def test_a_subscription_goes_on_until_it_is_cancelled(house: House, world: World) -> None:
    address = link(house, subscription_period=2_592_000)
    first = deed(house, "pay", invoice=address, user=5, unasked=True, expires=1_800_000_000)
    second = deed(house, "renew", charge_id=first["charge_id"])
    bodies = [update["message"]["successful_payment"] for update in world.waiting]
    assert [body["subscription_expiration_date"] for body in bodies] == [1_800_000_000, 1_802_592_000]
    assert [body.get("is_first_recurring") for body in bodies] == [True, None]
    assert {body["invoice_payload"] for body in bodies} == {"p-1"}
    said = {"user_id": 5, "telegram_payment_charge_id": second["charge_id"], "is_canceled": True}
    assert call(house, "editUserStarSubscription", **said)["result"] is True
    assert deed(house, "renew", charge_id=second["charge_id"])["status"] == "declined"


def test_what_a_store_takes_back_stands_in_the_statement_alone(house: House, world: World) -> None:
    paid = deed(house, "pay", invoice=link(house), user=5, unasked=True)
    world.waiting.clear()
    deed(house, "chargeback", charge_id=paid["charge_id"])
    assert not world.waiting
    came, went = call(house, "getStarTransactions", limit=10)["result"]["transactions"]
    assert (came["id"], "source" in came, "receiver" in went) == (went["id"], True, True)
    assert call(house, "getStarTransactions", offset=1, limit=1)["result"]["transactions"] == [went]
    assert call(house, "getStarTransactions", limit=101)["ok"] is False


def test_the_wrong_payer_has_nothing_to_get_back(house: House) -> None:
    paid = deed(house, "pay", invoice=link(house), user=5, unasked=True)
    said = {"user_id": 6, "telegram_payment_charge_id": paid["charge_id"]}
    assert "CHARGE_NOT_FOUND" in call(house, "refundStarPayment", **said)["description"]


def test_a_page_asks_who_pays_and_says_how_it_ended(house: House, world: World) -> None:
    address = link(house, title="<50> documents")
    page = requests.get(address, timeout=10)
    assert "&lt;50&gt; documents" in page.text
    assert "<script" not in page.text
    declined = requests.post(f"{address}/decline", timeout=10)
    assert "Not paid" in declined.text
    assert not world.waiting
    assert requests.post(f"{address}/pay", data={"user": "me"}, timeout=10).status_code == 404
    assert requests.get(f"{address}x", timeout=10).status_code == 404


@pytest.mark.parametrize(
    "said", [{"deed": "dance"}, {"deed": "pay"}, {"deed": "pay", "invoice": "none", "user": 5}, []]
)
def test_refuses_a_deed_that_nobody_can_do(house: House, said: Any) -> None:
    answer = requests.post(f"{house.address}/telegram/_deeds", json=said, timeout=10)
    assert answer.status_code == 400


def test_tells_by_one_way_at_a_time(house: House, world: World) -> None:
    deed(house, "tell", update={"message": {"text": "one"}})
    assert call(house, "setWebhook", url="http://127.0.0.1:1/", secret_token="bad secret")["ok"] is False
    call(house, "setWebhook", url="http://127.0.0.1:1/", secret_token="s", allowed_updates=["message"])
    assert "Conflict" in call(house, "getUpdates")["description"]
    info = call(house, "getWebhookInfo")["result"]
    assert (info["pending_update_count"], info["allowed_updates"]) == (1, ["message"])
    world.courier.clear()
    call(house, "deleteWebhook", drop_pending_updates=True)
    assert call(house, "getUpdates")["result"] == []
