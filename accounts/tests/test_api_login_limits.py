"""Guessing at the door: slowed down, told nothing, and nobody else is kept out by it."""

from __future__ import annotations

from typing import Final

import psycopg
import pytest
from django.db import connection
from django.test import override_settings

from accounts.limits import LOGINS_FROM_AN_ADDRESS, LOGINS_OF_AN_ACCOUNT
from accounts.tests.factories import StaffFactory, UserFactory, opened
from accounts.tests.visitors import Visitor, told
from audit.models import AdminAlert
from conftest import TestClock
from core.tests.buckets import fill
from core.tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

LIMITED = (429, "common.rate_limited")


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

    def test_of_one_account_from_everywhere_is_slowed_down(self, clock: TestClock) -> None:
        clock.stop()
        olga = StaffFactory.create()
        answers = [told(Visitor(ip=f"198.51.100.{number}").logs_in(olga.login, "x")) for number in range(40)]
        assert answers.count(LIMITED) == 10

    def test_of_many_accounts_from_one_place_is_slowed_down(self, clock: TestClock) -> None:
        clock.stop()
        answers = [told(Visitor(ip="198.51.100.1").logs_in(f"staff {number}", "x")) for number in range(110)]
        assert answers.count(LIMITED) == 10

    def test_is_counted_exactly_when_many_guess_at_once(self) -> None:
        olga = StaffFactory.create()
        answers = race(*[lambda: told(Visitor().logs_in(olga.login, "x"))] * 16)
        assert answers.count(LIMITED) == 6

    def test_a_thousand_times_does_not_keep_the_owner_out_who_comes_as_before(self, clock: TestClock) -> None:
        clock.stop()
        olga, at_home = StaffFactory.create(), Visitor(ip="192.0.2.50", name="Olga's browser")
        assert at_home.logs_in(olga.login).status_code == 200

        codes = [
            told(Visitor(ip=f"198.51.{number // 200}.{number % 200}").logs_in(olga.login, f"guess {number}"))
            for number in range(1000)
        ]

        assert codes.count((401, "auth.login_refused")) == 30 - 1, "the bucket, less the owner's own login"
        assert codes.count(LIMITED) == 1000 - 29
        assert told(Visitor(ip="203.0.113.9").logs_in(olga.login)) == LIMITED, "a new place waits"
        assert at_home.logs_in(olga.login).status_code == 200

    def test_from_the_owner_s_own_place_is_slowed_down_as_well(self) -> None:
        olga, at_home = StaffFactory.create(), Visitor()
        at_home.logs_in(olga.login)
        assert [told(at_home.logs_in(olga.login, "x")) for _guess in range(10)][-1] == LIMITED


FORGED: Final = (
    "192.0.2.{n}",
    "192.0.2.{n}, 192.0.2.1",
    "2001:db8:{n}::1",
    "[2001:db8:{n}::1]:443",
    "::ffff:192.0.2.{n}",
    "unknown, 192.0.2.{n}",
    "192.0.2.{n}:{n}",
)


class TestForgedAddresses:
    """RELIABILITY S10: whose address counts is not for the caller to say."""

    @pytest.mark.parametrize("claim", FORGED)
    @pytest.mark.parametrize(
        ("proxies", "added"),
        [
            ("", ""),
            ("1", ", 198.51.100.9"),
            ("2", ", 198.51.100.9, 10.0.0.2"),
            ("10.0.0.0/8", ", 198.51.100.9, 10.0.0.2"),
        ],
        ids=["no proxy", "one", "two", "networks"],
    )
    def test_are_counted_at_the_true_one(self, claim: str, proxies: str, added: str, clock: TestClock) -> None:
        clock.stop()
        true = "198.51.100.9"
        fill(LOGINS_FROM_AN_ADDRESS, true, left=2)
        with override_settings(TRUSTED_PROXIES=proxies):
            answers = []
            for number in range(1, 5):
                # With a proxy, the peer is the proxy, which has added whom it saw.
                thief = Visitor(ip="10.0.0.1" if proxies else true)
                thief.client.defaults["HTTP_X_FORWARDED_FOR"] = claim.format(n=number) + added
                answers.append(told(thief.logs_in(f"staff {number}", "x")))
        assert answers == [(401, "auth.login_refused")] * 2 + [LIMITED] * 2

    def test_would_be_many_where_headers_are_believed(self, clock: TestClock) -> None:
        """The control: one proxy too many is believed, and whoever stands there says what they like."""
        clock.stop()
        fill(LOGINS_FROM_AN_ADDRESS, "198.51.100.9", left=2)
        with override_settings(TRUSTED_PROXIES="2"):
            answers = []
            for number in range(1, 5):
                thief = Visitor(ip="10.0.0.1")
                thief.client.defaults["HTTP_X_FORWARDED_FOR"] = f"192.0.2.{number}, 198.51.100.9"
                answers.append(told(thief.logs_in(f"staff {number}", "x")))
        assert LIMITED not in answers

    def test_of_one_network_of_ipv6_are_one(self, clock: TestClock) -> None:
        clock.stop()
        olga = StaffFactory.create()
        answers = [told(Visitor(ip=f"2001:db8:0:7:{number:x}::1").logs_in(olga.login, "x")) for number in range(12)]
        assert answers.count(LIMITED) == 2
        assert told(Visitor(ip="2001:db8:0:8::1").logs_in(olga.login, "x")) != LIMITED, "another network is another one"

    def test_of_one_network_of_ipv6_are_one_known_place(self, clock: TestClock) -> None:
        clock.stop()
        olga, at_home = StaffFactory.create(), Visitor(ip="2001:db8:0:7::1", name="Olga's browser")
        assert at_home.logs_in(olga.login).status_code == 200
        fill(LOGINS_OF_AN_ACCOUNT, str(olga.login))
        # Privacy extensions give a browser another address each day (RFC 8981).
        later = Visitor(ip="2001:db8:0:7:abcd:ef01:2345:6789", name="Olga's browser")
        assert later.logs_in(olga.login).status_code == 200
        elsewhere = Visitor(ip="2001:db8:0:9:abcd:ef01:2345:6789", name="Olga's browser")
        assert told(elsewhere.logs_in(olga.login)) == LIMITED


class TestOtherTries:
    def test_at_a_password_are_slowed_down(self) -> None:
        person = StaffFactory.create()
        olga = Visitor(access=opened(person).access)
        body = {"old": "x", "new": "purple monkey dishwasher"}
        answers = [told(olga.post("/api/v1/auth/password", body)) for _guess in range(11)]
        assert answers == [(403, "auth.password_wrong")] * 10 + [LIMITED]
        alert = AdminAlert.objects.get()
        assert alert.fingerprint == "core.limit_reached:auth.password.account"
        assert alert.context["subject"] == str(person.pk)

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
