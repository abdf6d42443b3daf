"""Logins that are confirmed in the bot: bound to a browser, confirmed by their owner, good for once."""

from __future__ import annotations

from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from accounts import errors, locks, queries
from accounts.models import LoginToken, Session
from accounts.operations import login_tokens, users
from accounts.tests.factories import ADDRESS, BROWSER, UserFactory
from accounts.tests.visitors import LOGIN, ME, Visitor, told
from audit.models import AuditLog
from conftest import TestClock
from core.actors import SYSTEM
from core.errors import DomainError
from core.tests.racing import held_up, race, without

pytestmark = pytest.mark.django_db(transaction=True)

BEGIN = "/api/v1/auth/login-token"
INVALID = (401, "auth.login_token_invalid")
USED = (409, "auth.login_token_used")


def begun(browser: Visitor) -> str:
    answer = browser.post(BEGIN)
    assert answer.status_code == 201
    token: str = answer.json()["token"]
    return token


def asks(browser: Visitor, token: str) -> Any:
    return browser.post(LOGIN, {"login_token": token})


def confirm(token: str, telegram_id: int | None) -> LoginToken:
    assert telegram_id is not None
    return login_tokens.confirm(token=token, telegram_id=telegram_id, by=SYSTEM)


class TestTheBrowser:
    def test_is_let_in_once_its_owner_has_confirmed(self) -> None:
        anna, browser = UserFactory.create(), Visitor()
        token = begun(browser)
        assert (asks(browser, token).status_code, asks(browser, token).json()) == (202, {"status": "pending"})
        confirm(token, anna.telegram_id)
        assert asks(browser, token).status_code == 200
        assert browser.get(ME).json()["id"] == str(anna.pk)
        assert Session.objects.get().way == Session.Way.LOGIN_TOKEN
        assert told(asks(browser, token)) == USED

    def test_shows_a_link_that_the_bot_can_be_opened_with(self) -> None:
        answer = Visitor().post(BEGIN)
        link = urlsplit(answer.json()["deep_link"])
        (start,) = parse_qs(link.query)["start"]
        assert (link.netloc, link.path, start) == ("t.me", "/dvorik_dummy_bot", answer.json()["token"])
        assert len(start) <= 64, "Telegram takes no more"
        assert (answer.json()["expires_in"], answer["Cache-Control"]) == (300, "no-store")

    def test_alone_has_the_nonce(self) -> None:
        answer = Visitor().post(BEGIN)
        cookie = answer.cookies["dvorik_login"]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", LOGIN)
        assert cookie.value not in answer.content.decode()
        with override_settings(SESSION_COOKIE_SECURE=True):
            assert Visitor().post(BEGIN).cookies["dvorik_login"]["secure"]

    def test_of_somebody_else_is_not_let_in(self) -> None:
        anna, browser, thief = UserFactory.create(), Visitor(), Visitor()
        token = begun(browser)
        begun(thief)
        confirm(token, anna.telegram_id)
        assert told(asks(thief, token)) == INVALID
        assert told(asks(Visitor(), token)) == INVALID, "without any nonce"
        assert asks(browser, token).status_code == 200

    def test_is_let_in_once_however_often_it_asks_at_once(self) -> None:
        assert sorted(self._asked_by_16_at_once()) == [200] + [409] * 15
        assert Session.objects.count() == 1

    def test_would_be_let_in_each_time_without_lock_and_trigger(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The control: everybody reads before anybody writes, and a use may be written over."""
        monkeypatch.setattr(locks, "login_token", lambda digest: LoginToken.objects.get(digest=digest))
        with without("accounts_logintoken", "accounts_logintoken_is_used_once"):
            assert self._asked_by_16_at_once() == [200] * 16

    def _asked_by_16_at_once(self) -> list[int]:
        anna, browser = UserFactory.create(), Visitor()
        token = begun(browser)
        confirm(token, anna.telegram_id)
        nonce = browser.client.cookies["dvorik_login"].value

        def ask() -> int:
            twin = Visitor()
            twin.client.cookies["dvorik_login"] = nonce
            return int(asks(twin, token).status_code)

        return held_up(LoginToken.objects.get(), *[ask] * 16)

    def test_has_five_minutes(self, clock: TestClock) -> None:
        anna, browser = UserFactory.create(), Visitor()
        early, late = begun(browser), begun(Visitor())
        confirm(early, anna.telegram_id)
        clock.advance(minutes=5)
        assert told(asks(browser, early)) == INVALID
        with pytest.raises(errors.LoginTokenNotFound):
            confirm(late, anna.telegram_id)

    @pytest.mark.parametrize("token", ["x", "q3Zt0v1m8yJ5c2R7kN4wX9hB6dF1gL0sTaUeIoPqAbC", "жетон"])
    def test_is_not_let_in_with_a_token_that_nobody_issued(self, token: str) -> None:
        browser = Visitor()
        begun(browser)
        assert told(asks(browser, token)) == INVALID

    def test_is_not_let_in_by_who_was_kept_out_meanwhile(self) -> None:
        anna, browser = UserFactory.create(), Visitor()
        token = begun(browser)
        confirm(token, anna.telegram_id)
        users.set_active(user_id=anna.pk, is_active=False, by=SYSTEM, reason="fraud")
        assert told(asks(browser, token)) == (403, "auth.user_kept_out")
        assert LoginToken.objects.get().used_at is None

    def test_cannot_begin_where_there_is_no_bot(self) -> None:
        with override_settings(BOT_USERNAME=""):
            assert told(Visitor().post(BEGIN)) == (503, "auth.telegram_not_configured")

    def test_leaves_neither_token_nor_nonce_in_the_database(self) -> None:
        browser = Visitor()
        token = begun(browser)
        row = LoginToken.objects.values().get()
        assert (row["ip"], row["user_agent"]) == (ADDRESS, BROWSER), "for the bot to show"
        stored = str({name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()})
        assert token not in stored
        assert browser.client.cookies["dvorik_login"].value not in stored


class TestTheBot:
    def test_confirms_in_the_name_of_one_person(self) -> None:
        anna, olga = UserFactory.create_batch(2)
        token = begun(Visitor())
        row = confirm(token, anna.telegram_id)
        assert row.user == anna
        assert confirm(token, anna.telegram_id).confirmed_at == row.confirmed_at
        with pytest.raises(errors.LoginTokenConfirmed):
            confirm(token, olga.telegram_id)
        (deed,) = AuditLog.objects.filter(action="login_token.confirmed")
        assert (deed.entity_id, deed.metadata["user"]) == (str(row.pk), str(anna.pk))

    @pytest.mark.parametrize(
        ("known", "error"), [({}, errors.UserNotFound), ({"is_active": False}, errors.UserKeptOut)], ids=["new", "out"]
    )
    def test_confirms_for_nobody_who_may_not_come_in(self, known: dict[str, Any], error: type[DomainError]) -> None:
        if known:
            UserFactory.create(telegram_id=7, **known)
        token = begun(Visitor())
        with pytest.raises(error):
            confirm(token, 7)
        assert LoginToken.objects.get().confirmed_at is None

    def test_confirms_nothing_that_has_been_used(self) -> None:
        anna, browser = UserFactory.create(), Visitor()
        token = begun(browser)
        confirm(token, anna.telegram_id)
        asks(browser, token)
        with pytest.raises(errors.LoginTokenUsed):
            confirm(token, anna.telegram_id)

    def test_of_two_people_at_once_lets_one_have_it(self) -> None:
        people = UserFactory.create_batch(8)
        token = begun(Visitor())

        def say(telegram_id: int | None) -> bool:
            try:
                return bool(confirm(token, telegram_id))
            except errors.LoginTokenConfirmed:
                return False

        assert race(*[lambda each=each: say(each.telegram_id) for each in people]).count(True) == 1

    def test_is_shown_the_browser_and_its_address_before_it_asks(self, clock: TestClock) -> None:
        anna, browser = UserFactory.create(), Visitor()
        token = begun(browser)
        before = LoginToken.objects.values().get()
        waiting = queries.get_login_token(token)
        assert (waiting.ip, waiting.user_agent) == (ADDRESS, BROWSER)
        assert LoginToken.objects.values().get() == before
        assert not AuditLog.objects.filter(action__startswith="login_token.").exists()

        confirm(token, anna.telegram_id)
        asks(browser, token)
        with pytest.raises(errors.LoginTokenUsed):
            queries.get_login_token(token)
        late = begun(browser)
        clock.advance(minutes=5)
        for gone in (late, "nothing", "\ud800"):
            with pytest.raises(errors.LoginTokenNotFound):
                queries.get_login_token(gone)

    @pytest.mark.parametrize("said", ["no\n", "\n", "yesterday\n", ""])
    def test_asks_at_the_command_line_and_lets_nobody_in_without_a_yes(
        self, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        anna, token = UserFactory.create(), begun(Visitor())
        monkeypatch.setattr("sys.stdin", StringIO(said))
        with pytest.raises(CommandError):
            call_command("confirm_login", f"--telegram-id={anna.telegram_id}", "--", token)
        assert ADDRESS in capsys.readouterr().out
        assert LoginToken.objects.get().confirmed_at is None

    def test_lets_in_at_the_command_line_whoever_says_yes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        anna, browser = UserFactory.create(), Visitor()
        token = begun(browser)
        monkeypatch.setattr("sys.stdin", StringIO("Yes\n"))
        call_command("confirm_login", f"--telegram-id={anna.telegram_id}", "--", token)
        assert asks(browser, token).status_code == 200

    def test_is_stood_in_for_by_a_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        anna, browser = UserFactory.create(), Visitor()
        token = begun(browser)
        call_command("confirm_login", f"--telegram-id={anna.telegram_id}", "--yes", "--", token)
        assert ADDRESS in capsys.readouterr().out
        assert asks(browser, token).status_code == 200
        with pytest.raises(CommandError, match=r"auth\.login_token_used"):
            call_command("confirm_login", f"--telegram-id={anna.telegram_id}", "--yes", "--", token)


class TestPurging:
    def test_forgets_what_has_long_expired(self, clock: TestClock) -> None:
        begun(Visitor())
        clock.advance(minutes=30)
        assert login_tokens.purge_expired(by=SYSTEM) == 0
        clock.advance(minutes=40)
        begun(Visitor())
        assert login_tokens.purge_expired(by=SYSTEM) == 1
        assert LoginToken.objects.count() == 1
