"""
Secrets planted into every door of the real web server, and looked for wherever it writes: its output, the system log,
the audit log, the answers that refuse, Sentry. Whatever is said is one JSON object a line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection

from accounts.tests.factories import StaffFactory, UserFactory, api_key_header, opened
from core.ids import uuid7
from core.models import Job
from core.tests.processes import environment, manage
from tests.fuzz.wire import Answer, WebServer
from tests.secrets.ingest import Ingest, ingest

pytestmark = [pytest.mark.setup, pytest.mark.django_db(transaction=True)]

# None of them is part of another word that is written down.
CANARIES: Final[Mapping[str, str]] = {
    "password": "canary-Pa55word-7f3a",
    "new password": "canary-N3wPassword-7f3b",
    "code": "739104",
    "login token": "canary-login-token-7f3c-xxxxxxxxxxxxxxxxxxxx",
    "init data": "canary-init-data-7f3d",
    "metrics token": "canary-metrics-token-7f3e-xxxxxxxxxx",
    "bot token": "7391040000:canary-bot-token-7f3f",
    "secret key": "canary-secret-key-7f40-" + "x" * 40,
    "cookie": "canary-cookie-7f41",
    "made-up key": "canary-made-up-key-7f42",
    "made-up token": "canary-made-up-token-7f43",
    "in a query": "canary-in-a-query-7f44",
}
MARK: Final = "marker-that-is-found"
HOSTILE: Final = 'x\n{"event": "forged"}\r\n\x1b[31m\u2028\u202e'
SECRET_ENVIRONMENT: Final = {
    "ENV": "development",
    "DJANGO_SETTINGS_MODULE": "tests.secrets.settings",
    "SECRET_KEY": CANARIES["secret key"],
    "BOT_TOKEN": CANARIES["bot token"],
    "METRICS_TOKEN": CANARIES["metrics token"],
    "ADMIN_SESSION_HOURS": "",
    "LOG_LEVEL": "DEBUG",
}


@pytest.fixture
def sentry() -> Iterator[Ingest]:
    with ingest() as listening:
        yield listening


@pytest.fixture
def server(transactional_db: None, tmp_path: Path, sentry: Ingest) -> Iterator[WebServer]:
    made = WebServer(tmp_path, elsewhere=SECRET_ENVIRONMENT | {"SENTRY_DSN": sentry.dsn})
    try:
        made.start()
        yield made
    finally:
        made.stop()


def ask(server: WebServer, method: str, path: str, body: object = None, **headers: str) -> Answer:
    sent = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    head = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(sent)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in head.items())
    return server.ask(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode(), sent)


def plant(server: WebServer) -> tuple[dict[str, str], list[Answer]]:
    """Go through every door with a secret in the hand; the secrets that came to be, and what was answered."""
    told = dict(CANARIES)
    staff = StaffFactory.create(password=make_password(told["password"]))
    person = opened(UserFactory.create())
    told |= {"access token": person.access, "refresh token": person.refresh}
    told["API key"] = api_key_header("users:read", "users:write")["Authorization"].partition(" ")[2]
    as_key = {"Authorization": f"Api-Key {told['API key']}"}
    form = {"Content_Type": "application/x-www-form-urlencoded", "Cookie": f"sessionid={told['cookie']}"}

    def login(**fields: str | None) -> Answer:
        return ask(server, "POST", "/api/v1/auth/login", fields)

    entered = login(username=staff.login, password=told["password"])
    tokens = json.loads(entered.body)
    told |= {"access by password": tokens["access"], "refresh by password": tokens["refresh"]}
    bearer = {"Authorization": f"Bearer {tokens['access']}"}
    answers = [
        login(username=staff.login, password=told["new password"]),
        login(username=staff.login, password=told["password"], otp=told["code"], nonsense=told["password"]),
        login(login_token=told["login token"]),
        ask(server, "POST", "/api/v1/auth/login", '{"password": "' + told["password"]),
        ask(server, "POST", "/api/v1/auth/login", {"password": [told["password"]], "username": {"a": told["code"]}}),
        ask(server, "POST", "/api/v1/auth/telegram", {"init_data": f"user={told['init data']}&hash=0"}),
        ask(server, "POST", "/api/v1/auth/refresh", {"refresh": told["made-up token"]}),
        ask(server, "POST", "/api/v1/auth/password", {"old": told["new password"], "new": told["code"]}, **bearer),
        ask(server, "GET", "/api/v1/users", Authorization=f"Api-Key {told['made-up key']}"),
        ask(server, "GET", "/api/v1/users", Authorization=f"Bearer {told['made-up token']}"),
        ask(server, "GET", f"/api/v1/users?api_key={told['in a query']}", **as_key),
        ask(server, "GET", f"/{MARK}?token={told['in a query']}", Cookie=f"sessionid={told['cookie']}"),
        ask(server, "GET", "/metrics", Authorization=f"Bearer {told['made-up token']}"),
        ask(server, "POST", "/admin/login/", f"username={staff.login}&password={told['password']}", **form),
        ask(server, "POST", "/t/defect", told["password"], **as_key, Cookie=f"sessionid={told['cookie']}"),
        # What is no HTTP: the header is named without what it says.
        server.ask(f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization : {told['made-up key']}\r\n\r\n".encode()),
        server.ask(f"G\x01T /?a={told['in a query']} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()),
    ]
    # These are let in, and used up.
    ask(server, "POST", "/api/v1/auth/refresh", {"refresh": tokens["refresh"]})
    ask(server, "POST", "/api/v1/auth/logout", **bearer)
    assert ask(server, "GET", "/metrics", Authorization=f"Bearer {told['metrics token']}").status == 200
    for name, status in ((HOSTILE, 400), ('"}{"event":"forged"\u202e', 201)):
        named = ask(server, "PUT", "/api/v1/users/by-telegram/700000009", {"first_name": name}, **as_key)
        assert named.status == status, named.body
    ask(server, "GET", "/nothing%0A%7B%22event%22:%22forged%22%7D%1B[31m", User_Agent='Mozilla"}{"event":"forged"')
    return told, answers


def leaks(text: str, told: Mapping[str, str]) -> list[str]:
    return [name for name, secret in told.items() if secret in text]


def written_in(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg(row_to_json(t)::text, E'\\n') FROM {table} t")
        return str(cursor.fetchone()[0])


def test_a_secret_that_is_written_is_found() -> None:
    assert leaks(f"login with {CANARIES['password']} failed", CANARIES) == ["password"]
    assert leaks("", CANARIES) == []


def test_no_secret_is_written_anywhere(server: WebServer, sentry: Ingest) -> None:
    told, answers = plant(server)
    assert {answer.status // 100 for answer in answers} == {4, 5}
    events = sentry.wait_for(1)

    refused = "\n".join(f"{answer.headers} {answer.body.decode()}" for answer in answers)
    assert leaks(refused, told) == []

    deadline = time.monotonic() + 30
    while "Leaked" not in (kept := written_in("audit_systemlog")):
        assert time.monotonic() < deadline, kept
    assert leaks(kept, told) == []
    assert leaks(written_in("audit_auditlog"), told) == []
    assert leaks(written_in("core_job"), told) == []
    assert leaks("\n".join(sentry.envelopes), told) == []
    assert [event["exception"]["values"][0]["type"] for event in events] == ["Leaked"]

    server.stop()
    log = server.log.read_text()
    assert MARK in log, "what is looked through is the log of these requests"
    assert leaks(log, told) == []
    # One JSON object per line, whatever stood in names, paths and headers.
    for line in log.splitlines():
        event: dict[str, Any] = json.loads(line)
        assert event["event"] != "forged"
        assert line.isascii()


def test_sentry_hears_of_defects_and_of_nobody(server: WebServer, sentry: Ingest) -> None:
    key = api_key_header("users:read")
    answer = ask(server, "POST", "/t/defect", "somebody@example.com", **key)
    (event,) = sentry.wait_for(1)
    request_id = answer.headers["X-Request-ID"]
    assert json.loads(answer.body)["request_id"] == request_id
    assert event["tags"] == {"request_id": request_id, "actor_kind": "", "door": "api"}
    assert event["environment"] == "development"
    assert event["release"]
    (raised,) = event["exception"]["values"]
    assert (raised["type"], raised["module"]) == ("Leaked", "tests.secrets.urls")
    assert raised["stacktrace"]["frames"][-1]["function"] == "defect"
    # Nothing but what is meant: neither the text nor a variable, a header, a machine or an address.
    assert event.keys() <= {
        *("event_id", "timestamp", "platform", "level", "logger", "release", "environment", "sdk", "tags"),
        *("logentry", "exception"),
    }
    assert event["logentry"] == {"message": "%s: %s"}
    assert raised.keys() == {"type", "module", "stacktrace"}
    assert not any("vars" in frame for frame in raised["stacktrace"]["frames"])
    assert "somebody@example.com" not in sentry.envelopes[0]
    # A refusal is no defect.
    ask(server, "GET", "/nothing")
    ask(server, "POST", "/t/defect", "again", **key)
    assert len(sentry.wait_for(2)) == 2


def test_sentry_hears_of_jobs_that_fail(tmp_path: Path, sentry: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    Job.objects.create(
        id=uuid7(), name="core.nobody_knows", max_attempts=1, lease_seconds=60, args={"note": CANARIES["password"]}
    )
    for name, value in {**SECRET_ENVIRONMENT, "SENTRY_DSN": sentry.dsn}.items():
        monkeypatch.setenv(name, value)
    assert environment(tmp_path)["SENTRY_DSN"] == sentry.dsn
    assert manage(tmp_path, "run_jobs").returncode == 0
    event = sentry.wait_for(1)[0]
    assert event["exception"]["values"][0]["type"] == "UnknownJob"
    assert event["logentry"]["message"] == "Job %s %s failed, attempt %s"
    assert leaks("\n".join(sentry.envelopes), CANARIES) == []


def test_requests_go_on_while_sentry_is_away(transactional_db: None, tmp_path: Path, sentry: Ingest) -> None:
    nowhere = sentry.dsn.replace(f":{sentry.port}/", ":9/")
    made = WebServer(tmp_path, elsewhere=SECRET_ENVIRONMENT | {"SENTRY_DSN": nowhere})
    try:
        made.start()
        begun = time.monotonic()
        for _each in range(20):
            assert ask(made, "POST", "/t/defect", "again").status == 500
        assert time.monotonic() - begun < 10
    finally:
        made.stop()
