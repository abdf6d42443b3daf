"""What the OpenAPI document shows of the people who work here is what superadmins are answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it carries none

from accounts.tests.factories import StaffFactory, opened
from accounts.tests.visitors import Visitor

DOCUMENT: Final[dict[str, Any]] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]  # no types
ADMINS: Final = "/api/v1/admins"
ROUTES: Final = sorted(path for path in DOCUMENT["paths"] if path.startswith(ADMINS))
ONE: Final = "/api/v1/admins/{admin_id}"


def chief() -> Visitor:
    return Visitor(access=opened(StaffFactory.create(role="superadmin")).access)


def colleague() -> str:
    return f"{ADMINS}/{StaffFactory.create(role='operator').pk}"


ANSWERS: Final[dict[tuple[str, str, int], Callable[[], Any]]] = {
    ("get", ADMINS, 200): lambda: chief().get(ADMINS),
    ("post", ADMINS, 201): lambda: chief().post(ADMINS, body("post", ADMINS)),
    ("get", ONE, 200): lambda: chief().get(colleague()),
    ("patch", ONE, 200): lambda: chief().patch(colleague(), body("patch", ONE)),
    ("delete", ONE, 204): lambda: chief().delete(colleague()),
}


def body(method: str, route: str) -> Any:
    """The example of what is sent."""
    content = DOCUMENT["paths"][route][method]["requestBody"]["content"]["application/json"]
    return next(iter(content["examples"].values()))["value"]


def test_nothing_that_is_documented_is_left_out() -> None:
    documented = {
        (method, path, int(status))
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
    content = DOCUMENT["paths"][route][method]["responses"][str(status)].get("content")
    if status == 204:
        assert content is None
        return
    shown = content["application/json"]
    Draft202012Validator({**shown["schema"], "components": DOCUMENT["components"]}).validate(answer.json())
    for example in shown["examples"].values():
        assert example["value"].keys() == answer.json().keys()
        if "results" in answer.json():
            assert example["value"]["results"][0].keys() == answer.json()["results"][0].keys()
