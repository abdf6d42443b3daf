"""The page of people: how they are found, what is shown of them, and what may be done to them."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import ApiKey, User
from accounts.tests.desks import Desk
from accounts.tests.factories import (
    ApiKeyFactory,
    CompanyFactory,
    MembershipFactory,
    StaffFactory,
    UserFactory,
    bearer_header,
)
from accounts.tests.visitors import ME
from audit.models import AuditLog
from core.tests.operators import Operator, errors_of

pytestmark = pytest.mark.django_db


def deed(action: str) -> AuditLog:
    return AuditLog.objects.get(action=action)


def form(user: User, **changed: object) -> dict[str, object]:
    names = ("username", "first_name", "last_name", "language_code", "timezone")
    return {name: getattr(user, name) for name in names} | {"reason": ""} | changed


def found(operator: Operator, term: str) -> list[Any]:
    return list(operator.list(User, q=term).context["cl"].result_list)


class TestSearch:
    def test_finds_a_person_by_whatever_support_was_given(self) -> None:
        operator = Operator("support")
        UserFactory.create_batch(3)
        anna = UserFactory.create(telegram_id=1_234_567_890, username="Anna_K")
        staff = StaffFactory.create(login="boris")
        for term in ("1234567890", "anna_k", "@ANNA", "Anna", str(anna.pk)):
            assert found(operator, term) == [anna], term
        assert found(operator, "bor") == [staff]

    @pytest.mark.parametrize("term", ["%", "_", "'; --", "9" * 40, "x" * 10_000, "\\", "\u202eabc"])
    def test_takes_nothing_for_a_pattern(self, term: str) -> None:
        UserFactory.create_batch(2)
        assert found(Operator(), term) == []

    def test_shows_rare_kinds_by_themselves(self) -> None:
        operator = Operator("viewer")
        UserFactory.create()
        away = UserFactory.create(is_active=False)
        assert list(operator.list(User, kind="kept_out").context["cl"].result_list) == [away]
        assert list(operator.list(User, kind="staff").context["cl"].result_list) == [operator.user]


class TestThePage:
    def test_shows_companies_keys_and_the_way_to_their_deeds(self) -> None:
        user = UserFactory.create(first_name="Anna")
        membership = MembershipFactory.create(user=user, company=CompanyFactory.create(name="Courtyard"))
        key = ApiKeyFactory.create(owner=user, name="Anna's bot")
        text = Operator("viewer").page(user).content.decode()
        assert "Courtyard" in text
        assert f"/admin/accounts/company/{membership.company_id}/change/" in text
        assert f"/admin/accounts/apikey/{key.pk}/change/" in text
        assert f"/admin/audit/auditlog/?user={user.pk}" in text

    def test_is_edited_through_the_operation(self) -> None:
        user, operator = UserFactory.create(timezone=""), Operator("operator")
        answer = operator.save(user, **form(user, first_name="Vera", timezone="Asia/Omsk", reason="she wrote"))
        assert answer.status_code == 302
        user.refresh_from_db()
        assert (user.first_name, user.timezone, user.is_premium) == ("Vera", "Asia/Omsk", False)
        row = deed("accounts.user.updated")
        assert (row.user_id, row.metadata["reason"], row.metadata["door"]) == (operator.user.pk, "she wrote", "admin")

    @pytest.mark.django_db(transaction=True)
    def test_refuses_a_time_zone_that_is_none_and_moves_nothing(self) -> None:
        user = UserFactory.create(first_name="Anna")
        answer = Operator().save(user, **form(user, first_name="Vera", timezone="Moon/Crater"))
        assert "It is not a time zone" in str(errors_of(answer)["timezone"])
        user.refresh_from_db()
        assert user.first_name == "Anna"
        assert not AuditLog.objects.filter(action="accounts.user.updated", entity_id=str(user.pk)).exists()

    def test_takes_no_column_that_the_form_does_not_have(self) -> None:
        user = UserFactory.create()
        forged = {
            "is_staff": "on",
            "is_superuser": "on",
            "telegram_id": "1",
            "login": "root",
            "referral_code": "FORGED01",
        }
        assert Operator("operator").save(user, **form(user), **forged).status_code == 302
        saved = User.objects.get(pk=user.pk)
        assert (saved.is_staff, saved.is_superuser) == (False, False)
        assert (saved.telegram_id, saved.login) == (user.telegram_id, None)
        assert saved.referral_code == user.referral_code

    @pytest.mark.parametrize("role", ["support", "viewer"])
    def test_is_only_read_by_those_who_may_not_edit(self, role: str) -> None:
        user = UserFactory.create(first_name="Anna")
        reader = Operator(role)
        assert reader.page(user).status_code == 200
        assert reader.save(user, **form(user, first_name="Vera")).status_code == 403
        user.refresh_from_db()
        assert user.first_name == "Anna"


class TestKeepingOut:
    def test_is_done_with_a_reason_and_undone(self) -> None:
        user, operator = UserFactory.create(), Operator("operator")
        assert operator.do(user, "keep-out", reason="fraud").status_code == 302
        assert not User.objects.get(pk=user.pk).is_active
        row = deed("accounts.user.deactivated")
        assert (row.user_id, row.metadata["reason"]) == (operator.user.pk, "fraud")
        assert operator.do(user, "let-in", reason="a mistake").status_code == 302
        assert User.objects.get(pk=user.pk).is_active
        assert deed("accounts.user.activated").metadata["reason"] == "a mistake"

    def test_needs_a_reason(self) -> None:
        user = UserFactory.create()
        assert "reason" in errors_of(Operator().do(user, "keep-out", reason=" "))
        assert User.objects.get(pk=user.pk).is_active

    def test_of_colleagues_is_for_superadmins(self) -> None:
        colleague = StaffFactory.create(role="superadmin")
        assert Operator("operator").do(colleague, "keep-out", reason="mine now").status_code == 403
        assert User.objects.get(pk=colleague.pk).is_active
        assert Operator("superadmin").do(colleague, "keep-out", reason="left us").status_code == 302
        assert not User.objects.get(pk=colleague.pk).is_active

    @pytest.mark.parametrize("role", ["support", "viewer"])
    def test_is_not_for_readers(self, role: str) -> None:
        user = UserFactory.create()
        assert Operator(role).do(user, "keep-out", reason="x").status_code == 403
        assert User.objects.get(pk=user.pk).is_active


class TestLoggingOutEverywhere:
    def test_ends_every_session_of_theirs_and_no_other(self) -> None:
        colleague, other = StaffFactory.create(login="olga"), Desk()
        theirs, chief = Desk(), Operator("superadmin")
        theirs.logs_in(colleague)
        other.logs_in(StaffFactory.create())
        tokens = bearer_header(colleague)
        assert chief.do(colleague, "end-sessions", reason="a lost laptop").status_code == 302
        assert not theirs.is_in
        assert other.is_in
        assert other.client.get(ME, headers=tokens).status_code == 401
        row = deed("session.all_revoked")
        assert (row.user_id, row.entity_id) == (chief.user.pk, str(colleague.pk))
        assert (row.metadata["reason"], row.metadata["sessions"]) == ("a lost laptop", 1)
        theirs.logs_in(colleague)
        assert theirs.is_in, "they may log in again at once"

    def test_needs_a_reason(self) -> None:
        user = UserFactory.create()
        tokens = bearer_header(user)
        operator = Operator("operator")
        assert "reason" in errors_of(operator.do(user, "end-sessions", reason=" "))
        assert operator.client.get(ME, headers=tokens).status_code == 200
        assert operator.do(user, "end-sessions", reason="she asked").status_code == 302
        assert operator.client.get(ME, headers=tokens).status_code == 401

    def test_of_colleagues_is_for_superadmins(self) -> None:
        colleague, theirs = StaffFactory.create(), Desk()
        theirs.logs_in(colleague)
        assert Operator("operator").do(colleague, "end-sessions", reason="x").status_code == 403
        assert theirs.is_in

    @pytest.mark.parametrize("role", ["support", "viewer"])
    def test_is_not_for_readers(self, role: str) -> None:
        assert Operator(role).do(UserFactory.create(), "end-sessions", reason="x").status_code == 403


class TestForgetting:
    def test_leaves_a_nameless_page(self) -> None:
        user, operator = UserFactory.create(first_name="Anna", username="anna"), Operator()
        assert operator.do(user, "anonymise", reason="she asked").status_code == 302
        gone = User.objects.get(pk=user.pk)
        assert (gone.first_name, gone.telegram_id, gone.is_active) == ("", None, False)
        assert deed("accounts.user.anonymised").metadata["reason"] == "she asked"
        page = operator.page(gone)
        assert page.status_code == 200
        assert b"Anna" not in page.content
        assert b"anonymise/" not in page.content

    def test_is_not_for_operators(self) -> None:
        user = UserFactory.create(first_name="Anna")
        assert Operator("operator").do(user, "anonymise", reason="x").status_code == 403
        assert User.objects.get(pk=user.pk).first_name == "Anna"

    def test_needs_a_reason(self) -> None:
        user = UserFactory.create(first_name="Anna")
        assert "reason" in errors_of(Operator().do(user, "anonymise", reason=""))
        assert User.objects.get(pk=user.pk).first_name == "Anna"


class TestStaff:
    PASSWORD = "nine blue courtyards"

    def test_are_let_in_by_superadmins(self) -> None:
        operator = Operator()
        told = {"login": "zoya", "password": self.PASSWORD, "first_name": "Zoya", "role": "support"}
        answer = operator.do_to_list(User, "employ", **told, reason="hired")
        made = User.objects.get(login="zoya")
        assert answer.headers["Location"].endswith(f"/{made.pk}/change/")
        assert made.check_password(self.PASSWORD)
        assert [group.name for group in made.groups.all()] == ["support"]
        row = deed("accounts.staff.created")
        assert (row.user_id, row.metadata["reason"]) == (operator.user.pk, "hired")

    @pytest.mark.django_db(transaction=True)
    def test_with_a_weak_password_or_a_taken_login_are_not(self) -> None:
        operator = Operator()
        weak = operator.do_to_list(User, "employ", login="zoya", password="1234567890", role="viewer")
        assert "password" in errors_of(weak)
        taken = operator.do_to_list(User, "employ", login=operator.login, password=self.PASSWORD, role="viewer")
        assert errors_of(taken)["__all__"] == ["This login belongs to somebody else."]
        assert User.objects.filter(is_staff=True).count() == 1

    def test_are_given_another_role(self) -> None:
        colleague, operator = StaffFactory.create(role="viewer"), Operator()
        assert operator.do(colleague, "set-role", role="operator", reason="promoted").status_code == 302
        assert [group.name for group in colleague.groups.all()] == ["operator"]
        row = deed("accounts.staff.role_set")
        assert (row.old_value, row.new_value) == ({"roles": ["viewer"]}, {"roles": ["operator"]})
        assert row.metadata["reason"] == "promoted"

    def test_make_nobody_more_than_they_are(self) -> None:
        operator = Operator("operator")
        assert operator.do(operator.user, "set-role", role="superadmin", reason="me").status_code == 403
        made = operator.do_to_list(User, "employ", login="zoya", password=self.PASSWORD, role="superadmin")
        assert made.status_code == 403
        assert [group.name for group in operator.user.groups.all()] == ["operator"]
        assert not User.objects.filter(login="zoya").exists()

    def test_have_roles_and_customers_do_not(self) -> None:
        operator = Operator()
        assert b"set-role/" in operator.page(StaffFactory.create()).content
        assert b"set-role/" not in operator.page(UserFactory.create()).content


class TestCommandSearch:
    def test_finds_people_keys_and_pages_for_those_who_may_see_them(self) -> None:
        anna = UserFactory.create(username="anna_k", first_name="Anna")
        key: ApiKey = ApiKeyFactory.create(name="Support bot")
        reader = Operator("viewer")

        def answer(term: str) -> str:
            sent = reader.client.get("/admin/search/", {"s": term, "extended": "1"})
            assert sent.status_code == 200
            return str(sent.content.decode())

        assert f"/admin/accounts/user/{anna.pk}/change/" in answer("anna")
        assert f"/admin/accounts/apikey/{key.pk}/change/" in answer(f"dvk_{key.prefix}_")
        assert "/admin/accounts/company/" in answer("compan")
        nobody = Operator(None).client.get("/admin/search/", {"s": "anna", "extended": "1"})
        assert str(anna.pk) not in nobody.content.decode()

    @pytest.mark.parametrize(
        "term", ["", " ", "x" * 10_000, "'\"<script>", "%", "01980f2a-3b4c-7d5e-8f90-123456789abc", "9" * 30]
    )
    def test_bears_whatever_is_typed(self, term: str) -> None:
        sent = Operator().client.get("/admin/search/", {"s": term, "extended": "1", "page": "no number"})
        assert sent.status_code == 200
        assert b"<script>" not in sent.content
