"""What surrounds a request: its id, its client, its caller, its line in the log."""

from __future__ import annotations

import json
import logging
import logging.config
import re
import tempfile
from collections.abc import Iterator
from typing import IO, Any

import pytest
import structlog
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from core.actors import Actor, circumstances, under
from core.client_address import TrustedProxies
from core.ids import uuid7
from core.logs import configuration
from core.middleware import AdminActorMiddleware

pytestmark = pytest.mark.urls("core.tests.api_routes")


class TestRequestId:
    @pytest.mark.parametrize("given", ["a1b2c3d4", "trace-2026.01_31", "x" * 128])
    def test_is_the_callers_if_it_is_sane(self, given: str) -> None:
        response = Client().get("/t/circumstances", headers={"X-Request-ID": given})
        assert response["X-Request-ID"] == response.json()["request_id"] == given

    @pytest.mark.parametrize(
        "given", ["", "short", "x" * 129, "with space 1", "a;b;c;d;e", "ключ-ключ", "abcdefgh\n", "<script>alert"]
    )
    def test_is_a_new_one_if_it_is_not(self, given: str) -> None:
        response = Client().get("/t/circumstances", headers={"X-Request-ID": given})
        assert re.fullmatch("[0-9a-f]{32}", response["X-Request-ID"])
        assert response.json()["request_id"] == response["X-Request-ID"]

    @pytest.mark.parametrize(
        "path", ["/", "/health?x=1", "/nothing", "/t/fail/defect", "/admin/fail/defect", "/t/silent"]
    )
    def test_comes_with_every_answer(self, path: str) -> None:
        client = Client(raise_request_exception=False)
        assert client.get(path, headers={"X-Request-ID": "my-own-id"})["X-Request-ID"] == "my-own-id"

    def test_is_gone_after_the_request(self) -> None:
        Client().get("/t/circumstances")
        assert circumstances().request_id == ""


class TestClientAddress:
    @pytest.mark.parametrize(
        ("trusted", "peer", "claimed", "client"),
        [
            # Nobody is trusted: the header is noise.
            ("", "203.0.113.9", None, "203.0.113.9"),
            ("", "203.0.113.9", "198.51.100.1", "203.0.113.9"),
            ("0", "203.0.113.9", "198.51.100.1", "203.0.113.9"),
            # So many proxies: the address that the outermost of ours saw.
            ("1", "10.0.0.2", "198.51.100.1", "198.51.100.1"),
            ("1", "10.0.0.2", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
            ("2", "10.0.0.2", "1.1.1.1, 198.51.100.1, 10.0.0.3", "198.51.100.1"),
            ("2", "10.0.0.2", "198.51.100.1", "10.0.0.2"),
            ("1", "10.0.0.2", None, "10.0.0.2"),
            ("1", "10.0.0.2", "1.1.1.1, nonsense", "10.0.0.2"),
            ("1", "", "198.51.100.1", "198.51.100.1"),
            # Their networks: back from the peer, as far as ours go.
            ("10.0.0.0/8", "10.0.0.2", "1.1.1.1, 198.51.100.1, 10.0.0.3", "198.51.100.1"),
            ("10.0.0.0/8", "203.0.113.9", "198.51.100.1", "203.0.113.9"),
            ("10.0.0.0/8", "10.0.0.2", "10.0.0.3", "10.0.0.3"),
            ("10.0.0.0/8, ::1", "::1", "2001:db8::7", "2001:db8::7"),
            ("10.0.0.0/8", "10.0.0.2", "198.51.100.1, <script>", "10.0.0.2"),
            ("10.0.0.0/8", "::ffff:10.0.0.2", "198.51.100.1", "198.51.100.1"),
            # One client, one name.
            ("1", "10.0.0.2", "::ffff:198.51.100.1", "198.51.100.1"),
            ("1", "10.0.0.2", "198.51.100.1:4711", "198.51.100.1"),
            ("1", "10.0.0.2", "[2001:db8::7]:4711", "2001:db8::7"),
            ("1", "10.0.0.2", "2001:DB8:0::7", "2001:db8::7"),
            ("1", "10.0.0.2", "fe80::1%eth0", "fe80::1"),
            ("", "", None, ""),
            ("1", "10.0.0.2", ",,,,", "10.0.0.2"),
        ],
    )
    def test_is_believed_from_trusted_proxies_only(
        self, trusted: str, peer: str, claimed: str | None, client: str
    ) -> None:
        meta = {"REMOTE_ADDR": peer} | ({"HTTP_X_FORWARDED_FOR": claimed} if claimed is not None else {})
        assert TrustedProxies.parse(trusted).client_of(meta) == client

    @pytest.mark.parametrize("setting", ["nginx", "-1", "10.0.0.1/8", "10.0.0.0/33", "1,nginx"])
    def test_needs_a_setting_that_makes_sense(self, setting: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
            TrustedProxies.parse(setting)

    def test_reaches_the_circumstances(self) -> None:
        with override_settings(TRUSTED_PROXIES="1"):
            response = Client().get("/t/circumstances", headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.1"})
        assert response.json()["ip"] == "198.51.100.1"
        assert response.json()["door"] == "api"

    def test_is_not_spoofed_without_proxies(self) -> None:
        response = Client().get("/t/circumstances", headers={"X-Forwarded-For": "6.6.6.6"})
        assert response.json()["ip"] == "127.0.0.1"


class TestCallers:
    def test_answers_401_to_nobody_with_a_challenge(self) -> None:
        for path in ("/t/scoped", "/t/known"):
            response = Client().get(path)
            assert response.status_code == 401
            assert response.json()["code"] == "auth.token_missing"
            assert response["WWW-Authenticate"].startswith("Api-Key")

    def test_answers_401_to_false_credentials(self) -> None:
        response = Client().get("/t/known", headers={"Authorization": "Test nobody"})
        assert response.status_code == 401
        assert response.json()["code"] == "auth.token_invalid"
        assert response["WWW-Authenticate"]

    def test_answers_403_to_a_known_caller_without_the_scope(self) -> None:
        response = Client().get("/t/scoped", headers={"Authorization": "Test bot shelf:admin shelf"})
        assert response.status_code == 403
        assert response.json()["code"] == "auth.permission_denied"
        assert response.json()["required_scopes"] == ["shelf:read", "shelf:write"]

    @pytest.mark.parametrize("scope", ["shelf:read", "shelf:write"])
    def test_admits_one_of_the_scopes(self, scope: str) -> None:
        response = Client().get("/t/scoped", headers={"Authorization": f"Test bot other {scope}"})
        assert response.json() == {"actor": "api_key:bot"}

    def test_says_405_and_413_before_it_asks_who_knocks(self) -> None:
        assert Client().delete("/t/known").status_code == 405
        big = Client().post("/t/once", data=b"0" * 1_000_001, content_type="application/json")
        assert big.status_code == 413


class TestAdminActor:
    def test_is_the_operator(self) -> None:
        user = get_user_model()(pk=uuid7())
        assert self._actor("/admin/billing/", user) == Actor(
            kind="user", id=str(user.pk), label=user.get_username() or str(user.pk), user_id=str(user.pk)
        )

    def test_is_nobody_elsewhere(self) -> None:
        assert self._actor("/administration", get_user_model()(pk=uuid7())) is None

    def _actor(self, path: str, user: Any) -> Actor | None:
        seen: list[Actor | None] = []

        def view(request: HttpRequest) -> HttpResponse:
            seen.append(circumstances().actor)
            return HttpResponse()

        request = RequestFactory().get(path)
        request.user = user
        AdminActorMiddleware(view)(request)
        return seen[0]


class Written:
    """What was written into a file so far, with what is still on its way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def getvalue(self) -> str:
        for handler in logging.getLogger().handlers:
            handler.flush()
        self._file.seek(0)
        return self._file.read().decode()


@pytest.fixture
def lines() -> Iterator[Written]:
    """What the configured logging writes, to where it writes it."""
    with tempfile.TemporaryFile("ab+") as file:
        config = configuration("INFO")
        config["handlers"]["lines"]["descriptor"] = file.fileno()
        root = logging.getLogger()
        before = root.handlers[:], root.level
        logging.config.dictConfig(config)
        try:
            yield Written(file)
        finally:
            root.handlers, root.level = before[0], before[1]


def logged(lines: Written) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


class TestLogs:
    def test_have_one_line_for_a_request(self, lines: Written) -> None:
        client = Client(headers={"X-Request-ID": "my-own-id", "Authorization": "Test bot known"})
        client.get("/t/known?token=abc")
        (line,) = logged(lines)
        assert line.pop("ms") >= 0
        assert line.pop("timestamp").endswith("Z")
        assert line == {
            "event": "request",
            "level": "info",
            "logger": "dvorik.requests",
            "request_id": "my-own-id",
            "actor": "api_key:bot",
            "ip": "127.0.0.1",
            "method": "GET",
            "path": "/t/known",
            "status": 200,
        } | {"status": 400}

    @pytest.mark.django_db
    def test_name_whoever_is_logged_in_to_admin(self, lines: Written) -> None:
        client = Client()
        client.force_login(get_user_model().objects.create_user("olga", is_staff=True))
        client.get("/admin/teapot")
        client.get("/t/teapot")
        assert [(line["path"], line["actor"]) for line in logged(lines)] == [
            ("/admin/teapot", "user:olga"),
            ("/t/teapot", ""),
        ]

    def test_have_the_traceback_of_a_defect_and_its_request(self, lines: Written) -> None:
        Client(raise_request_exception=False).get("/t/fail/defect", headers={"X-Request-ID": "my-own-id"})
        defect, request = logged(lines)
        assert "ZeroDivisionError" in defect["exception"]
        assert defect["request_id"] == request["request_id"] == "my-own-id"
        assert request["status"] == 500

    def test_have_no_second_line_for_a_refusal(self, lines: Written) -> None:
        client = Client(raise_request_exception=False)
        client.get("/nothing")
        client.get("/health", headers={"Host": "evil.example"})
        assert [line["event"] for line in logged(lines)] == ["request", "request"]

    @pytest.mark.parametrize(
        "value",
        [
            'a\n{"event": "forged"}',
            "a\r\nb",
            "\x1b[31mred\x1b[0m",
            "\x9b31m",
            "a\u2028b\u2029c\x85d",
            '"}\n{"event":"forged',
            "\ud800",
            "\x00",
        ],
    )
    def test_stay_one_line_per_event(self, lines: Written, value: str) -> None:
        structlog.get_logger("test").info("event", name=value)
        logging.getLogger("test").warning("said %s", value)
        text = lines.getvalue()
        assert len(text.splitlines()) == text.count("\n") == 2
        assert text.isascii()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
        assert logged(lines)[0]["name"] == value

    def test_take_a_path_apart_from_its_line(self, lines: Written) -> None:
        Client(raise_request_exception=False).get("/nothing%0A%7B%22event%22:%22forged%22%7D%1B[31m")
        assert len(logged(lines)) == 1

    @pytest.mark.parametrize(
        "name",
        [
            "password",
            "Authorization",
            "api_key",
            "apikey",
            "token",
            "access_token",
            "secret_value",
            "init_data",
            "cookie",
            "otp",
        ],
    )
    def test_hide_secrets(self, lines: Written, name: str) -> None:
        structlog.get_logger("test").info("event", **{name: "canary", "deep": {"list": [{name: "canary"}]}})
        assert "canary" not in lines.getvalue()

    def test_show_numbers_of_tokens(self, lines: Written) -> None:
        structlog.get_logger("test").info("charged", tokens=5, token_balance=10)
        assert logged(lines)[0]["tokens"] == 5
        assert logged(lines)[0]["token_balance"] == 10

    def test_cut_what_is_endless(self, lines: Written) -> None:
        structlog.get_logger("test").info("event", text="x" * 1_000_000)
        assert len(lines.getvalue()) < 10_000

    def test_name_who_acts(self, lines: Written) -> None:
        with under(request_id="r-1234567", actor=Actor(kind="user", id="7", label="anna")):
            structlog.get_logger("test").info("event")
        assert logged(lines)[0]["actor"] == "user:anna"
        assert logged(lines)[0]["request_id"] == "r-1234567"
