"""Guessing at the door: slowed down, told nothing, and nobody else is kept out by it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

import psycopg
import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password
from django.db import connection
from django.test import override_settings

from accounts.models import User
from accounts.tests.factories import STAFF_PASSWORD, StaffFactory, UserFactory, opened
from accounts.tests.visitors import Visitor, told
from conftest import TestClock
from core.models import Throttle
from core.tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

LIMITED = (429, "common.rate_limited")


class QuickHasher(Argon2PasswordHasher):
    """Argon2 with little work, so that a thousand tries fit into a test, and a difference beside it would be seen."""

    time_cost = 1
    memory_cost = 8192
    parallelism = 1


@pytest.fixture(autouse=True)
def hashing_is_quick() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=[f"{__name__}.QuickHasher"]):
        yield


class TestGuessing:
    def test_is_slowed_down(self) -> None:
        olga, thief = StaffFactory.create(), Visitor(ip="198.51.100.1")
        answers = [thief.logs_in(olga.login, f"guess {number}") for number in range(11)]
        assert [told(answer) for answer in answers] == [(401, "auth.login_refused")] * 10 + [LIMITED]
        assert 0 < int(answers[-1]["Retry-After"]) <= 90

    def test_is_let_go_on_after_the_wait(self, clock: TestClock) -> None:
        olga, browser = StaffFactory.create(), Visitor()
        while told(answer := browser.logs_in(olga.login, "wrong")) != LIMITED:
            pass
        clock.advance(seconds=int(answer["Retry-After"]))
        assert browser.logs_in(olga.login).status_code == 200

    def test_of_one_account_from_everywhere_is_slowed_down(self) -> None:
        olga = StaffFactory.create()
        answers = [told(Visitor(ip=f"198.51.100.{number}").logs_in(olga.login, "x")) for number in range(40)]
        assert answers.count(LIMITED) == 10

    def test_of_many_accounts_from_one_place_is_slowed_down(self) -> None:
        answers = [told(Visitor(ip="198.51.100.1").logs_in(f"staff {number}", "x")) for number in range(110)]
        assert answers.count(LIMITED) == 10

    def test_is_counted_exactly_when_many_guess_at_once(self) -> None:
        olga = StaffFactory.create()
        answers = race(*[lambda: told(Visitor().logs_in(olga.login, "x"))] * 16)
        assert answers.count(LIMITED) == 6

    def test_a_thousand_times_does_not_keep_the_owner_out_who_comes_as_before(self) -> None:
        olga, at_home = StaffFactory.create(), Visitor(ip="192.0.2.50", name="Olga's browser")
        assert at_home.logs_in(olga.login).status_code == 200

        codes = [
            told(Visitor(ip=f"198.51.{number // 200}.{number % 200}").logs_in(olga.login, f"guess {number}"))
            for number in range(1000)
        ]

        assert codes.count((401, "auth.login_refused")) <= 30 + 40, (
            "what the bucket holds, and what came back meanwhile"
        )
        assert codes.count(LIMITED) >= 930
        assert told(Visitor(ip="203.0.113.9").logs_in(olga.login)) == LIMITED, "a new place waits"
        assert at_home.logs_in(olga.login).status_code == 200

    def test_from_the_owner_s_own_place_is_slowed_down_as_well(self) -> None:
        olga, at_home = StaffFactory.create(), Visitor()
        at_home.logs_in(olga.login)
        assert [told(at_home.logs_in(olga.login, "x")) for _guess in range(10)][-1] == LIMITED

    def test_of_forged_addresses_is_counted_at_the_true_one(self) -> None:
        olga = StaffFactory.create()
        answers = []
        for number in range(11):
            thief = Visitor(ip="198.51.100.1")
            thief.client.defaults["HTTP_X_FORWARDED_FOR"] = f"192.0.2.{number}"
            answers.append(told(thief.logs_in(olga.login, "x")))
        assert answers[-1] == LIMITED


class TestOtherTries:
    def test_at_a_password_are_slowed_down(self) -> None:
        olga = Visitor(access=opened(StaffFactory.create()).access)
        body = {"old": "x", "new": "purple monkey dishwasher"}
        answers = [told(olga.post("/api/v1/auth/password", body)) for _guess in range(11)]
        assert answers == [(403, "auth.password_wrong")] * 10 + [LIMITED]

    def test_to_begin_logins_are_slowed_down(self) -> None:
        statuses = [Visitor().post("/api/v1/auth/login-token").status_code for _try in range(61)]
        assert statuses == [201] * 60 + [429]


def test_is_refused_while_its_limits_cannot_be_counted() -> None:
    """Closed, not open: who cannot be counted does not come in. Reading goes on."""
    olga = StaffFactory.create()
    reader = Visitor(access=opened(UserFactory.create()).access)
    parameters = connection.get_connection_params()
    address = {name: parameters[name] for name in ("host", "port", "user", "password", "dbname") if name in parameters}
    with psycopg.connect(**address) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE core_throttle")
        cursor.execute("SET lock_timeout = '200ms'")
        refusal = Visitor().logs_in(olga.login)
        assert told(refusal) == (503, "common.unavailable")
        assert refusal["Retry-After"]
        assert reader.get("/api/v1/auth/me").status_code == 200
        cursor.execute("RESET lock_timeout")
    assert Visitor().logs_in(olga.login).status_code == 200


def medians(known: Callable[[], object], unknown: Callable[[], object], tries: int) -> tuple[float, float]:
    """Seconds that each takes, in turns, so that what else the machine does falls on both."""
    took: tuple[list[float], list[float]] = ([], [])
    for _try in range(tries):
        for kind, runner in enumerate((known, unknown)):
            Throttle.objects.all().delete()
            begun = time.perf_counter()
            runner()
            took[kind].append(time.perf_counter() - begun)
    return median(took[0]), median(took[1])


@pytest.mark.timeout(600)
def test_an_unknown_login_takes_as_long_as_a_known_one() -> None:
    olga, browser = StaffFactory.create(), Visitor()
    for login in (olga.login, "nobody"):
        browser.logs_in(login, "to warm up")
    known, unknown = medians(
        lambda: browser.logs_in(olga.login, "wrong"), lambda: browser.logs_in("nobody", "wrong"), tries=300
    )
    assert abs(known - unknown) / known < 0.1, (known, unknown)


def test_an_unknown_login_would_be_told_by_its_time_without_a_hash() -> None:
    """The control: a login that hashes only where there is somebody."""
    olga = StaffFactory.create()

    def careless(login: str | None) -> bool:
        user = User.objects.filter(login=login).first()
        return user is not None and check_password("wrong", user.password)

    known, unknown = medians(lambda: careless(olga.login), lambda: careless("nobody"), tries=20)
    assert (known - unknown) / known > 0.1
    assert check_password(STAFF_PASSWORD, olga.password)
