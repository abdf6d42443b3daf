"""What is asked for once more inside Admin, one's own page of security, and what superadmins do to colleagues."""

from __future__ import annotations

import pytest
from django.test import override_settings
from django.urls import reverse

from accounts.models import ApiKey, SecondFactor, User
from accounts.operations import second_factors, sessions
from accounts.people import actor_of
from accounts.tests.desks import (
    CODE,
    CONFIRM,
    ENROL,
    INDEX,
    LOGIN,
    SECURITY,
    Desk,
    codes_of,
    errors,
    inside,
    location,
    secret_of,
)
from accounts.tests.factories import StaffFactory, UserFactory, bearer_header, opened
from accounts.tests.phones import Phone, backup_codes, enrolled
from accounts.tests.visitors import ME, Visitor
from audit.models import AuditLog
from conftest import TestClock
from core.admin.display import change_url, list_url
from core.models import Export

EVERYWHERE = f"{SECURITY}logout-all/"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def olga() -> User:
    found: User = StaffFactory.create(role="superadmin", login="olga")
    return found


class TestShowingItAgain:
    def test_is_asked_before_a_grave_deed_and_leads_back(self, olga: User, clock: TestClock) -> None:
        boris = StaffFactory.create(role="viewer")
        deed = change_url(boris, boris.pk).replace("/change/", "/set-role/")
        desk, phone = inside(olga)
        assert desk.get(deed).status_code == 200, "they have shown it a moment ago"
        clock.advance(minutes=10)
        asked = location(desk.get(deed))
        assert asked.startswith(f"{CONFIRM}?next=")
        assert location(desk.post(deed, role="operator", reason="promoted")).startswith(CONFIRM)
        assert [group.name for group in boris.groups.all()] == ["viewer"]

        key = desk.session_key
        assert "The code is wrong" in errors(desk.post(asked, code=phone.shows_not()))
        assert location(desk.post(asked, code=phone.shows())) == deed
        assert desk.session_key != key
        assert desk.post(deed, role="operator", reason="promoted").status_code == 302
        assert [group.name for group in boris.groups.all()] == ["operator"]

    def test_covers_every_grave_deed(self, olga: User, clock: TestClock) -> None:
        boris, anna = StaffFactory.create(role="viewer"), UserFactory.create()
        enrolled(boris)
        desk, _phone = inside(olga)
        clock.advance(minutes=10)
        for name in (
            *("set-role", "new-password", "reset-factor", "end-sessions"),
            *("keep-out", "let-in", "dismiss", "anonymise"),
        ):
            path = change_url(boris, boris.pk).replace("/change/", f"/{name}/")
            assert location(desk.post(path, reason="x", role="operator")).startswith(CONFIRM), name
        for model, name in ((User, "employ"), (User, "export-rows")):
            assert location(desk.post(f"{list_url(model)}{name}/", file_format="csv")).startswith(CONFIRM), name
        for path in ("codes/", "off/", "enrol/"):
            assert location(desk.post(f"{SECURITY}{path}", begin="1")).startswith(CONFIRM), path
        assert not Export.objects.exists()
        assert User.objects.filter(pk=boris.pk, is_active=True, is_staff=True).exists()
        # Customers are kept out without: it happens every day, and is undone by a click.
        assert desk.get(change_url(anna, anna.pk).replace("/change/", "/keep-out/")).status_code == 200

    def test_keeps_the_filters_of_an_export(self, olga: User, clock: TestClock) -> None:
        desk, phone = inside(olga)
        clock.advance(minutes=10)
        export = f"{list_url(User)}export-rows/?kind=staff"
        asked = location(desk.get(export))
        assert location(desk.post(asked, code=phone.shows())) == export
        assert desk.post(export, file_format="csv").status_code == 302
        assert Export.objects.get().query == "kind=staff"

    @pytest.mark.parametrize(
        "wanted",
        [
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example",
            "javascript:alert(1)",
            "\thttps://evil.example",
            "http:///evil.example",
            "",
        ],
    )
    def test_leads_nowhere_else(self, olga: User, wanted: str, clock: TestClock) -> None:
        desk, phone = inside(olga)
        assert desk.client.get(CONFIRM, {"next": wanted}).headers["Location"] == SECURITY
        clock.advance(minutes=10)
        answer = desk.client.post(CONFIRM, {"code": phone.shows()}, query_params={"next": wanted})
        assert location(answer) == SECURITY

    def test_is_asked_of_nobody_who_has_no_factor(self, olga: User) -> None:
        desk = Desk()
        desk.logs_in(olga)
        assert desk.get(f"{list_url(User)}export-rows/").status_code == 200

    def test_is_not_asked_for_other_pages(self, olga: User, clock: TestClock) -> None:
        desk, _phone = inside(olga)
        clock.advance(days=1)
        for path in (INDEX, list_url(User), list_url(ApiKey), SECURITY):
            assert desk.get(path).status_code == 200


class TestOnesOwnPage:
    def test_sets_up_a_phone(self, olga: User) -> None:
        desk = Desk()
        desk.logs_in(olga)
        assert b"not set up" in desk.get(SECURITY).content
        assert location(desk.get(f"{SECURITY}enrol/")) == SECURITY
        assert location(desk.post(f"{SECURITY}enrol/", begin="1")) == f"{SECURITY}enrol/"
        phone = Phone(secret_of(desk.get(f"{SECURITY}enrol/")))
        codes = codes_of(desk.post(f"{SECURITY}enrol/", code=phone.shows()))
        assert len(codes) == 10
        assert desk.is_in
        assert b"is-dangerous" not in desk.get(SECURITY).content
        assert second_factors.use(user_id=olga.pk, code=codes[0], by=actor_of(olga))

    def test_moves_to_another_phone(self, olga: User, clock: TestClock) -> None:
        desk, old = inside(olga)
        clock.advance(seconds=60)
        desk.post(f"{SECURITY}enrol/", begin="1")
        new = Phone(secret_of(desk.get(f"{SECURITY}enrol/")))
        codes_of(desk.post(f"{SECURITY}enrol/", code=new.shows()))
        assert desk.is_in
        clock.advance(seconds=60)
        other = Desk()
        other.logs_in(olga)
        assert "The code is wrong" in errors(other.shows(old.shows()))
        other.shows(new.shows())
        assert other.is_in

    def test_makes_new_backup_codes(self, olga: User) -> None:
        desk, _phone = inside(olga)
        before = backup_codes(olga)
        assert desk.get(f"{SECURITY}codes/").status_code == 200
        after = codes_of(desk.post(f"{SECURITY}codes/"))
        assert not second_factors.use(user_id=olga.pk, code=before[0], by=actor_of(olga))
        assert second_factors.use(user_id=olga.pk, code=after[0], by=actor_of(olga))

    def test_switches_it_off_here_and_ends_the_other_sessions(self, olga: User, clock: TestClock) -> None:
        desk, phone = inside(olga)
        clock.advance(seconds=60)
        other = Desk()
        other.logs_in(olga)
        other.shows(phone.shows())
        assert other.is_in
        assert location(desk.post(f"{SECURITY}off/")) == SECURITY
        assert desk.is_in
        assert not other.is_in
        assert not SecondFactor.objects.exists()

    @override_settings(REQUIRE_STAFF_2FA=True)
    def test_does_not_switch_it_off_where_it_is_required(self, olga: User) -> None:
        desk, _phone = inside(olga)
        assert b"security/off/" not in desk.get(SECURITY).content
        assert "cannot be switched off" in errors(desk.post(f"{SECURITY}off/"))
        assert SecondFactor.objects.exists()

    def test_has_nothing_to_do_without_a_factor(self, olga: User) -> None:
        desk = Desk()
        desk.logs_in(olga)
        for path in ("codes/", "off/"):
            assert location(desk.post(f"{SECURITY}{path}")) == SECURITY


class TestLoggingOutEverywhere:
    def test_ends_this_session_and_the_others(self, olga: User) -> None:
        here, there, others = Desk(), Desk(), Desk()
        here.logs_in(olga)
        there.logs_in(olga)
        others.logs_in(StaffFactory.create())
        tokens = bearer_header(olga)
        assert b"security/logout-all/" in here.get(SECURITY).content
        assert here.get(EVERYWHERE).status_code == 200
        assert there.is_in, "asking ends nothing"
        assert location(here.post(EVERYWHERE)) == LOGIN
        assert [desk.is_in for desk in (here, there, others)] == [False, False, True]
        assert here.client.get(ME, headers=tokens).status_code == 401
        row = AuditLog.objects.get(action="session.all_revoked")
        assert (row.user_id, row.metadata["door"]) == (olga.pk, "admin")

    def test_over_the_api_ends_those_of_admin(self, olga: User) -> None:
        desk, customer = Desk(), Visitor(access=opened(UserFactory.create()).access)
        desk.logs_in(olga)
        assert customer.post("/api/v1/auth/logout-all").status_code == 204
        assert desk.is_in, "it was somebody else"
        assert Visitor(access=opened(olga).access).post("/api/v1/auth/logout-all").status_code == 204
        assert not desk.is_in

    def test_ends_what_is_half_way_in(self, olga: User) -> None:
        phone, desk = enrolled(olga), Desk()
        desk.logs_in(olga)
        sessions.revoke_all(user_id=olga.pk, by=actor_of(olga))
        assert location(desk.shows(phone.shows())) == LOGIN
        assert not desk.is_in


class TestColleagues:
    def test_are_reset_by_a_superadmin(self, olga: User) -> None:
        boris = StaffFactory.create(role="operator")
        enrolled(boris)
        desk = Desk()
        desk.logs_in(olga)
        path = change_url(boris, boris.pk)
        assert b"reset-factor/" in desk.get(path).content
        assert desk.post(path.replace("/change/", "/reset-factor/"), reason="lost phone").status_code == 302
        assert b"reset-factor/" not in desk.get(path).content
        assert not SecondFactor.objects.exists()
        assert AuditLog.objects.get(action="second_factor.reset").metadata["reason"] == "lost phone"

    def test_are_given_a_new_password_that_is_shown_once(self, olga: User) -> None:
        boris, theirs, desk = StaffFactory.create(role="operator", login="boris"), Desk(), Desk()
        theirs.logs_in(boris)
        tokens = bearer_header(boris)
        desk.logs_in(olga)
        path = change_url(boris, boris.pk)
        assert b"new-password/" in desk.get(path).content
        assert "reason" in errors(desk.post(path.replace("/change/", "/new-password/"), reason=" "))
        assert theirs.is_in
        page = desk.post(path.replace("/change/", "/new-password/"), reason="forgotten")
        shown = page.context["password"]
        assert shown in page.content.decode()
        assert "no-store" in page["Cache-Control"]
        assert not theirs.is_in
        assert theirs.client.get(ME, headers=tokens).status_code == 401
        assert "Please enter the correct" in errors(theirs.logs_in(boris))
        theirs.logs_in(boris, shown)
        assert theirs.is_in
        row = AuditLog.objects.get(action="accounts.staff.password_renewed")
        assert (row.user_id, row.entity_id, row.metadata["reason"]) == (olga.pk, str(boris.pk), "forgotten")
        assert shown not in str(list(AuditLog.objects.values()))
        assert shown not in desk.get(path).content.decode()

    def test_are_dismissed_by_a_superadmin(self, olga: User) -> None:
        boris = StaffFactory.create(role="operator")
        desk = Desk()
        desk.logs_in(olga)
        assert desk.post(change_url(boris, boris.pk).replace("/change/", "/dismiss/"), reason="left").status_code == 302
        boris.refresh_from_db()
        assert (boris.is_staff, boris.login) == (False, None)

    def test_are_not_oneself(self, olga: User) -> None:
        desk, _phone = inside(olga)
        StaffFactory.create(role="superadmin")
        page = desk.get(change_url(olga, olga.pk)).content
        for name in ("set-role", "new-password", "reset-factor", "keep-out", "dismiss", "anonymise"):
            assert f"{name}/".encode() not in page
            refused = desk.post(change_url(olga, olga.pk).replace("/change/", f"/{name}/"), reason="x", role="viewer")
            assert "Nobody takes their own rights away" in errors(refused), name

    @pytest.mark.parametrize("role", ["operator", "support", "viewer"])
    def test_are_not_reset_by_others(self, olga: User, role: str) -> None:
        enrolled(olga)
        desk = Desk()
        desk.logs_in(StaffFactory.create(role=role))
        for name in ("reset-factor", "new-password", "end-sessions", "dismiss", "set-role"):
            path = change_url(olga, olga.pk).replace("/change/", f"/{name}/")
            assert desk.post(path, reason="x", role="viewer").status_code == 403


def test_pages_need_no_script_of_their_own(olga: User) -> None:
    """A strict policy for scripts lets nothing run that stands in the page."""
    with override_settings(REQUIRE_STAFF_2FA=True):
        desk = Desk()
        desk.logs_in(olga)
        pages = [desk.get(ENROL).content.decode()]
        secret = secret_of(desk.get(ENROL))
        pages.append(desk.post(ENROL, code=Phone(secret).shows()).content.decode())
    pages += [desk.get(SECURITY).content.decode(), desk.get(f"{SECURITY}codes/").content.decode()]
    for page in pages:
        scripts = [tag for tag in page.split("<script")[1:] if " src=" not in tag.partition(">")[0]]
        assert scripts == []
        assert " onclick=" not in page
        assert "javascript:" not in page


def test_reverse_names_are_those_that_are_written_down() -> None:
    assert [reverse(f"admin:{name}") for name in ("login_code", "login_enrol", "security", "security_confirm")] == [
        CODE,
        ENROL,
        SECURITY,
        CONFIRM,
    ]
