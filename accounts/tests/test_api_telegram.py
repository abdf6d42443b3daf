"""Mini App logins: good ones let in once, everything else is 401. aiogram judges the signatures as well."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.test import override_settings

from accounts.models import Session, SpentInitData, User
from accounts.operations import logins
from accounts.tests.factories import UserFactory
from accounts.tests.visitors import ME, Visitor, told
from conftest import TestClock
from core import clock as database_clock
from core.actors import SYSTEM
from core.tests.racing import race, without

pytestmark = pytest.mark.django_db(transaction=True)

TELEGRAM: Final = "/api/v1/auth/telegram"
INVALID: Final = (401, "auth.init_data_invalid")
ANNA: Final = {"id": 700_000_001, "first_name": "Анна", "username": "anna", "language_code": "ru", "is_premium": True}
OURS: Final = 1_000_000_000
OTHERS: Final = 2_000_000_000
# Telegram's, for these tests.
TELEGRAM_KEY: Final = Ed25519PrivateKey.from_private_bytes(b"t" * 32)

Fields = dict[str, str]


def fields(**changed: str) -> Fields:
    """What Telegram tells of Anna, who opens the Mini App now."""
    now = int(database_clock.now().timestamp())
    return {
        "query_id": "AAHdF6IQAAAAAN0XohDhrOrc",
        "user": json.dumps(ANNA, ensure_ascii=False),
        "auth_date": str(now),
        **changed,
    }


def by_bot(told: Mapping[str, str], token: str = "") -> str:
    """Signed with a bot's token, as https://core.telegram.org/bots/webapps describes."""
    lines = "\n".join(f"{name}={told[name]}" for name in sorted(told))
    key = hmac.digest(b"WebAppData", (token or settings.BOT_TOKEN).encode(), "sha256")
    return urlencode({**told, "hash": hmac.digest(key, lines.encode(), "sha256").hex()})


def by_telegram(told: Mapping[str, str], bot: int = OTHERS, key: Ed25519PrivateKey = TELEGRAM_KEY) -> str:
    """Signed with Telegram's key, for a bot whose token we do not have; the hash is that bot's."""
    lines = "\n".join(f"{name}={told[name]}" for name in sorted(told))
    signature = key.sign(f"{bot}:WebAppData\n{lines}".encode())
    shown = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    return by_bot({**told, "signature": shown}, token=f"{bot}:somebody-else-s")


def enters(init_data: object) -> Any:
    return Visitor().post(TELEGRAM, {"init_data": init_data})


def old(seconds: int) -> Fields:
    return fields(auth_date=str(int(database_clock.now().timestamp()) - seconds))


def of_user(**changed: Any) -> Fields:
    return fields(user=json.dumps({**ANNA, **changed}))


GOOD: Final[Mapping[str, Callable[[], str]]] = {
    "as Telegram sends it": lambda: by_bot(fields()),
    "with a signature for others, too": lambda: by_bot(fields(signature="x" * 86)),
    "with what nobody knows yet": lambda: by_bot(fields(chat_instance="1", start_param="spring")),
    "almost an hour old": lambda: by_bot(old(3500)),
    "a little in the future": lambda: by_bot(old(-25)),
    "percent-encoded throughout": lambda: by_bot(fields()).replace("+", "%20"),
}

# Of a wrong signature: aiogram must say no as well.
FORGED: Final[Mapping[str, Callable[[], str]]] = {
    "another bot's token": lambda: by_bot(fields(), token="123:another"),
    "a swapped user": lambda: by_bot(fields()).replace("700000001", "700000002"),
    "a swapped moment": lambda: by_bot(old(99_999)).replace(
        f"auth_date={old(99_999)['auth_date']}", f"auth_date={fields()['auth_date']}"
    ),
    "no hash": lambda: urlencode(fields()),
    "an empty hash": lambda: urlencode({**fields(), "hash": ""}),
    "a short hash": lambda: by_bot(fields())[:-1],
    "a hash in capitals": lambda: by_bot(fields())[:-64] + by_bot(fields())[-64:].upper(),
    "a hash that is not ASCII": lambda: urlencode({**fields(), "hash": "я" * 64}),
    "a hash of nothing": lambda: urlencode({**fields(), "hash": sha256(b"").hexdigest()}),
    "a second user": lambda: by_bot(fields()) + "&user=" + quote(json.dumps({**ANNA, "id": 1})),
    "one field more": lambda: by_bot(fields()) + "&more=1",
    "nothing": lambda: "",
    "no fields": lambda: "initData",
    "JSON": lambda: json.dumps(fields()),
    "not ASCII": lambda: "пользователь=Анна&hash=" + "0" * 64,
    "bytes that are no UTF-8": lambda: by_bot(fields()).replace("user=", "user=%FF"),
    "half an escape": lambda: by_bot(fields()) + "%",
}

# What aiogram lets pass: read by other rules, they might mean somebody else.
AMBIGUOUS: Final[Mapping[str, Callable[[], str]]] = {
    "a second user in front": lambda: "user=" + quote(json.dumps({**ANNA, "id": 1})) + "&" + by_bot(fields()),
    "two fields made one": lambda: by_bot(fields()).replace("&user=", "%0Auser="),
}

# Well signed, and refused all the same: whoever has the bot's token could make them.
UNACCEPTABLE: Final[Mapping[str, Callable[[], str]]] = {
    "an hour old": lambda: by_bot(old(3700)),
    "a year old": lambda: by_bot(old(31_536_000)),
    "from the future": lambda: by_bot(old(-60)),
    "no moment": lambda: by_bot({name: value for name, value in fields().items() if name != "auth_date"}),
    "a moment that is no number": lambda: by_bot(fields(auth_date="now")),
    "a negative moment": lambda: by_bot(fields(auth_date="-5")),
    "a moment beyond all time": lambda: by_bot(fields(auth_date="9" * 30)),
    "a moment in other digits": lambda: by_bot(fields(auth_date="١٢٣")),
    "nobody": lambda: by_bot({name: value for name, value in fields().items() if name != "user"}),
    "a user that is no JSON": lambda: by_bot(fields(user="anna")),
    "a user that is a list": lambda: by_bot(fields(user="[1]")),
    "a deep user": lambda: by_bot(fields(user="[" * 3000)),
    "a bot": lambda: by_bot(of_user(is_bot=True)),
    "an id that is a text": lambda: by_bot(of_user(id="700000001")),
    "an id that is true": lambda: by_bot(of_user(id=True)),
    "an id below zero": lambda: by_bot(of_user(id=-1)),
    "an id of 64 bits and more": lambda: by_bot(of_user(id=2**63)),
    "a name of NUL": lambda: by_bot(of_user(first_name="A\x00")),
    "a name of half a character": lambda: by_bot(of_user(first_name="\ud800")),
    "a name without end": lambda: by_bot(of_user(first_name="A" * 256)),
    "a name that is a number": lambda: by_bot(of_user(first_name=5)),
    "premium, more or less": lambda: by_bot(of_user(is_premium="yes")),
    "far too long": lambda: by_bot(fields(start_param="x" * 20_000)),
}


class TestGoodOnes:
    @pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
    def test_let_in(self, make: Callable[[], str]) -> None:
        init_data = make()
        assert judged_by_aiogram(init_data), "aiogram says so, too"
        browser = Visitor()
        assert browser.post(TELEGRAM, {"init_data": init_data}).status_code == 200
        me = browser.get(ME).json()
        assert (me["telegram_id"], me["first_name"], me["is_premium"]) == (700_000_001, "Анна", True)

    def test_update_what_is_known(self) -> None:
        known = UserFactory.create(telegram_id=ANNA["id"], first_name="Anna", referral_code="SAMEONE1")
        enters(by_bot(fields()))
        known.refresh_from_db()
        assert (known.first_name, known.username, known.referral_code) == ("Анна", "anna", "SAMEONE1")
        assert Session.objects.get().user == known

    def test_do_not_let_in_who_is_kept_out(self) -> None:
        UserFactory.create(telegram_id=ANNA["id"], is_active=False)
        assert told(enters(by_bot(fields()))) == (403, "auth.user_kept_out")
        assert not Session.objects.exists()
        assert not SpentInitData.objects.exists()

    def test_work_once(self) -> None:
        init_data = by_bot(fields())
        assert enters(init_data).status_code == 200
        assert told(enters(init_data)) == INVALID

    def test_work_once_however_they_are_written(self) -> None:
        said = fields()
        assert enters(by_bot(said)).status_code == 200
        parts = by_bot(said).split("&")
        for again in (
            "&".join(reversed(parts)),
            "&".join(parts).replace("+", "%20"),
            by_bot(said).replace("AAHd", "%41AHd"),
        ):
            assert judged_by_aiogram(again)
            assert told(enters(again)) == INVALID

    def test_work_once_for_16_at_once(self) -> None:
        init_data = by_bot(fields())
        statuses = sorted(answer.status_code for answer in race(*[lambda: enters(init_data)] * 16))
        assert statuses == [200] + [401] * 15
        assert Session.objects.count() == User.objects.count() == 1

    def test_work_for_all_16_without_accounts_spentinitdata_digest_key(self) -> None:
        """The control: the same race where nothing makes what was shown unique."""
        init_data = by_bot(fields())
        with without("accounts_spentinitdata", "accounts_spentinitdata_digest_key"):
            statuses = [answer.status_code for answer in race(*[lambda: enters(init_data)] * 16)]
            assert statuses == [200] * 16

    def test_are_remembered_as_long_as_they_would_be_accepted(self, clock: TestClock) -> None:
        init_data = by_bot(old(-25))
        assert enters(init_data).status_code == 200
        for _step in range(61):
            clock.advance(minutes=1)
            logins.purge_spent(by=SYSTEM)
            assert told(enters(init_data)) == INVALID
        assert not SpentInitData.objects.exists()


class TestBrokenOnes:
    @pytest.mark.parametrize("make", FORGED.values(), ids=FORGED)
    def test_that_are_forged_are_refused(self, make: Callable[[], str]) -> None:
        init_data = make()
        assert not judged_by_aiogram(init_data)
        assert told(enters(init_data)) == INVALID
        assert not User.objects.exists()

    @pytest.mark.parametrize("make", AMBIGUOUS.values(), ids=AMBIGUOUS)
    def test_that_may_be_read_in_two_ways_are_refused(self, make: Callable[[], str]) -> None:
        init_data = make()
        assert judged_by_aiogram(init_data)
        assert told(enters(init_data)) == INVALID
        assert not User.objects.exists()

    @pytest.mark.parametrize("make", UNACCEPTABLE.values(), ids=UNACCEPTABLE)
    def test_that_are_signed_but_not_acceptable_are_refused(self, make: Callable[[], str]) -> None:
        assert told(enters(make())) == INVALID
        assert not User.objects.exists()
        assert not SpentInitData.objects.exists()

    @pytest.mark.parametrize("body", [{}, {"init_data": 5}, {"init_data": None}, {"init_data": "x", "user": 1}])
    def test_that_are_no_such_request_are_malformed(self, body: object) -> None:
        assert told(Visitor().post(TELEGRAM, body)) == (400, "common.validation_error")

    def test_count_nowhere_without_a_bot(self) -> None:
        init_data = by_bot(fields())
        with override_settings(BOT_TOKEN=""):
            assert told(enters(init_data)) == (503, "auth.telegram_not_configured")
            # An empty token signs nothing either.
            with override_settings(THIRD_PARTY_BOT_IDS=[OTHERS]):
                assert told(enters(by_bot(fields(), token=" "))) == INVALID


def judged_by_aiogram(init_data: str) -> bool:
    # It takes seconds to load: not in every process that only looks for tests.
    from aiogram.utils.web_app import check_webapp_signature

    try:
        return check_webapp_signature(settings.BOT_TOKEN, init_data)
    # It does not expect a hash that is not ASCII.
    except (ValueError, TypeError):
        return False


@pytest.fixture
def third_party() -> Any:
    public = TELEGRAM_KEY.public_key().public_bytes_raw().hex()
    with override_settings(THIRD_PARTY_BOT_IDS=[3, OTHERS], TELEGRAM_PUBLIC_KEY=public):
        yield


def with_signature(shown: str) -> str:
    return urlencode({**fields(), "signature": shown, "hash": "0" * 64})


BY_OTHERS: Final[Mapping[str, Callable[[], str]]] = {
    "for a bot that does not count": lambda: by_telegram(fields(), bot=4),
    "by another key": lambda: by_telegram(fields(), key=Ed25519PrivateKey.from_private_bytes(b"x" * 32)),
    "a swapped user": lambda: by_telegram(fields()).replace("700000001", "700000002"),
    "old": lambda: by_telegram(old(3700)),
    "bad base64": lambda: with_signature("!" * 86),
    "short": lambda: with_signature("A" * 40),
    "padded": lambda: with_signature("A" * 86 + "=="),
    "not ASCII": lambda: with_signature("я" * 86),
    "nothing": lambda: with_signature(""),
    "zeros": lambda: with_signature("A" * 86),
}


@pytest.mark.usefixtures("third_party")
class TestThoseOfOthersBots:
    def test_let_in_by_telegram_s_own_signature(self) -> None:
        init_data = by_telegram(fields())
        assert not judged_by_aiogram(init_data), "its hash is another bot's"
        assert is_signed_by_telegram(init_data)
        assert enters(init_data).status_code == 200
        assert told(enters(init_data)) == INVALID, "and once only"

    def test_work_once_whichever_signature_is_shown(self) -> None:
        said = fields()
        assert enters(by_telegram(said)).status_code == 200
        assert told(enters(by_bot(said))) == INVALID

    @pytest.mark.parametrize("make", BY_OTHERS.values(), ids=BY_OTHERS)
    def test_are_refused_when_broken(self, make: Callable[[], str]) -> None:
        init_data = make()
        if make is not BY_OTHERS["old"]:
            assert not is_signed_by_telegram(init_data)
        assert told(enters(init_data)) == INVALID

    @pytest.mark.parametrize("key", ["", "zz", "00", "ff" * 32])
    def test_count_nowhere_with_a_key_that_is_none(self, key: str) -> None:
        with override_settings(TELEGRAM_PUBLIC_KEY=key):
            assert told(enters(by_telegram(fields()))) == INVALID


def is_signed_by_telegram(init_data: str) -> bool:
    """As aiogram judges it."""
    from aiogram.utils.web_app_signature import check_webapp_signature

    try:
        return check_webapp_signature(OTHERS, init_data, TELEGRAM_KEY.public_key().public_bytes_raw())
    except (ValueError, UnicodeError):
        return False


def test_by_init_data_makes_one_person_of_two_first_visits() -> None:
    said = [by_bot(fields(query_id=str(number))) for number in range(8)]
    race(*[lambda each=each: logins.by_init_data(init_data=each, user_agent="", by=SYSTEM) for each in said])
    assert User.objects.count() == 1
    assert Session.objects.count() == 8
