"""The Bot API's client: what each answer means, what it never says, and how long it waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from messaging.gateways import bot_api
from messaging.gateways.bot_api import BotApi
from messaging.tests.factories import TOKEN
from scripts.fakes import bot_api as fake
from scripts.fakes.server import House, running


@pytest.fixture
def house() -> Iterator[House]:
    with running(fake.BotApi()) as house:
        yield house


@pytest.fixture
def api(house: House) -> BotApi:
    return BotApi(f"{house.address}/telegram", TOKEN)


def test_gives_what_the_method_answered(api: BotApi, house: House) -> None:
    assert api.call("getMe")["is_bot"] is True
    assert api.call("sendMessage", chat_id=5, text="<b>hi</b>", parse_mode="HTML", reply_markup=None)["text"]
    assert house.calls("sendMessage")[0].body == {"chat_id": 5, "text": "<b>hi</b>", "parse_mode": "HTML"}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 429, "retry_after": 35}, bot_api.TooManyRequests),
        ({"kind": "status", "status": 403}, bot_api.Blocked),
        ({"kind": "status", "status": 400, "says": "Bad Request: chat not found"}, bot_api.ChatNotFound),
        ({"kind": "status", "status": 400, "says": "Bad Request: message is too long"}, bot_api.Refused),
        ({"kind": "status", "status": 409, "says": "Conflict"}, bot_api.Refused),
        ({"kind": "status", "status": 401}, bot_api.TokenRefused),
        ({"kind": "status", "status": 404}, bot_api.TokenRefused),
        ({"kind": "status", "status": 500}, bot_api.NotReached),
        ({"kind": "html", "status": 502}, bot_api.NotReached),
        ({"kind": "html", "status": 200}, bot_api.Unknown),
        ({"kind": "drop"}, bot_api.Unknown),
        ({"kind": "truncate"}, bot_api.Unknown),
        ({"kind": "huge"}, bot_api.Unknown),
        ({"kind": "hang", "seconds": 20}, bot_api.Unknown),
    ],
)
def test_says_what_an_answer_means(api: BotApi, house: House, fault: dict[str, Any], kind: type[Exception]) -> None:
    house.script("getMe", **fault)
    with pytest.raises(bot_api.BotApiError) as refused:
        # An answer that comes is waited for as long as a busy machine needs.
        api.call("getMe", answer_seconds=0.5 if fault["kind"] == "hang" else 60)
    assert type(refused.value) is kind
    assert TOKEN not in str(refused.value)
    assert TOKEN not in repr(api)


def test_says_how_long_to_be_silent(api: BotApi, house: House) -> None:
    house.script("getMe", kind="status", status=429, retry_after=35)
    with pytest.raises(bot_api.TooManyRequests) as refused:
        api.call("getMe")
    assert refused.value.seconds == 35


def test_says_where_a_group_moved(api: BotApi, house: House) -> None:
    house.script("sendMessage", kind="status", status=400, moved_to=-100_500)
    with pytest.raises(bot_api.ChatMoved) as refused:
        api.call("sendMessage", chat_id=-5, text="hi")
    assert refused.value.chat_id == -100_500


def test_what_reached_nobody_was_not_done() -> None:
    with pytest.raises(bot_api.NotReached) as refused:
        BotApi("http://127.0.0.1:1", TOKEN).call("getMe")
    assert TOKEN not in str(refused.value)
    # The cause would show the address, and with it the token.
    assert refused.value.__cause__ is None


def test_a_name_that_nobody_has_was_not_reached() -> None:
    with pytest.raises(bot_api.NotReached):
        BotApi("http://nowhere.invalid", TOKEN).call("getMe")


def test_keeps_its_connection(api: BotApi, house: House) -> None:
    for _ in range(3):
        api.call("getMe")
    assert len({call.headers.get("connection") for call in house.calls()}) == 1
