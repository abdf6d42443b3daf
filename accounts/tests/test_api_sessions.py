"""People at the door of the API: they log in, refresh, look at their devices and leave."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client, override_settings

from accounts.models import Session, User
from accounts.operations import users
from accounts.tests.factories import (
    STAFF_PASSWORD,
    StaffFactory,
    UserFactory,
    api_key_header,
    bearer_header,
    opened,
)
from accounts.tests.visitors import LOGIN, ME, REFRESH, SESSIONS, Visitor, told
from audit.models import AdminAlert, AuditLog
from conftest import TestClock
from core import clock as database_clock
from core.actors import SYSTEM
from core.tests.racing import race

# What is refused undoes its transaction, which must not be the test's.
pytestmark = pytest.mark.django_db(transaction=True)

INVALID = (401, "auth.token_invalid")


def visitor(user: User) -> Visitor:
    return Visitor(access=opened(user).access)


class TestLoggingIn:
    def test_gives_tokens_that_let_in(self) -> None:
        olga, browser = StaffFactory.create(role="operator"), Visitor()
        answer = browser.logs_in(olga.login)
        assert answer.status_code == 200
        assert answer.json().keys() == {"access", "refresh", "expires_in"}
        assert (answer.json()["expires_in"], answer["Cache-Control"]) == (600, "no-store")
        assert browser.get(ME).json()["id"] == str(olga.pk)

    def test_is_refused_the_same_way_whatever_is_wrong(self) -> None:
        olga = StaffFactory.create()
        gone = StaffFactory.create(is_active=False)
        unusable = StaffFactory.create(password="!")
        refusals = [
            Visitor().logs_in(login, password)
            for login, password in (
                (olga.login, "wrong"),
                ("nobody", STAFF_PASSWORD),
                (gone.login, STAFF_PASSWORD),
                (unusable.login, "!"),
            )
        ]
        assert {told(refusal) for refusal in refusals} == {(401, "auth.login_refused")}
        bodies = [{**refusal.json(), "request_id": ""} for refusal in refusals]
        assert all(body == bodies[0] for body in bodies)

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"username": "olga"},
            {"password": "x"},
            {"username": "olga", "password": "x", "login_token": "y"},
            {"username": "olga", "password": "x", "is_staff": True},
            {"username": ["olga"], "password": "x"},
            {"username": "olga", "password": "x" * 1001},
        ],
        ids=str,
    )
    def test_takes_one_whole_way_in(self, body: object) -> None:
        assert told(Visitor().post(LOGIN, body)) == (400, "common.validation_error")

    def test_keeps_spaces_that_belong_to_the_password(self) -> None:
        olga = StaffFactory.create()
        assert told(Visitor().logs_in(olga.login, f"{STAFF_PASSWORD} ")) == (401, "auth.login_refused")

    def test_makes_a_session_of_its_own_each_time(self) -> None:
        olga = StaffFactory.create()
        assert [Visitor().logs_in(olga.login).status_code for _device in range(2)] == [200, 200]
        assert Session.objects.filter(user=olga, way="password").count() == 2

    def test_is_in_the_audit_log_with_where_from(self) -> None:
        olga = StaffFactory.create()
        Visitor(ip="203.0.113.5").logs_in(olga.login)
        row = AuditLog.objects.get(action="accounts.session.created")
        assert (row.user_id, row.actor["label"], row.metadata["ip"]) == (olga.pk, olga.login, "203.0.113.5")
        assert row.new_value is not None
        assert row.new_value["user_agent"] == "***"


class TestRefreshing:
    def test_gives_one_successor_to_16_at_once(self) -> None:
        shown = opened(UserFactory.create()).refresh
        answers = race(*[lambda: Visitor().refreshes(shown)] * 16)
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["refresh"] for answer in answers}) == 1

    def test_of_a_used_token_ends_everything_that_came_of_it(self, clock: TestClock) -> None:
        victim, thief = Visitor(), Visitor(ip="198.51.100.1")
        stolen = opened(UserFactory.create()).refresh
        assert victim.refreshes(stolen).status_code == 200
        assert victim.get(ME).status_code == 200
        clock.advance(seconds=30)

        assert told(thief.refreshes(stolen)) == (401, "auth.refresh_token_reused")

        assert told(victim.get(ME)) == INVALID, "at once: nothing is believed from before"
        assert told(victim.refreshes()) == (401, "auth.refresh_token_invalid")
        assert AdminAlert.objects.filter(fingerprint__startswith="accounts.session_reuse:").count() == 1
        assert AuditLog.objects.filter(action="session.reuse_detected", metadata__ip="198.51.100.1").count() == 1

    @pytest.mark.parametrize("shown", ["x", "dvr_" + "0" * 64, "ключ"])
    def test_refuses_what_is_no_token_of_ours(self, shown: str) -> None:
        assert told(Visitor().refreshes(shown)) == (401, "auth.refresh_token_invalid")

    def test_takes_no_access_token(self) -> None:
        tokens = opened(UserFactory.create())
        answer = Visitor().post(REFRESH, {"refresh": tokens.access[:200]})
        assert told(answer) == (401, "auth.refresh_token_invalid")


class TestLeaving:
    def test_is_at_once(self) -> None:
        user = UserFactory.create()
        here, there = visitor(user), visitor(user)
        assert here.post("/api/v1/auth/logout").status_code == 204
        assert told(here.get(ME)) == INVALID
        assert there.get(ME).status_code == 200

    def test_everywhere_is_at_once(self) -> None:
        user = UserFactory.create()
        here, there, other = visitor(user), visitor(user), visitor(UserFactory.create())
        assert here.post("/api/v1/auth/logout-all").status_code == 204
        assert [told(each.get(ME)) for each in (here, there)] == [INVALID, INVALID]
        assert other.get(ME).status_code == 200

    def test_comes_with_being_kept_out(self) -> None:
        user = UserFactory.create()
        browser = visitor(user)
        users.set_active(user_id=user.pk, is_active=False, by=SYSTEM, reason="fraud")
        assert told(browser.get(ME)) == INVALID


class TestPasswords:
    def test_are_changed_and_end_every_session(self) -> None:
        olga = StaffFactory.create()
        here, there = visitor(olga), visitor(olga)
        changed = here.post("/api/v1/auth/password", {"old": STAFF_PASSWORD, "new": "purple monkey dishwasher"})
        assert changed.status_code == 204
        assert [told(each.get(ME)) for each in (here, there)] == [INVALID, INVALID]
        assert Visitor().logs_in(olga.login).status_code == 401
        assert Visitor().logs_in(olga.login, "purple monkey dishwasher").status_code == 200
        assert AuditLog.objects.filter(action="accounts.password.changed", user_id=olga.pk).count() == 1

    def test_are_not_changed_by_who_does_not_know_the_old_one(self) -> None:
        browser = visitor(StaffFactory.create())
        body = {"old": "wrong", "new": "purple monkey dishwasher"}
        assert told(browser.post("/api/v1/auth/password", body)) == (403, "auth.password_wrong")
        assert browser.get(ME).status_code == 200

    def test_are_not_given_to_customers(self) -> None:
        browser = visitor(UserFactory.create(password="!"))
        for old in ("!", ""):
            body = {"old": old or " ", "new": "purple monkey dishwasher"}
            assert told(browser.post("/api/v1/auth/password", body)) == (403, "auth.password_wrong")

    def test_that_are_easy_to_guess_are_refused(self) -> None:
        browser = visitor(StaffFactory.create())
        answer = browser.post("/api/v1/auth/password", {"old": STAFF_PASSWORD, "new": "12345"})
        assert told(answer) == (400, "accounts.password_too_weak")
        assert answer.json()["errors"].keys() == {"new"}


class TestMe:
    def test_tells_roles_and_permissions(self) -> None:
        me = visitor(StaffFactory.create(role="viewer")).get(ME).json()
        assert me["roles"] == ["viewer"]
        assert "billing.view_invoice" in me["permissions"]
        assert not [each for each in me["permissions"] if ".view_" not in each]

    def test_of_a_customer_has_neither(self) -> None:
        user = UserFactory.create()
        me = visitor(user).get(ME).json()
        assert (me["id"], me["roles"], me["permissions"]) == (str(user.pk), [], [])
        assert me["token_balance"] == 0

    def test_of_a_superuser_has_every_permission(self) -> None:
        me = visitor(StaffFactory.create(is_superuser=True)).get(ME).json()
        assert len(me["permissions"]) == Permission.objects.count()

    def test_is_nothing_that_a_server_has(self) -> None:
        answer = Client(headers=api_key_header("staff", "users:read")).get(ME)
        assert told(answer) == (403, "auth.permission_denied")


class TestDevices:
    def test_are_listed_newest_first_without_those_that_have_ended(self, clock: TestClock) -> None:
        user = UserFactory.create()
        gone = visitor(user)
        gone.post("/api/v1/auth/logout")
        opened(UserFactory.create())
        phone = opened(user, ip="203.0.113.5", user_agent="Phone")
        clock.advance(minutes=1)
        laptop = opened(user)
        rows = Visitor(access=phone.access).get(SESSIONS).json()["results"]
        assert [row["id"] for row in rows] == [str(laptop.session.pk), str(phone.session.pk)]
        assert [row["current"] for row in rows] == [False, True]
        assert (rows[1]["ip"], rows[1]["user_agent"]) == ("203.0.113.5", "Phone")
        assert rows[1].keys() == {"id", "user_agent", "ip", "created_at", "last_used_at", "current"}

    def test_tell_when_and_where_they_were_last_used(self, clock: TestClock) -> None:
        phone, browser = opened(UserFactory.create()), Visitor(ip="203.0.113.9")
        clock.advance(minutes=5)
        browser.refreshes(phone.refresh)
        (row,) = browser.get(SESSIONS).json()["results"]
        assert row["ip"] == "203.0.113.9"
        assert row["created_at"] < row["last_used_at"]

    def test_are_shut_from_another_one(self) -> None:
        user = UserFactory.create()
        phone, laptop = opened(user), opened(user)
        assert Visitor(access=laptop.access).delete(f"{SESSIONS}/{phone.session.pk}").status_code == 204
        assert told(Visitor(access=phone.access).get(ME)) == INVALID

    def test_of_others_are_not_there(self) -> None:
        mine, others = opened(UserFactory.create()), opened(UserFactory.create())
        answer = Visitor(access=mine.access).delete(f"{SESSIONS}/{others.session.pk}")
        assert told(answer) == (404, "auth.session_not_found")
        assert Visitor(access=others.access).get(ME).status_code == 200


class TestCustomers:
    def test_see_themselves(self) -> None:
        user = UserFactory.create()
        answer = Client(headers=bearer_header(user)).get(f"/api/v1/users/{user.pk}")
        assert (answer.status_code, answer.json()["id"]) == (200, str(user.pk))

    def test_see_nobody_else(self) -> None:
        answer = Client(headers=bearer_header(UserFactory.create())).get(f"/api/v1/users/{UserFactory.create().pk}")
        assert told(answer) == (404, "accounts.user_not_found")

    def test_do_not_say_of_themselves_what_telegram_says(self) -> None:
        user = UserFactory.create()
        client = Client(headers=bearer_header(user))
        answer = client.patch(f"/api/v1/users/{user.pk}", {"is_premium": True}, content_type="application/json")
        assert told(answer) == (400, "common.validation_error")
        user.refresh_from_db()
        assert not user.is_premium


class TestKeys:
    def test_are_changed_without_logging_anybody_out(self) -> None:
        browser = Visitor()
        with override_settings(TOKEN_KEYS={"old": "o" * 32}):
            browser.access = opened(UserFactory.create()).access
        with override_settings(TOKEN_KEYS={"new": "n" * 32, "old": "o" * 32}):
            assert browser.get(ME).status_code == 200
        with override_settings(TOKEN_KEYS={"new": "n" * 32}):
            assert told(browser.get(ME)) == INVALID, "the old key is out of force"

    def test_do_not_change_what_refresh_tokens_are_worth(self) -> None:
        browser = Visitor()
        shown = opened(UserFactory.create()).refresh
        with override_settings(TOKEN_KEYS={"new": "n" * 32}):
            assert browser.refreshes(shown).status_code == 200
            assert browser.get(ME).status_code == 200


def test_the_database_s_clock_decides(clock: TestClock) -> None:
    tokens = opened(UserFactory.create())
    browser = Visitor(access=tokens.access)
    before = database_clock.now()
    clock.advance(minutes=10, seconds=15)
    assert browser.get(ME).status_code == 200, "within the leeway"
    clock.advance(seconds=16)
    assert told(browser.get(ME)) == INVALID
    assert database_clock.now() > before
