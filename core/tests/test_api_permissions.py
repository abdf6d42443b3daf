"""What a view declares of its callers is held to: servers by scope, staff by permission, people for their own."""

from __future__ import annotations

from typing import Any, Final

import pytest
from django.test import Client

from core.api.permissions import OWN, Callers, MayCall, by_method, may
from core.ids import uuid7

pytestmark = pytest.mark.urls("core.tests.api_routes")

ME: Final = "01980f2a-3b4c-7d5e-8f90-123456789abc"
HALF: Final = "/t/half-declared"


def ask(path: str, who: str = "", *, method: str = "get") -> Any:
    headers = {"Authorization": who} if who else {}
    return getattr(Client(), method)(path, headers=headers, content_type="application/json")


class TestAViewThatForgets:
    @pytest.mark.parametrize("who", ["Test bot known shelf:read staff", f"Person {ME}", f"Staff {ME} shelf.view_book"])
    def test_is_closed_to_all(self, who: str) -> None:
        assert ask("/t/forgetful", who).status_code == 403
        assert ask("/t/forgetful").status_code == 401

    def test_is_closed_in_the_method_that_it_forgot(self) -> None:
        assert ask(HALF, f"Person {ME}").status_code == 200
        assert ask(HALF, f"Person {ME}", method="patch").status_code == 403
        assert ask(HALF, method="patch").status_code == 401


class TestPeople:
    def test_are_told_apart_by_what_lets_them_in(self) -> None:
        assert ask(HALF, f"Person {ME}").json() == {"is_staff": False, "only_of": ME}
        assert ask(HALF, f"Staff {ME} shelf.view_book").json() == {"is_staff": True, "only_of": None}

    def test_stay_people_without_the_permission(self) -> None:
        assert ask(HALF, f"Staff {ME} shelf.change_book").json() == {"is_staff": False, "only_of": ME}

    def test_are_no_staff_outside_of_a_session_of_staff(self) -> None:
        assert ask(HALF, f"Person {ME} shelf.view_book").json() == {"is_staff": False, "only_of": ME}

    def test_are_let_in_where_the_address_names_themselves(self) -> None:
        assert ask(f"/t/of/{ME}", f"Person {ME}").json() == {"is_staff": False, "only_of": ME}

    @pytest.mark.parametrize("who", [f"Person {ME}", f"Staff {ME} shelf.change_book"])
    def test_are_answered_what_is_declared_where_it_names_another(self, who: str) -> None:
        answer = ask(f"/t/of/{uuid7()}", who)
        assert (answer.status_code, answer.json()["code"]) == (409, "core.job_is_not_dead")

    def test_act_for_others_by_the_permission(self) -> None:
        answer = ask(f"/t/of/{uuid7()}", f"Staff {ME} shelf.view_book")
        assert answer.json() == {"is_staff": True, "only_of": None}


class TestServers:
    def test_act_for_everybody_by_a_scope(self) -> None:
        assert ask(f"/t/of/{uuid7()}", "Test bot known").json() == {"is_staff": False, "only_of": None}

    def test_hear_which_scopes_there_are(self) -> None:
        assert ask(f"/t/of/{uuid7()}", "Test bot other").json()["required_scopes"] == ["known"]

    def test_hear_of_none_where_no_scope_lets_in(self) -> None:
        answer = ask(HALF, "Test bot known")
        assert answer.status_code == 403
        assert "required_scopes" not in answer.json()

    def test_have_no_permission_of_people(self) -> None:
        assert ask(HALF, "Test bot shelf.view_book").status_code == 403


def test_head_is_declared_as_get() -> None:
    assert ask(HALF, f"Person {ME}", method="head").status_code == 200


def test_a_declaration_names_somebody() -> None:
    with pytest.raises(ValueError, match="names somebody"):
        may()


def test_methods_have_callers_of_their_own() -> None:
    declared = by_method(GET=may(scopes=("a",), own=OWN), POST=may(permission="b.c"))
    assert declared.callers("GET") == declared.callers("HEAD") == Callers(scopes=("a",), own=OWN)
    assert declared.callers("POST") == Callers(permission="b.c")
    assert declared.callers("DELETE") == MayCall.callers("GET") == Callers()
