"""The OpenAPI document says of each operation who may call it, and by what: as the permission matrix has it."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.laws.test_permissions import MATRIX, OPEN, PEOPLE

DOCUMENT: Final[dict[str, Any]] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]  # no types
SHOWN: Final = [route for route in MATRIX if route.partition(" ")[2].startswith("/api/v1/")]


def operation(route: str) -> dict[str, Any]:
    method, _, path = route.partition(" ")
    shown = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)
    said: dict[str, Any] = DOCUMENT["paths"][shown][method.lower()]
    return said


@pytest.mark.parametrize("route", SHOWN)
def test_names_the_credentials_that_are_taken(route: str) -> None:
    row = MATRIX[route]
    said = operation(route).get("security", [{}])
    if row.scopes == OPEN:
        assert {} in said
        return
    wanted: list[dict[str, list[str]]] = [{"apiKey": []}] if row.scopes - PEOPLE else []
    wanted += [{"bearer": []}] if row.roles or row.of_others != 403 else []
    assert sorted(map(str, said)) == sorted(map(str, wanted))


@pytest.mark.parametrize("route", SHOWN)
def test_says_in_words_what_lets_callers_in(route: str) -> None:
    row = MATRIX[route]
    (said,) = re.findall(r"\*\*Who may:\*\* (.+)$", operation(route)["description"])
    if row.scopes == OPEN:
        assert said == "everybody."
        return
    scopes = re.search(r"servers with the scope (.+?)[;.]( |$)", said)
    assert set(re.findall("`(.+?)`", scopes[1]) if scopes else []) == row.scopes - PEOPLE
    assert bool(re.search(r"staff with the permission `\w+\.\w+`", said)) == bool(row.roles)
    assert ("people, for what is their own" in said) == (row.of_others != 403)
