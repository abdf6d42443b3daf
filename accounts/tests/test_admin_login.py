"""Guessing at Admin's own door: the same buckets as the API's, and a page that says when to come again."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from accounts.admin.login import DEVICE_COOKIE
from accounts.limits import LOGINS_OF_AN_ACCOUNT
from accounts.tests.factories import BROWSER, STAFF_PASSWORD, StaffFactory
from accounts.tests.visitors import Visitor, told
from conftest import TestClock
from core.tests.buckets import fill
from core.tests.test_limits import locked_table

pytestmark = pytest.mark.django_db(transaction=True)

LIMITED = (429, "common.rate_limited")

Answer = Any


class Browser:
    """A browser in front of Admin's login page."""

    def __init__(self, *, ip: str = "192.0.2.7", language: str = "en") -> None:
        self.client = Client(REMOTE_ADDR=ip, headers={"User-Agent": BROWSER, "Accept-Language": language})

    def logs_in(self, login: object, password: str = STAFF_PASSWORD) -> Answer:
        return self.client.post("/admin/login/", {"username": login, "password": password, "next": "/admin/"})


@pytest.fixture(autouse=True)
def time_stands_still(clock: TestClock) -> None:
    clock.stop()


def test_lets_staff_in() -> None:
    answer = Browser().logs_in(StaffFactory.create(is_superuser=True).login)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")


@pytest.mark.parametrize(
    ("language", "advice"),
    [("en", "Too many tries. Try again in 90 s."), ("ru", "Слишком много попыток. Повторите через 90 с.")],
)
def test_guessing_is_slowed_down_with_a_page(language: str, advice: str) -> None:
    olga, thief = StaffFactory.create(), Browser(language=language)
    assert [thief.logs_in(olga.login, f"guess {number}").status_code for number in range(10)] == [200] * 10
    refused = thief.logs_in(olga.login)
    page = refused.content.decode()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "90")
    assert refused.headers["Content-Type"].startswith("text/html")
    assert advice in page
    assert "_auth_user_id" not in thief.client.session


def test_has_the_buckets_of_the_api() -> None:
    olga = StaffFactory.create()
    for number in range(5):
        Browser().logs_in(olga.login, "x")
        Visitor(ip="192.0.2.7").logs_in(olga.login, f"guess {number}")
    assert Browser().logs_in(olga.login).status_code == 429
    assert told(Visitor(ip="192.0.2.7").logs_in(olga.login)) == LIMITED


def test_a_form_that_lacks_something_is_no_guess() -> None:
    browser = Browser()
    for _try in range(12):
        assert browser.logs_in("", "").status_code == 200
    assert browser.logs_in(StaffFactory.create().login).status_code == 302


class TestTheOwner:
    def test_comes_in_from_a_known_browser_whoever_fails_in_their_name(self) -> None:
        olga, at_home = StaffFactory.create(), Browser()
        assert at_home.logs_in(olga.login).status_code == 302
        del at_home.client.cookies[settings.SESSION_COOKIE_NAME]
        fill(LOGINS_OF_AN_ACCOUNT, str(olga.login))
        assert Browser(ip="203.0.113.9").logs_in(olga.login).status_code == 429, "a new place waits"
        # A laptop comes from elsewhere; its browser is known all the same.
        at_home.client.defaults["REMOTE_ADDR"] = "203.0.113.9"
        assert at_home.logs_in(olga.login).status_code == 302

    def test_is_slowed_down_there_as_well(self) -> None:
        olga, at_home = StaffFactory.create(), Browser()
        at_home.logs_in(olga.login)
        assert [at_home.logs_in(olga.login, "x").status_code for _guess in range(10)][-1] == 429

    def test_alone_is_known(self) -> None:
        olga, boris, shared = StaffFactory.create(), StaffFactory.create(), Browser()
        shared.logs_in(olga.login)
        fill(LOGINS_OF_AN_ACCOUNT, str(boris.login))
        assert shared.logs_in(boris.login).status_code == 429

    def test_s_cookie_cannot_be_made_up(self) -> None:
        olga, thief = StaffFactory.create(), Browser()
        fill(LOGINS_OF_AN_ACCOUNT, str(olga.login))
        for forged in ("x", "x:y:z", "", "é"):
            thief.client.cookies[DEVICE_COOKIE] = forged
            assert thief.logs_in(olga.login).status_code == 429

    def test_s_cookie_goes_nowhere_else(self) -> None:
        browser = Browser()
        with override_settings(SESSION_COOKIE_SECURE=True):
            cookie = browser.logs_in(StaffFactory.create().login).cookies[DEVICE_COOKIE]
        assert (cookie["path"], cookie["httponly"], cookie["samesite"], cookie["secure"]) == (
            "/admin/login/",
            True,
            "Strict",
            True,
        )

    def test_is_not_known_for_failing(self) -> None:
        browser = Browser()
        browser.logs_in(StaffFactory.create().login, "x")
        assert DEVICE_COOKIE not in browser.client.cookies


def test_is_closed_while_nobody_can_be_counted() -> None:
    with locked_table():
        refused = Browser().logs_in(StaffFactory.create().login)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert Browser().client.get("/admin/login/").status_code == 200
