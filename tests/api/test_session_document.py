"""What the OpenAPI document shows of sessions is what people are answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it carries none

from accounts.tests.factories import STAFF_PASSWORD, StaffFactory, opened
from accounts.tests.phones import enrolled
from accounts.tests.test_api_telegram import by_bot, fields
from accounts.tests.visitors import LOGIN, Visitor

DOCUMENT: Final[dict[str, Any]] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]  # no types
ROUTES: Final = sorted(path for path in DOCUMENT["paths"] if path.startswith("/api/v1/auth/"))
NEW_PASSWORD: Final = {"old": STAFF_PASSWORD, "new": "purple monkey dishwasher"}


def person() -> Visitor:
    return Visitor(access=opened(StaffFactory.create()).access)


def pending() -> Any:
    browser = Visitor()
    token = browser.post("/api/v1/auth/login-token").json()["token"]
    return browser.post(LOGIN, {"login_token": token})


def shut() -> Any:
    tokens = opened(StaffFactory.create())
    return Visitor(access=tokens.access).delete(f"/api/v1/auth/sessions/{tokens.session.pk}")


def verified() -> Any:
    user = StaffFactory.create()
    phone = enrolled(user)
    return Visitor(access=opened(user).access).verifies(phone.shows())


# Method, route and status, and a way to be answered so.
ANSWERS: Final[dict[tuple[str, str, int], Callable[[], Any]]] = {
    ("post", "login", 200): lambda: Visitor().logs_in(StaffFactory.create().login),
    ("post", "login", 202): pending,
    ("post", "login-token", 201): lambda: Visitor().post("/api/v1/auth/login-token"),
    ("post", "telegram", 200): lambda: Visitor().post("/api/v1/auth/telegram", {"init_data": by_bot(fields())}),
    ("post", "refresh", 200): lambda: Visitor().refreshes(opened(StaffFactory.create()).refresh),
    ("post", "logout", 204): lambda: person().post("/api/v1/auth/logout"),
    ("post", "logout-all", 204): lambda: person().post("/api/v1/auth/logout-all"),
    ("post", "otp", 204): verified,
    ("post", "password", 204): lambda: person().post("/api/v1/auth/password", NEW_PASSWORD),
    ("get", "me", 200): lambda: person().get("/api/v1/auth/me"),
    ("get", "sessions", 200): lambda: person().get("/api/v1/auth/sessions"),
    ("delete", "sessions/{session_id}", 204): shut,
}


def test_nothing_that_is_documented_is_left_out() -> None:
    documented = {
        (method, path.removeprefix("/api/v1/auth/"), int(status))
        for path in ROUTES
        for method, operation in DOCUMENT["paths"][path].items()
        for status in operation["responses"]
        if int(status) < 300
    }
    assert documented == set(ANSWERS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("said", ANSWERS, ids=lambda said: f"{said[0]} {said[1]} {said[2]}")
def test_each_answer_has_the_shape_that_is_shown(said: tuple[str, str, int]) -> None:
    method, route, status = said
    answer = ANSWERS[said]()
    assert answer.status_code == status, answer.content
    content = DOCUMENT["paths"][f"/api/v1/auth/{route}"][method]["responses"][str(status)].get("content")
    if status == 204:
        assert content is None
        return
    shown = content["application/json"]
    Draft202012Validator({**shown["schema"], "components": DOCUMENT["components"]}).validate(answer.json())
    for example in shown["examples"].values():
        assert example["value"].keys() == answer.json().keys()


def test_each_way_in_is_open_and_everything_else_needs_a_person() -> None:
    ways_in = {"login", "login-token", "telegram", "refresh"}
    for path in ROUTES:
        for operation in DOCUMENT["paths"][path].values():
            is_open = {} in operation.get("security", [{}])
            assert is_open == (path.removeprefix("/api/v1/auth/") in ways_in), path
            if not is_open:
                assert {"bearer": []} in operation["security"]
