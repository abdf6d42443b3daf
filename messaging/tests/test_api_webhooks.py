"""Intake: only Telegram is let in, everything is kept once, and nobody is told a secret."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.tests.factories import StaffFactory, api_key_header, bearer_header
from audit.models import AuditLog
from core.actors import Actor
from core.jobs.drain import run_due
from core.models import Job
from core.tests.racing import race
from messaging.handlers import on_update
from messaging.models import BotUpdate
from messaging.rules.updates import Update
from messaging.tests.factories import SECRET, SECRET_HEADER, TOKEN, message, update
from scripts.fakes.bot_api import BotApi
from scripts.fakes.server import House

pytestmark = pytest.mark.django_db(transaction=True)

MAIN = "/webhooks/main-bot"


@pytest.fixture(autouse=True)
def bots(settings: Settings) -> None:
    settings.BOT_TOKEN, settings.BOT_WEBHOOK_SECRET = TOKEN, SECRET


@pytest.fixture
def heard(registered: None) -> list[tuple[Update, Actor]]:
    """What handlers were told: of messages by a job, of questions before a payment at once."""
    told: list[tuple[Update, Actor]] = []

    @on_update("message")
    def by_a_job(update: Update, /, *, by: Actor) -> None:
        told.append((update, by))

    @on_update("pre_checkout_query", now=True)
    def at_once(update: Update, /, *, by: Actor) -> None:
        told.append((update, by))
        if update.body.get("id") == "bad":
            raise RuntimeError("a defect")

    return told


def post(body: Any, *, secret: str | None = SECRET, path: str = MAIN) -> Any:
    headers = {} if secret is None else {SECRET_HEADER: secret}
    return Client(headers=headers).post(path, body, content_type="application/json")


def test_keeps_an_update_and_has_a_job_handle_it(heard: list[tuple[Update, Actor]]) -> None:
    sent = message(text="/start")
    answer = post(sent)
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    row = BotUpdate.objects.get()
    assert (row.bot, row.update_id, row.kind, row.payload) == ("main", sent["update_id"], "message", sent)
    assert heard == []
    run_due()
    assert [(told.number, told.sender["id"], by.kind) for told, by in heard] == [(sent["update_id"], 5, "job")]


def test_the_same_update_again_does_nothing(heard: list[tuple[Update, Actor]]) -> None:
    sent = message(text="/start")
    assert [answer.status_code for answer in race(*[lambda: post(sent)] * 10)] == [200] * 10
    run_due()
    assert post(sent).status_code == 200
    run_due()
    assert (BotUpdate.objects.count(), Job.objects.filter(name="messaging.handle_update").count()) == (1, 1)
    assert len(heard) == 1


def test_what_cannot_wait_is_handled_at_once(heard: list[tuple[Update, Actor]]) -> None:
    post(update(pre_checkout_query={"id": "1"}))
    assert [told.kind for told, _by in heard] == ["pre_checkout_query"]
    assert not Job.objects.exists()


def test_a_defect_of_a_handler_is_ours_and_not_telegrams(heard: list[tuple[Update, Actor]]) -> None:
    assert post(update(pre_checkout_query={"id": "bad"})).status_code == 200
    assert BotUpdate.objects.count() == 1


def test_two_bots_number_alike(settings: Settings) -> None:
    settings.AUTH_BOT_TOKEN, settings.AUTH_BOT_WEBHOOK_SECRET = "700000002:another-token", "another-secret-here"
    sent = message(text="hi")
    assert post(sent).status_code == 200
    assert post(sent, path="/webhooks/auth-bot", secret="another-secret-here").status_code == 200
    assert set(BotUpdate.objects.values_list("bot", flat=True)) == {"main", "auth"}


@pytest.mark.parametrize(
    "sent",
    [update(poll={"id": "1"}), update(), update(message=7), update(story={}, unheard_of={}), message(new_thing={})],
)
def test_what_is_not_known_is_kept_and_acknowledged(sent: dict[str, Any]) -> None:
    assert post(sent).status_code == 200
    run_due()
    assert BotUpdate.objects.get().payload == sent


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET[:-1], f"{SECRET} ", "секрет"])
def test_whoever_shows_no_secret_is_refused_before_the_body_is_read(secret: str | None) -> None:
    shown = secret.encode().decode("latin-1") if secret else secret
    answer = post("this is no JSON", secret=shown)
    assert (answer.status_code, answer.json()["code"]) == (403, "messaging.webhook_secret_wrong")
    assert not BotUpdate.objects.exists()


def test_the_secret_of_another_bot_is_none(settings: Settings) -> None:
    settings.AUTH_BOT_TOKEN, settings.AUTH_BOT_WEBHOOK_SECRET = "700000002:another-token", "another-secret-here"
    assert post(message(), secret="another-secret-here").status_code == 403
    assert post(message(), path="/webhooks/auth-bot").status_code == 403


@pytest.mark.parametrize("name", ["BOT_TOKEN", "BOT_WEBHOOK_SECRET"])
def test_a_bot_that_is_off_takes_nothing_in(settings: Settings, name: str) -> None:
    setattr(settings, name, "")
    assert post(message(), secret="").status_code == 403
    assert post(message()).status_code == 403


@pytest.mark.parametrize("body", ["{", "", '{"update_id": 1, "update_id": 2}', '{"update_id": NaN}'])
def test_broken_json_is_refused(body: str) -> None:
    assert post(body).status_code == 400
    assert not BotUpdate.objects.exists()


@pytest.mark.parametrize("body", [[], {}, 5, {"update_id": "7"}, {"update_id": True}, {"update_id": -1}])
def test_what_is_no_update_is_refused(body: Any) -> None:
    answer = post(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "messaging.update_malformed")
    assert not BotUpdate.objects.exists()


def test_more_than_a_megabyte_is_refused() -> None:
    assert post({"update_id": 1, "x": "x" * 1_000_000}).status_code == 413


def chief(method: str, name: str) -> Any:
    """The answer to a superadmin."""
    client = Client(headers=bearer_header(StaffFactory.create(role="superadmin")))
    return getattr(client, method)(f"/internal/{name}", content_type="application/json")


def test_a_superadmin_connects_the_bots_and_disconnects_them(fakes: House, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://office.example"
    answer = chief("post", "set-webhooks")
    assert answer.json() == {
        "results": [
            {
                "bot": "main",
                "url": f"https://office.example{MAIN}",
                "pending": 0,
                "last_error": "",
                "silent_until": None,
            }
        ]
    }
    (call,) = fakes.calls("setWebhook")
    assert call.body["secret_token"] == SECRET
    assert {"message", "pre_checkout_query", "callback_query"} <= set(call.body["allowed_updates"])
    assert SECRET not in answer.text
    assert chief("get", "webhook-info").json() == answer.json()
    assert chief("post", "delete-webhooks").json()["results"][0]["url"] == ""
    deeds = AuditLog.objects.filter(action__startswith="messaging.webhook").order_by("id")
    assert list(deeds.values_list("action", flat=True)) == ["messaging.webhook.set", "messaging.webhook.deleted"]


def test_a_key_connects_them_to_where_it_asks(fakes: House) -> None:
    headers = api_key_header("bots:write")
    answer = Client(headers=headers).post("/internal/set-webhooks", content_type="application/json")
    assert answer.json()["results"][0]["url"] == f"http://testserver{MAIN}"


@pytest.mark.parametrize(
    ("method", "name"), [("post", "set-webhooks"), ("post", "delete-webhooks"), ("get", "webhook-info")]
)
def test_without_bots_there_is_nothing_to_connect(settings: Settings, method: str, name: str) -> None:
    settings.BOT_WEBHOOK_SECRET = ""
    answer = chief(method, name)
    assert (answer.status_code, answer.json()["code"]) == (409, "messaging.bots_are_off")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "status", "status": 401}, 409, "messaging.telegram_refused"),
        ({"kind": "status", "status": 400}, 409, "messaging.telegram_refused"),
        ({"kind": "status", "status": 500}, 503, "messaging.telegram_unavailable"),
        ({"kind": "drop"}, 503, "messaging.telegram_unavailable"),
        ({"kind": "status", "status": 429, "retry_after": 35}, 503, "messaging.telegram_unavailable"),
    ],
)
def test_says_that_telegram_does_not_want_to(fakes: House, fault: dict[str, Any], status: int, code: str) -> None:
    fakes.script("setWebhook", **fault)
    answer = chief("post", "set-webhooks")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert TOKEN not in answer.text
    assert answer.get("Retry-After", "") == {500: "5", 429: "35"}.get(fault.get("status", 500), "")
    assert not AuditLog.objects.filter(action="messaging.webhook.set").exists()


def test_telegram_repeats_until_it_is_heard(
    fakes: House, telegram: BotApi, live_server: LiveServer, settings: Settings, registered: None
) -> None:
    world = telegram.world(TOKEN)
    world.webhook = {"url": f"{live_server.url}{MAIN}", "secret_token": SECRET}
    settings.BOT_WEBHOOK_SECRET = "not-yet-the-right-one"
    number = world.tell({"message": {"text": "hi"}}, times=3)
    assert not world.courier.wait_until_idle(0.3)
    settings.BOT_WEBHOOK_SECRET = SECRET
    assert world.courier.wait_until_idle()
    assert [row.update_id for row in BotUpdate.objects.all()] == [number]


def test_updates_are_fetched_where_nobody_can_send_them(
    fakes: House, telegram: BotApi, heard: list[tuple[Update, Actor]], capsys: pytest.CaptureFixture[str]
) -> None:
    from django.core.management import call_command

    world = telegram.world(TOKEN)
    for text in ("one", "two"):
        world.tell({"message": {"text": text}}, times=2)
    fakes.script("getUpdates", kind="status", status=429, retry_after=0)
    call_command("poll_bots", "--once")
    run_due()
    assert [told.body["text"] for told, _by in heard] == ["one", "two"]
    assert not world.waiting
