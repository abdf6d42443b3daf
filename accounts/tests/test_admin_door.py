"""Admin's door: the password, then the code, and nothing before both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.sessions.models import Session as DjangoSession
from django.test import override_settings

from accounts.admin.doors import LIFETIME
from accounts.models import SecondFactor, User
from accounts.operations import second_factors, users
from accounts.people import actor_of
from accounts.rules import second_factors as rules
from accounts.tests.desks import (
    CODE,
    ENROL,
    INDEX,
    LOGIN,
    OPEN,
    SECURITY,
    Desk,
    addresses,
    codes_of,
    errors,
    filled,
    inside,
    location,
    reachable,
    secret_of,
)
from accounts.tests.factories import StaffFactory, UserFactory
from accounts.tests.phones import Phone, backup_codes, enrolled
from audit.models import AuditLog
from conftest import TestClock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def olga() -> User:
    found: User = StaffFactory.create(role="superadmin", login="olga")
    return found


@pytest.fixture
def required() -> Iterator[None]:
    """Everybody must have a second factor, as in production."""
    with override_settings(REQUIRE_STAFF_2FA=True):
        yield


class TestWithoutAFactor:
    def test_the_password_is_enough_where_none_is_required(self, olga: User) -> None:
        desk = Desk()
        assert location(desk.logs_in(olga, after="/admin/accounts/user/")) == "/admin/accounts/user/"
        assert desk.is_in

    def test_a_wrong_password_says_nothing_else(self, olga: User) -> None:
        enrolled(olga)
        refused = Desk().logs_in(olga, "wrong")
        assert "Please enter the correct" in errors(refused)
        assert errors(Desk().post(LOGIN, username="nobody", password="wrong")) == errors(refused)

    def test_customers_do_not_come_in(self) -> None:
        customer = UserFactory.create(login="anna", password=StaffFactory.build().password)
        assert "staff account" in errors(Desk().logs_in(customer))

    def test_guesses_are_slowed_down(self, olga: User) -> None:
        desk = Desk()
        answers = [desk.logs_in(olga, "wrong") for _guess in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert 0 < int(answers[-1]["Retry-After"]) <= 90
        assert "Too many tries" in errors(answers[-1])
        assert desk.logs_in(olga).status_code == 429, "also with the right one"


class TestTheCode:
    def test_is_asked_for_after_the_password_and_lets_in(self, olga: User) -> None:
        phone, desk = enrolled(olga), Desk()
        assert location(desk.logs_in(olga, after="/admin/accounts/user/")) == CODE
        assert not desk.is_in
        assert location(desk.shows(phone.shows())) == "/admin/accounts/user/"
        assert desk.is_in

    def test_may_be_a_backup_code_once(self, olga: User) -> None:
        enrolled(olga)
        code = backup_codes(olga)[0]
        for desk, is_let_in in ((Desk(), True), (Desk(), False)):
            desk.logs_in(olga)
            assert b"Backup code" in desk.get(f"{CODE}?backup=1").content
            desk.post(f"{CODE}?backup=1", code=code)
            assert desk.is_in is is_let_in

    def test_counts_once_and_only_in_these_minutes(self, olga: User, clock: TestClock) -> None:
        clock.stop()
        phone = enrolled(olga)
        used = phone.shows()
        assert second_factors.use(user_id=olga.pk, code=used, by=actor_of(olga))
        desk = Desk()
        desk.logs_in(olga)
        for wrong in (used, phone.shows(-1), phone.shows(2), phone.shows_not(), "abc", "0" * 39):
            assert "The code is wrong" in errors(desk.shows(wrong)), wrong
        assert not desk.is_in
        assert AuditLog.objects.filter(action="second_factor.refused", user_id=olga.pk).count() == 6

    def test_guesses_are_slowed_down_for_the_account(self, olga: User, clock: TestClock) -> None:
        phone = enrolled(olga)
        desks = [Desk(ip=f"198.51.100.{number}") for number in range(2)]
        for desk in desks:
            desk.logs_in(olga)
        said = [errors(desks[number % 2].shows(phone.shows_not())) for number in range(11)]
        assert ["Too many tries" in each for each in said] == [False] * 10 + [True]
        assert "Too many tries" in errors(desks[0].shows(phone.shows()))
        clock.advance(minutes=2)
        desks[0].shows(phone.shows())
        assert desks[0].is_in

    @pytest.mark.parametrize("typed", ["", "x" * 41, "\x00", "１２３４５６"])
    def test_bears_whatever_is_typed(self, olga: User, typed: str) -> None:
        enrolled(olga)
        desk = Desk()
        desk.logs_in(olga)
        assert errors(desk.shows(typed))
        assert not desk.is_in


class TestHalfWay:
    def test_is_nobody_anywhere(self, olga: User) -> None:
        enrolled(olga)
        desk = Desk()
        desk.logs_in(olga)
        stored = DjangoSession.objects.get(session_key=desk.session_key).get_decoded()
        assert "_auth_user_id" not in stored
        assert reachable(desk) == []

    def test_lasts_five_minutes(self, olga: User, clock: TestClock) -> None:
        phone, desk = enrolled(olga), Desk()
        desk.logs_in(olga)
        clock.advance(seconds=LIFETIME.total_seconds() - 1)
        assert desk.get(CODE).status_code == 200
        clock.advance(seconds=1)
        assert location(desk.shows(phone.shows())) == LOGIN
        assert not desk.is_in

    @pytest.mark.parametrize("how", ["kept out", "another password", "no staff", "reset"])
    def test_ends_with_what_was_proved(self, olga: User, how: str) -> None:
        chief = StaffFactory.create(role="superadmin")
        phone, desk = enrolled(olga), Desk()
        desk.logs_in(olga)
        match how:
            case "kept out":
                users.set_active(user_id=olga.pk, is_active=False, by=actor_of(chief), reason="x")
            case "another password":
                olga.set_password("purple monkey dishwasher")
                olga.save()
            case "no staff":
                User.objects.filter(pk=olga.pk).update(is_staff=False)
            case _:
                second_factors.reset(user_id=olga.pk, by=actor_of(chief), reason="x")
        assert location(desk.shows(phone.shows())) == LOGIN
        assert not desk.is_in

    def test_is_begun_by_a_password_only(self) -> None:
        for path in (CODE, ENROL):
            assert location(Desk().get(path)) == LOGIN
            assert location(Desk().post(path, code="123456")) == LOGIN


class TestTheSession:
    def test_has_another_key_at_each_step_and_the_former_ones_are_worth_nothing(self, olga: User) -> None:
        """Nobody can plant a session in another's browser and use it once they are in."""
        phone, desk = enrolled(olga), Desk()
        # Somebody else's session, half way in, planted here.
        thief = Desk()
        boris = StaffFactory.create()
        enrolled(boris)
        thief.logs_in(boris)
        desk.client.cookies["sessionid"] = thief.session_key
        keys = [desk.session_key]
        desk.logs_in(olga)
        keys.append(desk.session_key)
        desk.shows(phone.shows())
        keys.append(desk.session_key)
        assert len(set(keys)) == 3
        for key in keys[:2]:
            other = Desk()
            other.client.cookies["sessionid"] = key
            assert not other.is_in
            assert location(other.get(CODE)) == LOGIN
        assert desk.is_in

    def test_has_careful_cookies(self, olga: User) -> None:
        desk, _phone = inside(olga)
        cookie = desk.client.cookies["sessionid"]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
        with override_settings(SESSION_COOKIE_SECURE=True):
            secure = Desk()
            secure.logs_in(StaffFactory.create())
            assert secure.client.cookies["sessionid"]["secure"]

    def test_ends_with_a_logout(self, olga: User) -> None:
        desk, _phone = inside(olga)
        key = desk.session_key
        assert desk.get("/admin/logout/").status_code == 405
        desk.post("/admin/logout/")
        other = Desk()
        other.client.cookies["sessionid"] = key
        assert not other.is_in
        assert not DjangoSession.objects.filter(session_key=key).exists()

    def test_of_before_the_phone_was_set_up_is_over(self, olga: User) -> None:
        desk = Desk()
        desk.logs_in(olga)
        assert desk.is_in
        enrolled(olga)
        assert location(desk.get(INDEX)).startswith(LOGIN)
        assert reachable(desk) == []

    def test_ends_with_a_reset_where_none_is_required_as_well(self, olga: User) -> None:
        desk, _phone = inside(olga)
        second_factors.reset(user_id=olga.pk, by=actor_of(StaffFactory.create(role="superadmin")), reason="lost phone")
        assert not desk.is_in

    def test_refuses_forms_of_other_sites(self, olga: User) -> None:
        enrolled(olga)
        desk = Desk(enforce_csrf_checks=True)
        assert desk.logs_in(olga).status_code == 403
        desk.client.handler.enforce_csrf_checks = False
        desk.logs_in(olga)
        desk.client.handler.enforce_csrf_checks = True
        assert desk.shows("123456").status_code == 403


@pytest.mark.usefixtures("required")
class TestEnrolment:
    def test_comes_before_everything_else(self, olga: User) -> None:
        desk = Desk()
        assert location(desk.logs_in(olga, after="/admin/accounts/user/")) == ENROL
        page = desk.get(ENROL)
        assert page.context["qr"].startswith("data:image/svg+xml")
        assert reachable(desk) == []
        assert not SecondFactor.objects.exists()

        phone = Phone(secret_of(page))
        assert "not the code" in errors(desk.post(ENROL, code=phone.shows_not()))
        assert reachable(desk) == []
        shown = desk.post(ENROL, code=phone.shows())
        assert len(codes_of(shown)) == 10
        assert shown.context["next_url"] == "/admin/accounts/user/"
        assert "no-store" in shown["Cache-Control"]
        assert desk.is_in
        assert codes_of(shown)[0] not in desk.get(SECURITY).content.decode()

        # From then on it is asked for.
        again = Desk()
        assert location(again.logs_in(olga)) == CODE
        again.shows(codes_of(shown)[0])
        assert again.is_in

    def test_has_a_secret_of_its_own_each_time(self, olga: User) -> None:
        """Whoever knows the password and looked first does not know what the phone of the second one learns."""
        thief, desk = Desk(), Desk()
        thief.logs_in(olga)
        desk.logs_in(olga)
        stolen, mine = (secret_of(each.get(ENROL)) for each in (thief, desk))
        assert stolen != mine
        assert codes_of(desk.post(ENROL, code=Phone(mine).shows()))
        refused = thief.post(ENROL, code=Phone(stolen).shows())
        assert "set up already" in errors(refused)
        assert not thief.is_in

    def test_keeps_the_secret_sealed_until_then(self, olga: User) -> None:
        desk = Desk()
        desk.logs_in(olga)
        secret = secret_of(desk.get(ENROL))
        stored = str(DjangoSession.objects.get(session_key=desk.session_key).get_decoded())
        assert secret.hex() not in stored
        assert rules.spelled(secret).replace(" ", "") not in stored

    def test_is_not_gone_round_by_those_who_were_in(self, olga: User) -> None:
        with override_settings(REQUIRE_STAFF_2FA=False):
            desk = Desk()
            desk.logs_in(olga)
            assert desk.is_in
        assert reachable(desk) == []
        forced = Desk()
        forced.client.force_login(olga)
        assert reachable(forced) == []

    def test_is_not_offered_to_who_has_a_phone(self, olga: User) -> None:
        enrolled(olga)
        desk = Desk()
        desk.logs_in(olga)
        assert location(desk.get(ENROL)) == CODE
        assert location(desk.post(ENROL, code="123456")) == CODE


class TestWhatIsWrittenDown:
    """Each login and logout, with where it came from and what was shown."""

    def test_is_the_password_where_it_is_enough(self, olga: User) -> None:
        Desk().logs_in(olga, "wrong")
        assert ways() == []
        Desk(ip="198.51.100.4").logs_in(olga)
        row = AuditLog.objects.get(action="accounts.admin.logged_in")
        assert (row.user_id, row.actor["label"], row.entity_id) == (olga.pk, "olga", str(olga.pk))
        assert {name: row.metadata[name] for name in ("way", "door", "ip")} == {
            "way": "password",
            "door": "admin",
            "ip": "198.51.100.4",
        }

    @pytest.mark.parametrize("page", [CODE, f"{CODE}?backup=1"])
    def test_is_the_code_or_the_backup_code_whichever_was_asked_for(self, olga: User, page: str) -> None:
        phone, desk, other = enrolled(olga), Desk(), Desk()
        code = backup_codes(olga)[0]
        desk.logs_in(olga)
        desk.post(page, code=phone.shows_not())
        assert ways() == [], "half way in is not in"
        desk.post(page, code=phone.shows())
        other.logs_in(olga)
        other.post(page, code=code)
        assert ways() == ["code", "backup_code"]

    @pytest.mark.usefixtures("required")
    def test_is_the_enrolment(self, olga: User) -> None:
        desk = Desk()
        desk.logs_in(olga)
        desk.post(ENROL, code=Phone(secret_of(desk.get(ENROL))).shows())
        assert ways() == ["enrolment"]

    def test_is_the_logout_once(self, olga: User) -> None:
        desk, _phone = inside(olga)
        desk.get("/admin/logout/")
        assert not AuditLog.objects.filter(action="accounts.admin.logged_out").exists()
        desk.post("/admin/logout/")
        desk.post("/admin/logout/")
        row = AuditLog.objects.get(action="accounts.admin.logged_out")
        assert (row.user_id, row.entity_id, row.metadata["door"]) == (olga.pk, str(olga.pk), "admin")


def ways() -> list[str]:
    """How somebody came in, each time."""
    rows = AuditLog.objects.filter(action="accounts.admin.logged_in").order_by("id")
    return [row.metadata["way"] for row in rows]


def test_every_address_is_tried() -> None:
    known = addresses()
    assert len(known) > 100
    assert len(known) > 3 * len(admin.site._registry)
    assert all(f"admin/{path}" in known for path in OPEN)
    for pattern in known:
        assert not set("<>()?|^$\\") & set(filled(pattern)), pattern


def test_a_page_that_is_open_would_be_found(olga: User) -> None:
    """The control: somebody who is in reaches them."""
    desk, _phone = inside(olga)
    found = [each.partition(":")[0] for each in reachable(desk)]
    for path in ("search/", "jsi18n/", "accounts/user/", "core/export/", "password_change/", "security/", ""):
        assert f"get /admin/{path}" in found
