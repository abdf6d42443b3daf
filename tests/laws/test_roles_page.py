"""``docs/roles.md`` says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command

from accounts import role_page
from accounts.roles import FRAMEWORK, ROLES
from tests.laws.test_permissions import MATRIX, OPEN, PEOPLE


def test_is_fresh() -> None:
    call_command("roles", check=True)


def test_a_stale_or_missing_page_is_found(tmp_path: Path) -> None:
    page = tmp_path / "roles.md"
    assert not role_page.is_fresh(page)
    page.write_text(role_page.page().replace("✓", "", 1), "utf-8")
    assert not role_page.is_fresh(page)
    page.write_text(role_page.page(), "utf-8")
    assert role_page.is_fresh(page)


@pytest.mark.django_db
def test_names_every_permission_that_there_is() -> None:
    stored = Permission.objects.exclude(content_type__app_label__in=FRAMEWORK)
    assert {(each.content_type.app_label, each.codename) for each in stored.select_related("content_type")} == {
        (app, codename) for app, codenames in role_page.permissions().items() for codename in codenames
    }


def test_marks_what_each_role_may() -> None:
    lines = role_page.page().splitlines()
    for app, codenames in role_page.permissions().items():
        for codename in codenames:
            marks = ["✓" if role.allows(app, codename) else "" for role in ROLES.values()]
            assert f"| `{codename}` | {' | '.join(marks)} |" in lines


def test_says_of_each_route_what_its_callers_are_answered() -> None:
    """The page is written from the declarations, the matrix is asked over HTTP."""
    lines = role_page.page().splitlines()
    for route, row in MATRIX.items():
        if "/api/" not in route or row.scopes == OPEN:
            continue
        shown = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
        (line,) = (line for line in lines if line.startswith(f"| `{shown}` |"))
        _before, _route, scopes, _permission, *marks, _after = (cell.strip() for cell in line.split("|"))
        assert set(re.findall(r"`(.+?)`", scopes)) == row.scopes - PEOPLE
        wanted = [name in row.roles for name in ROLES] + [row.of_others != 403]
        assert [mark == "✓" for mark in marks] == wanted, line
