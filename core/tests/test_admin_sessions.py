"""For how long somebody stays logged in to Admin, and what their cookies are like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import Client, override_settings

PASSWORD = "correct horse battery staple"
HOUR = 3600.0


@pytest.fixture
def client(db: None) -> Client:
    user = get_user_model()._default_manager.create(login="anna", is_staff=True)
    user.set_password(PASSWORD)
    user.save()
    client = Client()
    assert _log_in(client).status_code == 302
    return client


def _log_in(client: Client) -> Any:
    return client.post("/admin/login/", {"username": "anna", "password": PASSWORD})


@pytest.fixture
def time() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-01-31T12:00:00Z", tick=False) as moved:
        yield moved


def is_in(client: Client) -> bool:
    status: int = client.get("/admin/password_change/").status_code
    return status == 200


# Logging in happens at the moved time: the clock stands in front of the client.
@pytest.mark.usefixtures("time", "client")
class TestSessions:
    def test_end_when_somebody_was_idle_for_too_long(self, time: time_machine.Traveller, client: Client) -> None:
        time.shift(8 * HOUR - 1)
        assert is_in(client)
        time.shift(8 * HOUR + 1)
        assert not is_in(client)

    def test_go_on_while_somebody_works(self, time: time_machine.Traveller, client: Client) -> None:
        for _each in range(4):
            time.shift(5 * HOUR)
            assert is_in(client)

    def test_end_at_their_age_however_busy_they_are(self, time: time_machine.Traveller, client: Client) -> None:
        for _each in range(23):
            time.shift(HOUR)
            assert is_in(client)
        key = client.session.session_key
        time.shift(HOUR)
        assert not is_in(client)
        assert client.session.session_key != key, "the session itself is gone"

    def test_begin_anew_with_each_login(self, time: time_machine.Traveller, client: Client) -> None:
        for _each in range(3):
            time.shift(7 * HOUR)
            assert is_in(client)
        _log_in(client)
        for _each in range(3):
            time.shift(7 * HOUR)
            assert is_in(client)

    def test_of_unknown_age_are_ended(self, client: Client) -> None:
        session = client.session
        del session["begun_at"]
        session.save()
        assert not is_in(client)

    def test_have_another_key_after_the_login(self) -> None:
        planted = Client()
        planted.get("/admin/login/")
        planted.cookies["sessionid"] = "planted-by-somebody-else-0000000"
        _log_in(planted)
        assert planted.cookies["sessionid"].value != "planted-by-somebody-else-0000000"


@pytest.mark.django_db
def test_cookies_are_for_this_host_over_https_alone() -> None:
    user = get_user_model()._default_manager.create(login="anna", is_staff=True)
    user.set_password(PASSWORD)
    user.save()
    names = {"SESSION": "__Host-sessionid", "CSRF": "__Host-csrftoken", "LANGUAGE": "__Host-language"}
    as_in_production: dict[str, Any] = {f"{kind}_COOKIE_NAME": cookie for kind, cookie in names.items()}
    as_in_production |= {f"{kind}_COOKIE_SECURE": True for kind in names}
    with override_settings(**as_in_production):
        client = Client()
        client.get("/admin/login/", secure=True)
        client.post("/admin/login/", {"username": "anna", "password": PASSWORD}, secure=True)
        assert client.get("/admin/password_change/", secure=True).status_code == 200
        client.post("/admin/language/setlang/", {"language": "ru"}, secure=True)
    # The last one tells the login that its browser is known.
    assert client.cookies.keys() == {*names.values(), "dvorik_device"}
    for cookie in client.cookies.values():
        assert cookie["secure"], cookie.key
        assert cookie["httponly"], cookie.key
        for_the_login = cookie.key == "dvorik_device"
        assert cookie["samesite"] == ("Strict" if for_the_login else "Lax")
        # Without these two a browser refuses the names of the others.
        assert (cookie["path"], cookie["domain"]) == ("/admin/login/" if for_the_login else "/", "")
