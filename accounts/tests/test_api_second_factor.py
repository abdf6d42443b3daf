"""Staff at the door of the API: who has a second factor is asked for it, and without it nobody is staff."""

from __future__ import annotations

from typing import Final

import pytest
from django.test import override_settings
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts.api.bearer import BearerAuthentication, PersonCredentials
from accounts.models import Session, User
from accounts.operations import second_factors
from accounts.people import actor_of
from accounts.tests.factories import STAFF_PASSWORD, StaffFactory, UserFactory, api_key_header, opened
from accounts.tests.phones import Phone, backup_codes, enrolled
from accounts.tests.visitors import LOGIN, ME, Visitor, told
from audit.models import AdminAlert, AuditLog
from conftest import TestClock
from core import runtime_settings
from core.models import Setting
from core.tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

REQUIRED: Final = (401, "auth.otp_required")
REFUSED: Final = (401, "auth.login_refused")
LIMITED: Final = (429, "common.rate_limited")


def credentials(access: str) -> PersonCredentials:
    """What the routes are told about who calls."""
    request = Request(APIRequestFactory().get("/", headers={"Authorization": f"Bearer {access}"}))
    known = BearerAuthentication().authenticate(request)
    assert known is not None
    return known[1]


def is_staff(visitor: Visitor) -> bool:
    return credentials(visitor.access).is_staff_here


class TestLoggingIn:
    def test_asks_for_a_code_once_the_password_is_right(self) -> None:
        olga = StaffFactory.create(role="operator")
        phone, browser = enrolled(olga), Visitor()
        assert told(browser.logs_in(olga.login)) == REQUIRED
        assert not Session.objects.exists()
        assert browser.logs_in(olga.login, otp=phone.shows()).status_code == 200
        assert is_staff(browser)
        assert "billing.add_tariff" in browser.get(ME).json()["permissions"]

    def test_tells_nothing_before_the_password_is_right(self) -> None:
        olga = StaffFactory.create()
        phone = enrolled(olga)
        refusals = [
            Visitor().logs_in(olga.login, "wrong"),
            Visitor().logs_in(olga.login, "wrong", otp=phone.shows()),
            Visitor().logs_in(olga.login, "wrong", otp=phone.shows_not()),
            Visitor().logs_in("nobody", otp="123456"),
        ]
        assert {told(refusal) for refusal in refusals} == {REFUSED}
        bodies = [{**refusal.json(), "request_id": ""} for refusal in refusals]
        assert all(body == bodies[0] for body in bodies)
        assert Visitor().logs_in(olga.login, otp=phone.shows()).status_code == 200, "no try has used up the code"

    def test_takes_a_code_once_and_only_of_these_minutes(self, clock: TestClock) -> None:
        clock.stop()
        olga = StaffFactory.create()
        phone = enrolled(olga)
        code = phone.shows()
        assert Visitor().logs_in(olga.login, otp=code).status_code == 200
        for wrong in (code, phone.shows(-1), phone.shows(-2), phone.shows(2), phone.shows_not(), "", "x" * 40):
            answer = Visitor().logs_in(olga.login, otp=wrong)
            assert told(answer) == REQUIRED if wrong else (400, "common.validation_error"), wrong
        clock.advance(seconds=60)
        assert Visitor().logs_in(olga.login, otp=phone.shows()).status_code == 200
        assert AuditLog.objects.filter(action="second_factor.refused").count() == 6

    def test_takes_a_backup_code_once(self) -> None:
        olga = StaffFactory.create()
        enrolled(olga)
        code = backup_codes(olga)[0]
        assert Visitor().logs_in(olga.login, otp=code).status_code == 200
        assert told(Visitor().logs_in(olga.login, otp=code)) == REQUIRED

    def test_lets_one_of_many_in_who_show_the_same_code(self) -> None:
        olga = StaffFactory.create()
        code = enrolled(olga).shows()
        # No more than the tries that an account has.
        statuses = race(*[lambda: Visitor().logs_in(olga.login, otp=code).status_code] * 8)
        assert sorted(statuses) == [200] + [401] * 7

    @pytest.mark.parametrize("otp", [None, 123456, ["123456"], {"code": "1"}, "x" * 41, "\ud800"])
    def test_refuses_what_is_no_text(self, otp: object) -> None:
        body = {"username": "olga", "password": STAFF_PASSWORD, "otp": otp}
        assert Visitor().post(LOGIN, body).status_code == 400

    def test_takes_no_code_with_a_login_token(self) -> None:
        assert told(Visitor().post(LOGIN, {"login_token": "x", "otp": "123456"})) == (400, "common.validation_error")

    def test_asks_nobody_who_has_none_where_none_is_required(self) -> None:
        browser = Visitor()
        assert browser.logs_in(StaffFactory.create().login, otp="123456").status_code == 200
        assert is_staff(browser)

    @override_settings(REQUIRE_STAFF_2FA=True)
    def test_sends_those_to_admin_who_must_have_one(self) -> None:
        olga = StaffFactory.create()
        assert told(Visitor().logs_in(olga.login)) == (403, "auth.enrolment_required")
        assert told(Visitor().logs_in(olga.login, "wrong")) == REFUSED
        assert not Session.objects.exists()
        phone = enrolled(olga)
        assert Visitor().logs_in(olga.login, otp=phone.shows()).status_code == 200


class TestGuessing:
    def test_of_codes_is_slowed_down_for_the_account(self, clock: TestClock) -> None:
        olga = StaffFactory.create()
        phone = enrolled(olga)
        thieves = [Visitor(ip=f"198.51.100.{number}") for number in range(12)]
        answers = [told(thief.logs_in(olga.login, otp=phone.shows_not())) for thief in thieves]
        assert answers == [REQUIRED] * 10 + [LIMITED] * 2
        assert told(Visitor().logs_in(olga.login, otp=phone.shows())) == LIMITED, "a right code as well"
        alert = AdminAlert.objects.get()
        assert (alert.fingerprint, alert.severity) == ("core.limit_reached:auth.otp.account", "warning")
        assert alert.context["subject"] == str(olga.pk)
        clock.advance(minutes=2)
        assert Visitor().logs_in(olga.login, otp=phone.shows()).status_code == 200

    def test_without_the_password_uses_up_nobody_s_tries(self) -> None:
        olga = StaffFactory.create()
        phone = enrolled(olga)
        for number in range(20):
            Visitor(ip=f"198.51.100.{number}").logs_in(olga.login, "wrong", otp="000000")
        assert Visitor().logs_in(olga.login, otp=phone.shows()).status_code == 200

    def test_in_a_session_is_counted_with_that_at_the_door(self) -> None:
        olga = StaffFactory.create()
        phone = enrolled(olga)
        inside = Visitor(access=opened(olga).access)
        answers = [told(inside.verifies(phone.shows_not())) for _guess in range(11)]
        assert answers == [(403, "auth.otp_wrong")] * 10 + [LIMITED]
        assert told(Visitor().logs_in(olga.login, otp=phone.shows())) == LIMITED

    def test_is_counted_exactly_when_many_guess_at_once(self) -> None:
        olga = StaffFactory.create()
        wrong = enrolled(olga).shows_not()
        inside = Visitor(access=opened(olga).access).access
        answers = race(*[lambda: told(Visitor(access=inside).verifies(wrong))] * 16)
        assert answers.count(LIMITED) == 6


class TestSessionsOpenedOtherwise:
    def test_are_no_staff_s_until_the_factor_is_shown(self) -> None:
        olga = StaffFactory.create(role="operator")
        phone = enrolled(olga)
        inside = Visitor(access=opened(olga).access)
        assert not is_staff(inside)
        assert inside.get(ME).json()["permissions"] == []
        assert inside.verifies(phone.shows()).status_code == 204
        assert is_staff(inside)
        assert "billing.add_tariff" in inside.get(ME).json()["permissions"]
        assert told(Visitor(access=inside.access).verifies(phone.shows())) == (403, "auth.otp_wrong"), "used up"

    def test_are_staff_s_where_there_is_no_factor_and_none_is_required(self) -> None:
        inside = Visitor(access=opened(StaffFactory.create()).access)
        assert is_staff(inside)
        with override_settings(REQUIRE_STAFF_2FA=True):
            assert not is_staff(inside)

    def test_are_never_a_customer_s_as_staff(self) -> None:
        assert not is_staff(Visitor(access=opened(UserFactory.create()).access))

    def test_must_show_it_anew_when_the_phone_is_another(self, clock: TestClock) -> None:
        olga = StaffFactory.create()
        phone = enrolled(olga)
        inside = Visitor(access=opened(olga).access)
        inside.verifies(phone.shows())
        clock.advance(seconds=60)
        other = Phone()
        second_factors.enrol(user_id=olga.pk, secret=other.secret, code=other.shows(), replace=True, by=actor_of(olga))
        assert not is_staff(inside)
        clock.advance(seconds=60)
        assert inside.verifies(other.shows()).status_code == 204
        assert is_staff(inside)

    def test_keep_it_through_refreshes(self) -> None:
        olga = StaffFactory.create()
        browser = Visitor()
        browser.logs_in(olga.login, otp=enrolled(olga).shows())
        assert browser.refreshes().status_code == 200
        assert is_staff(browser)

    def test_are_told_where_to_set_one_up(self) -> None:
        inside = Visitor(access=opened(StaffFactory.create()).access)
        assert told(inside.verifies("123456")) == (409, "auth.no_second_factor")

    def test_are_people_s(self) -> None:
        stranger = Visitor()
        stranger.client.defaults["HTTP_AUTHORIZATION"] = api_key_header("staff")["Authorization"]
        assert told(stranger.verifies("123456")) == (403, "auth.permission_denied")
        assert told(Visitor().verifies("123456")) == (401, "auth.token_missing")

    def test_end_with_a_reset(self) -> None:
        olga, chief = StaffFactory.create(), StaffFactory.create(role="superadmin")
        browser = Visitor()
        browser.logs_in(olga.login, otp=enrolled(olga).shows())
        second_factors.reset(user_id=olga.pk, by=actor_of(chief), reason="lost phone")
        assert told(browser.get(ME)) == (401, "auth.token_invalid")


class TestStepUp:
    """By the database's clock, and by the setting."""

    def inside(self, user: User) -> tuple[Visitor, Phone]:
        phone, browser = enrolled(user), Visitor()
        browser.logs_in(user.login, otp=phone.shows())
        return browser, phone

    def test_is_needed_ten_minutes_later_and_given_by_a_code(self, clock: TestClock) -> None:
        browser, phone = self.inside(StaffFactory.create())
        assert credentials(browser.access).is_lately_verified()
        clock.advance(minutes=9, seconds=50)
        assert credentials(browser.access).is_lately_verified()
        clock.advance(seconds=20)
        assert not credentials(browser.access).is_lately_verified()
        assert is_staff(browser), "they are staff all the same"
        assert browser.verifies(phone.shows()).status_code == 204
        assert credentials(browser.access).is_lately_verified()

    def test_is_needed_as_soon_as_the_setting_says(self, clock: TestClock) -> None:
        browser, _phone = self.inside(StaffFactory.create())
        Setting.objects.create(key="accounts.step_up_minutes", value=1, updated_by="tests")
        runtime_settings.forget_cached()
        try:
            assert credentials(browser.access).is_lately_verified()
            clock.advance(seconds=61)
            assert not credentials(browser.access).is_lately_verified()
        finally:
            runtime_settings.forget_cached()

    def test_is_asked_of_nobody_who_has_no_factor(self) -> None:
        assert credentials(opened(StaffFactory.create()).access).is_lately_verified()
