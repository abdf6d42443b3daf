"""Colleagues over the API: superadmins hire, change and dismiss them, nobody else does, and one is always left."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import pytest
from django.test import override_settings

from accounts.keyring import keyring
from accounts.models import ApiKey, SecondFactor, Session, User
from accounts.rules import access_tokens
from accounts.scopes import SCOPES
from accounts.tests.factories import (
    STAFF_PASSWORD,
    ApiKeyFactory,
    StaffFactory,
    UserFactory,
    api_key_header,
    opened,
)
from accounts.tests.phones import backup_codes, enrolled
from accounts.tests.visitors import ME, Visitor, told
from audit.models import AuditLog
from conftest import TestClock
from core import clock as database_clock
from core.ids import uuid7
from core.tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

ADMINS: Final = "/api/v1/admins"
ZOYA: Final = {"username": "zoya", "first_name": "Zoya", "role": "support"}
DENIED: Final = (403, "auth.permission_denied")


def address(user: User) -> str:
    return f"{ADMINS}/{user.pk}"


def inside(user: User) -> Visitor:
    return Visitor(access=opened(user).access)


@pytest.fixture
def chief() -> User:
    found: User = StaffFactory.create(role="superadmin", login="chief")
    return found


def deed(action: str) -> AuditLog:
    return AuditLog.objects.get(action=action)


class TestHiring:
    def test_makes_somebody_who_can_log_in(self, chief: User) -> None:
        answer = inside(chief).post(ADMINS, {**ZOYA, "reason": "hired"})
        assert answer.status_code == 201
        shown = answer.json()
        made = User.objects.get(login="zoya")
        assert {name: shown[name] for name in ("id", *ZOYA, "is_active", "has_second_factor")} == {
            "id": str(made.pk),
            **ZOYA,
            "is_active": True,
            "has_second_factor": False,
        }
        assert answer["Cache-Control"] == "no-store"
        zoya = Visitor()
        assert zoya.logs_in("zoya", shown["initial_password"]).status_code == 200
        assert zoya.get(ME).json()["roles"] == ["support"]
        row = deed("accounts.staff.created")
        assert (row.user_id, row.metadata["reason"], row.metadata["door"]) == (chief.pk, "hired", "api")
        assert "initial_password" not in inside(chief).get(address(made)).json()

    def test_takes_a_password_of_the_house_s_rules(self, chief: User) -> None:
        weak = inside(chief).post(ADMINS, {**ZOYA, "password": "1234567890"})
        assert told(weak) == (400, "accounts.password_too_weak")
        assert not User.objects.filter(login="zoya").exists()
        given = inside(chief).post(ADMINS, {**ZOYA, "password": STAFF_PASSWORD})
        assert given.json()["initial_password"] is None
        assert Visitor().logs_in("zoya").status_code == 200

    def test_may_keep_them_out_at_first(self, chief: User) -> None:
        made = inside(chief).post(ADMINS, {**ZOYA, "is_active": False}).json()
        assert not made["is_active"]
        assert told(Visitor().logs_in("zoya", made["initial_password"])) == (401, "auth.login_refused")

    def test_makes_a_login_once(self, chief: User) -> None:
        access = opened(chief).access
        statuses = race(*[lambda: Visitor(access=access).post(ADMINS, ZOYA).status_code] * 4)
        assert sorted(statuses) == [201, 409, 409, 409]
        assert told(inside(chief).post(ADMINS, ZOYA)) == (409, "accounts.login_taken")

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"role": "king"}, "accounts.role_unknown"),
            ({"username": " "}, "common.validation_error"),
            ({"is_superuser": True}, "common.validation_error"),
            ({"is_staff": True}, "common.validation_error"),
            ({"login": "root"}, "common.validation_error"),
            ({"lockouts": 1}, "common.validation_error"),
            ({"is_active": "yes"}, "common.validation_error"),
        ],
    )
    def test_refuses_what_it_does_not_know(self, chief: User, body: dict[str, Any], code: str) -> None:
        assert told(inside(chief).post(ADMINS, {**ZOYA, **body})) == (400, code)
        assert not User.objects.filter(login="zoya").exists()


class TestChanging:
    def test_gives_another_role_from_the_next_request_on(self, chief: User) -> None:
        olga = StaffFactory.create(role="operator", first_name="Olga")
        browser = inside(olga)
        assert "billing.add_tariff" in browser.get(ME).json()["permissions"]

        answer = inside(chief).patch(address(olga), {"role": "viewer", "reason": "moved"})

        assert (answer.status_code, answer.json()["role"]) == (200, "viewer")
        assert "billing.add_tariff" not in browser.get(ME).json()["permissions"]
        row = deed("accounts.staff.role_set")
        assert (row.old_value, row.new_value) == ({"roles": ["operator"]}, {"roles": ["viewer"]})
        assert (row.user_id, row.metadata["reason"]) == (chief.pk, "moved")

    def test_takes_a_superadmin_s_rights_at_once(self, chief: User) -> None:
        boss = StaffFactory.create(role="superadmin")
        browser = inside(boss)
        assert browser.get(ADMINS).status_code == 200
        inside(chief).patch(address(boss), {"role": None})
        assert told(browser.get(ADMINS)) == DENIED
        assert told(browser.post(ADMINS, ZOYA)) == DENIED

    def test_takes_what_createsuperuser_gave(self, chief: User) -> None:
        root = StaffFactory.create(is_superuser=True)
        assert inside(chief).get(address(root)).json()["role"] == "superadmin"
        assert inside(chief).patch(address(root), {"role": "viewer"}).json()["role"] == "viewer"
        root.refresh_from_db()
        assert not root.is_superuser

    def test_keeps_out_and_lets_in(self, chief: User) -> None:
        olga = StaffFactory.create(role="operator")
        browser = inside(olga)
        assert not inside(chief).patch(address(olga), {"is_active": False}).json()["is_active"]
        assert told(browser.get(ME)) == (401, "auth.token_invalid")
        assert inside(chief).patch(address(olga), {"is_active": True, "first_name": "Olya"}).json()["is_active"]
        assert deed("accounts.user.deactivated").metadata["reason"] == f"PATCH {address(olga)}"

    def test_gives_another_login(self, chief: User) -> None:
        olga = StaffFactory.create(role="operator", login="olga")
        browser = inside(olga)
        answer = inside(chief).patch(address(olga), {"username": "olya", "reason": "married"})
        assert (answer.status_code, answer.json()["username"]) == (200, "olya")
        assert told(Visitor().logs_in("olga")) == (401, "auth.login_refused")
        assert Visitor().logs_in("olya").status_code == 200
        assert browser.get(ME).status_code == 200, "their sessions go on"
        row = deed("accounts.staff.login_set")
        assert (row.old_value, row.new_value) == ({"login": "olga"}, {"login": "olya"})
        assert (row.user_id, row.metadata["reason"], row.metadata["door"]) == (chief.pk, "married", "api")
        assert inside(chief).patch(address(olga), {"username": "olya"}).status_code == 200
        assert AuditLog.objects.filter(action="accounts.staff.login_set").count() == 1, "it is theirs already"

    def test_gives_nobody_another_s_login(self, chief: User) -> None:
        olga = StaffFactory.create(login="olga", first_name="Olga")
        refused = inside(chief).patch(address(olga), {"username": "chief", "first_name": "Olya"})
        assert told(refused) == (409, "accounts.login_taken")
        for wrong in ("", " ", "x" * 151, None):
            refused = inside(chief).patch(address(olga), {"username": wrong, "first_name": "Olya"})
            assert told(refused) == (400, "common.validation_error")
        olga.refresh_from_db()
        assert (olga.login, olga.first_name) == ("olga", "Olga")

    def test_gives_a_login_to_one_of_those_who_race_for_it(self, chief: User) -> None:
        access = opened(chief).access
        colleagues = StaffFactory.create_batch(4)
        statuses = race(
            *[
                lambda each=each: Visitor(access=access).patch(address(each), {"username": "zoya"}).status_code
                for each in colleagues
            ]
        )
        assert sorted(statuses) == [200, 409, 409, 409]

    def test_changes_all_or_nothing(self, chief: User) -> None:
        olga = StaffFactory.create(role="operator", first_name="Olga")
        refused = inside(chief).patch(address(olga), {"first_name": "Olya", "is_active": False, "role": "king"})
        assert told(refused) == (400, "accounts.role_unknown")
        olga.refresh_from_db()
        assert (olga.first_name, olga.is_active) == ("Olga", True)

    @pytest.mark.parametrize("body", [{"role": "viewer"}, {"role": None}, {"is_active": False}])
    def test_is_not_done_to_oneself(self, chief: User, body: dict[str, Any]) -> None:
        StaffFactory.create(role="superadmin")
        assert told(inside(chief).patch(address(chief), body)) == (409, "accounts.not_yourself")
        assert [group.name for group in chief.groups.all()] == ["superadmin"]
        assert inside(chief).patch(address(chief), {"first_name": "Vera", "role": "superadmin"}).status_code == 200

    def test_finds_colleagues_only(self, chief: User) -> None:
        customer = UserFactory.create()
        for user_id in (customer.pk, uuid4()):
            assert told(inside(chief).patch(f"{ADMINS}/{user_id}", {"first_name": "x"})) == (
                404,
                "accounts.user_not_found",
            )
            assert told(inside(chief).get(f"{ADMINS}/{user_id}")) == (404, "accounts.user_not_found")


class TestDismissing:
    def test_takes_everything_that_opens_a_door(self, chief: User) -> None:
        olga = StaffFactory.create(role="operator", login="olga", telegram_id=700)
        enrolled(olga)
        backup_codes(olga)
        key = ApiKeyFactory.create(owner=olga)
        browser = inside(olga)

        assert inside(chief).delete(address(olga)).status_code == 204

        olga.refresh_from_db()
        assert (olga.is_staff, olga.login, olga.has_usable_password(), olga.groups.count()) == (False, None, False, 0)
        assert (olga.is_active, olga.telegram_id) == (True, 700), "the person may go on as a customer"
        assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
        assert not SecondFactor.objects.exists()
        assert told(browser.get(ME)) == (401, "auth.token_invalid")
        assert told(inside(chief).get(address(olga))) == (404, "accounts.user_not_found")
        row = deed("accounts.staff.dismissed")
        assert (row.user_id, row.old_value) == (chief.pk, {"login": "olga", "roles": ["operator"]})
        assert inside(chief).post(ADMINS, {**ZOYA, "username": "olga"}).status_code == 201, "the login is free"

    def test_is_not_done_to_oneself(self, chief: User) -> None:
        StaffFactory.create(role="superadmin")
        assert told(inside(chief).delete(address(chief))) == (409, "accounts.not_yourself")
        assert User.objects.get(pk=chief.pk).is_staff

    def test_finds_colleagues_only(self, chief: User) -> None:
        assert told(inside(chief).delete(address(UserFactory.create()))) == (404, "accounts.user_not_found")


class TestTheLastSuperadmin:
    @pytest.mark.parametrize("way", ["dismiss", "demote", "keep out"])
    def test_stays_when_two_take_each_other_s_rights_at_once(self, way: str) -> None:
        """The lock is ``accounts_lock_superadmins``: the second one finds that the first has left them the only one."""
        one, other = StaffFactory.create_batch(2, role="superadmin")

        def attempt(visitor: Visitor, whom: User) -> int:
            match way:
                case "dismiss":
                    answer = visitor.delete(address(whom))
                case "demote":
                    answer = visitor.patch(address(whom), {"role": "viewer"})
                case _:
                    answer = visitor.patch(address(whom), {"is_active": False})
            return int(answer.status_code)

        visitors = inside(one), inside(other)
        statuses = race(lambda: attempt(visitors[0], other), lambda: attempt(visitors[1], one))
        # Who lost the race is no superadmin any more, or is out.
        assert len([status for status in statuses if status in {200, 204}]) == 1, statuses
        left = User.objects.filter(is_active=True, is_staff=True, groups__name="superadmin")
        assert left.count() == 1


class TestWhoMay:
    def test_is_a_superadmin_and_nobody_else(self, chief: User) -> None:
        olga = StaffFactory.create(role="operator")
        for visitor in (inside(UserFactory.create()), inside(olga), inside(StaffFactory.create(role="viewer"))):
            assert told(visitor.get(ADMINS)) == DENIED
            assert told(visitor.get(address(chief))) == DENIED
            assert told(visitor.post(ADMINS, ZOYA)) == DENIED
            assert told(visitor.patch(address(olga), {"role": "superadmin"})) == DENIED
            assert told(visitor.delete(address(chief))) == DENIED
        assert User.objects.filter(groups__name="superadmin").count() == 1

    def test_is_no_server_whatever_its_scopes(self, chief: User) -> None:
        server = Visitor()
        server.client.defaults["HTTP_AUTHORIZATION"] = api_key_header(*SCOPES, owner=chief)["Authorization"]
        assert told(server.get(ADMINS)) == DENIED
        assert told(server.post(ADMINS, ZOYA)) == DENIED
        assert told(Visitor().get(ADMINS)) == (401, "auth.token_missing")

    def test_is_nobody_whose_factor_was_not_shown(self, chief: User) -> None:
        phone = enrolled(chief)
        browser = inside(chief)
        assert told(browser.get(ADMINS)) == DENIED
        browser.verifies(phone.shows())
        assert browser.get(ADMINS).status_code == 200

    @override_settings(REQUIRE_STAFF_2FA=True)
    def test_is_nobody_without_a_factor_where_it_is_required(self, chief: User) -> None:
        assert told(inside(chief).get(ADMINS)) == DENIED

    def test_shows_the_factor_again_before_a_change(self, chief: User, clock: TestClock) -> None:
        phone, olga = enrolled(chief), StaffFactory.create(role="viewer")
        browser = inside(chief)
        browser.verifies(phone.shows())
        clock.advance(minutes=11)
        # The access token has run out meanwhile, the session has not.
        assert browser.get(ADMINS).status_code == 401
        browser.access = _access_again(chief)
        assert browser.get(ADMINS).status_code == 200
        needed = (403, "auth.step_up_required")
        assert told(browser.post(ADMINS, ZOYA)) == needed
        assert told(browser.patch(address(olga), {"role": "superadmin"})) == needed
        assert told(browser.delete(address(olga))) == needed
        browser.verifies(phone.shows())
        assert browser.post(ADMINS, ZOYA).status_code == 201


def _access_again(user: User) -> str:
    session = Session.objects.get(user=user)
    return access_tokens.issue(
        user_id=user.pk, session_id=session.pk, token_id=uuid7(), now=database_clock.now(), keyring=keyring()
    )
