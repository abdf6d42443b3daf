"""When Telegram wants a bot to be silent, all of the house is, and nothing that waits for it is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from audit.models import AdminAlert
from conftest import TestClock
from core import clock as house_clock
from core.actors import Actor
from core.jobs import drain
from core.jobs.runner import Outcome
from core.models import Job
from core.tests.racing import race
from messaging import intake, webhooks
from messaging.bots import actor_of, get_bot
from messaging.gateways.bot_api import Silenced, TokenRefused, TooManyRequests
from messaging.handlers import on_update
from messaging.models import BotPause
from messaging.operations import bot_pauses
from messaging.rules.updates import Update
from messaging.tests.factories import message
from scripts.fakes.server import House

pytestmark = pytest.mark.django_db(transaction=True)

FLOOD: dict[str, Any] = {"kind": "status", "status": 429, "retry_after": 35}
REFUSED: dict[str, Any] = {"kind": "status", "status": 401}


def say(text: str = "hi", **how: Any) -> Any:
    return get_bot("main").call("sendMessage", chat_id=5, text=text, **how)


@pytest.fixture(autouse=True)
def stopped(clock: TestClock) -> None:
    clock.stop()


class TestAFlood:
    def test_silences_the_whole_bot_for_as_long_as_telegram_asks(self, fakes: House, clock: TestClock) -> None:
        fakes.script("sendMessage", **FLOOD)
        with pytest.raises(TooManyRequests):
            say()
        clock.advance(seconds=34)
        with pytest.raises(TooManyRequests) as silenced:
            get_bot("main").call("createInvoiceLink")
        assert silenced.value.seconds == 1
        assert len(fakes.calls()) == 1, "Telegram was not asked again"
        clock.advance(seconds=1)
        assert say()["text"] == "hi"

    def test_silences_no_other_bot(self, fakes: House, settings: Settings) -> None:
        settings.AUTH_BOT_TOKEN = "700000002:another-token"
        fakes.script("sendMessage", **FLOOD)
        with pytest.raises(TooManyRequests):
            say()
        assert get_bot("auth").call("getMe")["is_bot"]

    def test_lets_through_what_somebody_waits_for(self, fakes: House) -> None:
        fakes.script("sendMessage", **FLOOD)
        with pytest.raises(TooManyRequests):
            say()
        assert say(is_urgent=True)

    def test_costs_a_job_no_attempt(self, fakes: House, clock: TestClock, registered: None) -> None:
        @on_update("message")
        def echo(update: Update, /, *, by: Actor) -> None:
            say(update.body["text"])

        for text in ("one", "two", "three"):
            intake.take(bot="main", payload=message(text=text))
        fakes.script("sendMessage", **FLOOD)
        assert drain.run_due() == [("messaging.handle_update", Outcome.POSTPONED)] * 3
        assert len(fakes.calls()) == 1
        assert set(Job.objects.values_list("state", "attempts", "run_at")) == {
            ("queued", 0, house_clock.now() + timedelta(seconds=35))
        }
        clock.advance(seconds=35)
        assert drain.run_due() == [("messaging.handle_update", Outcome.DONE)] * 3
        assert {call.body["text"] for call in fakes.calls()[1:]} == {"one", "two", "three"}


class TestATokenThatIsRefused:
    def test_stops_everything_and_tells_the_operators(self, fakes: House) -> None:
        fakes.script("sendMessage", **REFUSED)
        for _each in range(3):
            with pytest.raises(TokenRefused):
                say()
        assert len(fakes.calls()) == 1
        alert = AdminAlert.objects.get()
        assert (alert.fingerprint, alert.severity) == ("messaging.token_refused:main", "critical")

    def test_is_looked_at_again_after_a_while(self, fakes: House, clock: TestClock) -> None:
        fakes.script("sendMessage", **REFUSED)
        with pytest.raises(TokenRefused) as refused:
            say()
        clock.advance(seconds=refused.value.seconds)
        assert say()

    def test_goes_on_at_once_with_another(self, fakes: House, settings: Settings) -> None:
        fakes.script("sendMessage", **REFUSED)
        with pytest.raises(TokenRefused):
            say()
        settings.BOT_TOKEN = "700000001:the-mended-token"
        assert say()


class TestPauses:
    def test_at_once_leave_the_longest(self) -> None:
        digest = get_bot("main").token_digest

        def begin(seconds: int) -> None:
            bot_pauses.begin(
                bot="main",
                token_digest=digest,
                cause=BotPause.Cause.FLOOD,
                seconds=seconds,
                says="be silent",
                by=actor_of("main"),
            )

        race(*[lambda seconds=seconds: begin(seconds) for seconds in (5, 60, 7, 300, 1, 30)])
        assert BotPause.objects.get().until_at == house_clock.now() + timedelta(seconds=300)
        begin(10)
        assert BotPause.objects.get().until_at == house_clock.now() + timedelta(seconds=300)

    def test_of_another_token_begin_anew(self) -> None:
        for digest, seconds in (("a" * 32, 300), ("b" * 32, 5)):
            bot_pauses.begin(
                bot="main",
                token_digest=digest,
                cause=BotPause.Cause.FLOOD,
                seconds=seconds,
                says="be silent",
                by=actor_of("main"),
            )
        pause = BotPause.objects.get()
        assert (pause.token_digest, pause.until_at) == ("b" * 32, house_clock.now() + timedelta(seconds=5))


def test_a_superadmin_hears_of_the_pause(fakes: House) -> None:
    fakes.script("sendMessage", **FLOOD)
    with pytest.raises(Silenced):
        say()
    (webhook,) = webhooks.list_all()
    assert webhook.silent_until == house_clock.now() + timedelta(seconds=35)
