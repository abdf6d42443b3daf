"""
What the API tells whom: the names in each route's answer, by caller, are kept in ``answers.txt``, so that a new one is
seen by whoever reads the change. ``WRITE_ANSWERS=1`` and ``-k test_write`` write the file anew.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import models
from django.test import Client

from accounts.models import User
from accounts.tests.factories import StaffFactory, opened
from core.models import Setting
from core.tests.guards import undone
from core.tests.made_once import made_once
from tests.laws.callers import World, ask, furnished, in_session, key, owner_of
from tests.laws.house import house_models
from tests.laws.test_permissions import MATRIX, OPEN, PEOPLE

pytestmark = pytest.mark.matrix

KEPT: Final = Path(__file__).with_name("answers.txt")
HEADER: Final = """\
What the API tells whom: for each route, the names in its answer, by caller.
Compared and written by test_exposure.py (WRITE_ANSWERS=1, -k test_write).
A name that is new here is one that callers newly see.
"""
# Objects whose names are their writer's, not ours.
FREE: Final = frozenset({"metadata", "limits", "old_value", "new_value", "context"})
# Parts of names that speak of secrets, or of how to reach somebody, and the names that only sound so.
SECRET: Final = re.compile(r"(^|_)(hash|secret|password|digest|nonce|otp|totp|token|phone|email)(_|$)")
HARMLESS: Final = frozenset({"token_balance", "token_validity_days", "is_secret", "previous_secret_ends_at"})
# What its first owner is given, once: whoever begins a login its token, whoever makes somebody or something its secret.
GIVEN: Final = frozenset(
    {
        ("POST /api/v1/auth/login-token", "token"),
        ("POST /api/v1/admins", "initial_password"),
        ("POST /api/v1/webhook-endpoints", "secret"),
        ("POST /api/v1/webhook-endpoints/<uuid:endpoint_id>/rotate-secret", "secret"),
    }
)

_CANARY: Final = "canary-7c1d"

Answers = dict[str, dict[str, list[str]]]


def names_in(value: Any, where: str = "") -> Iterator[str]:
    """Every name in a JSON value, by its path."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield f"{where}{name}"
            if name not in FREE:
                yield from names_in(each, f"{where}{name}.")
    elif isinstance(value, list):
        for each in value:
            yield from names_in(each, where)


def callers(route: str, world: World) -> dict[str, Client]:
    """One of each kind of caller whom the route answers."""
    row = MATRIX[route]
    if row.scopes == OPEN:
        return {"everybody": Client()}
    if row.scopes == PEOPLE:
        return {"person": in_session(User.objects.get(pk=world["person"]))}
    served = {scope: key(scope) for scope in sorted(row.scopes)}
    served |= {role: in_session(StaffFactory.create(role=role)) for role in sorted(row.roles)}
    return served | ({"owner": in_session(owner_of(world))} if row.of_others != 403 else {})


@partial(made_once, scope="module")
def things() -> World:
    made = furnished()
    opened(owner_of(made))
    Setting.objects.create(key="core.some_secret", secret_value=_CANARY, updated_by="tests")
    return made


def answered(route: str, world: World) -> dict[str, Any]:
    """What each caller is answered."""
    said = {}
    for name, client in callers(route, world).items():
        with undone():
            answer = ask(route, world, client, MATRIX[route].body)
        assert answer.status_code == MATRIX[route].status, (name, answer.text)
        said[name] = answer
    return said


TOLD: Final = [
    route
    for route, row in MATRIX.items()
    if route.partition(" ")[2].startswith("/api/v1/") and row.status in {200, 201}
]


def spoken(route: str, names: Mapping[str, Iterable[str]]) -> str:
    """A route's part of the file: callers who are told the same stand together."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for caller, told in names.items():
        alike.setdefault(tuple(sorted(set(told))), []).append(caller)
    lines = [route]
    for told, who in sorted(alike.items(), key=lambda pair: pair[1]):
        lines.append(f"  {', '.join(who)}")
        lines += [f"    {name}" for name in told]
    return "\n".join(lines)


def kept() -> dict[str, str]:
    """The file's parts by their routes."""
    parts = KEPT.read_text("utf-8").split("\n\n")[1:]
    return {part.partition("\n")[0]: part.strip("\n") for part in parts}


@pytest.mark.parametrize("route", TOLD)
def test_each_caller_is_told_what_is_written_down_and_no_secret_of_the_database(route: str, world: World) -> None:
    said = answered(route, world)
    names = {caller: list(names_in(answer.json())) for caller, answer in said.items()}
    assert spoken(route, names) == kept().get(route)
    secrets = secrets_kept()
    assert len(secrets) > 5
    assert [name for name, answer in said.items() if any(secret in answer.text for secret in secrets)] == []


def test_nothing_is_written_down_of_routes_that_are_gone() -> None:
    assert list(kept()) == TOLD


if "WRITE_ANSWERS" in os.environ:

    def test_write(world: World) -> None:
        parts = [
            spoken(route, {who: list(names_in(answer.json())) for who, answer in answered(route, world).items()})
            for route in TOLD
        ]
        KEPT.write_text("\n\n".join([HEADER.strip("\n"), *parts]) + "\n", "utf-8")


def secretive(route: str, part: str) -> list[str]:
    """Names in a route's part of the file that speak of secrets."""
    names = {line.strip().rpartition(".")[2] for line in part.splitlines() if line.startswith("    ")}
    return sorted(name for name in names - HARMLESS if SECRET.search(name) and (route, name) not in GIVEN)


@pytest.mark.parametrize("route", TOLD)
def test_no_name_speaks_of_a_secret(route: str) -> None:
    assert secretive(route, kept()[route]) == []


def secrets_kept() -> set[str]:
    """Every secret in the database, in each of the ways in which it could be written."""
    found = {_CANARY}
    for model in house_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.BinaryField) or field.name == "password":
                for value in model._default_manager.values_list(field.attname, flat=True):
                    found |= _spellings(value)
    return found


def _spellings(value: object) -> set[str]:
    match value:
        case str() if value:
            return {value}
        case bytes() | memoryview():
            raw = bytes(value)
            return {raw.hex(), base64.b64encode(raw).decode(), str(raw)} if len(raw) >= 8 else set()
    return set()


def test_what_is_told_too_much_is_found(world: World) -> None:
    user = User.objects.get(pk=world["person"])
    told = {"id": str(user.pk), "results": [{"password_hash": user.password, "metadata": {"token": 1}}]}
    assert list(names_in(told)) == ["id", "results", "results.password_hash", "results.metadata"]
    part = spoken("GET /x", {"viewer": names_in(told), "operator": ["id"]})
    assert part.splitlines()[1:4] == ["  operator", "    id", "  viewer"]
    assert secretive("GET /x", part) == ["password_hash"]
    assert user.password in secrets_kept()
