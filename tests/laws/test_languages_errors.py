"""Every error of the API is told in the language that its caller asks for, whoever raised it and however early."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.utils import translation
from rest_framework import serializers

import config.urls  # noqa: F401  the house's routes, and with them all of its serializers
from core.api import errors, fields
from core.api.problems import CATALOGUE
from core.api.serializers import StrictSerializer
from core.tests.api_routes import FAILURES
from tests.laws.languages import FOREIGN, Said

pytestmark = [pytest.mark.django_db, pytest.mark.urls("core.tests.api_routes")]

BODY: Final = "/t/echo"
# Wrong bodies, and what they are wrong about.
WRONG: Final[dict[str, object]] = {
    "no object": [1],
    "no JSON": b"{",
    "no UTF-8": b'"\xff"',
    "twice": b'{"number": 1, "number": 2}',
    "unknown": {"colour": 1},
    "types": {"number": "x", "truth": 3, "text": 1, "code": 1, "id": 1, "moment": 1, "metadata": 1, "parts": 1},
    "formats": {"number": 1.5, "id": "x", "moment": "yesterday", "code": "green", "metadata": {"a": "b" * 99}},
    "sizes": {"number": 2**70, "text": "9" * 11, "parts": [{"tokens": 1}] * 6},
    "characters": {"text": "\x07", "prose": "\x00", "code": "\x00"},
    "nothing": dict.fromkeys(("number", "truth", "text", "code", "id", "moment", "metadata", "price", "parts")),
    "inside": {"parts": [{}, {"tokens": 0}, {"tokens": 1, "note": ""}, 1], "price": {"amount": 1}},
    "money": {"price": {"amount": 1, "currency": "RUB"}},
    "no money": {"price": {"amount": "x", "currency": "XYZ"}},
    "empty": {"text": "", "prose": "  "},
}
# Failures whose words are the tests' own.
OWN_WORDS: Final = {"domain", "form", "form-of-an-operation", "form-plain"}


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def told(answer: Any) -> Said:
    """The words of a problem document."""
    problem = answer.json()
    yield "title", problem["title"]
    yield "detail", problem["detail"]
    for name, reasons in problem["errors"].items():
        yield from ((name, reason) for reason in reasons)


def foreign(answer: Any, language: str) -> list[str]:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.content
    assert answer.headers["Content-Language"] == language
    return [f"{place}: {text}" for place, text in told(answer) if FOREIGN[language](str(text))]


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_a_body_is_told_in_the_caller_s_language(
    client: Client, wrong: object, language: str
) -> None:
    answer = client.post(BODY, wrong, content_type="application/json", headers={"Accept-Language": language})
    assert answer.status_code == 400, answer.content
    assert foreign(answer, language) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("door", ["fail", "plain"])
@pytest.mark.parametrize("failure", sorted(FAILURES.keys() - OWN_WORDS))
def test_whatever_fails_is_told_in_the_caller_s_language(
    client: Client, failure: str, door: str, language: str
) -> None:
    answer = client.get(f"/t/{door}/{failure}", headers={"Accept-Language": language})
    assert answer.status_code >= 400
    assert foreign(answer, language) == []


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize(
    ("method", "path", "status", "headers"),
    [
        ("get", "/nothing", 404, {}),
        ("delete", BODY, 405, {}),
        ("get", "/t/teapot", 400, {}),
        ("get", f"{BODY}?number=x&truth=3&moment=1&colour=red", 400, {}),
        ("get", f"{BODY}?number=1&number=2", 400, {}),
        ("get", "/t/buckets?limit=0", 400, {}),
        ("get", "/t/buckets?cursor=forged", 400, {}),
        ("get", f"{BODY}?number=%00", 400, {}),
        ("get", "/health", 400, {"Host": "elsewhere.example"}),
        ("get", "/t/known", 401, {}),
        ("get", "/t/known", 401, {"Authorization": "Test nobody"}),
        ("get", "/t/scoped", 403, {"Authorization": "Test somebody"}),
        ("post", "/t/once", 400, {"Authorization": "Test somebody known"}),
        ("post", "/t/once", 400, {"Authorization": "Test somebody known", "Idempotency-Key": "ключ"}),
        ("get", BODY, 406, {"Accept": "text/html"}),
        ("post", BODY, 415, {"Content-Type": "text/plain"}),
    ],
)
def test_whatever_is_asked_wrongly_is_told_in_the_caller_s_language(
    client: Client, *, method: str, path: str, status: int, headers: dict[str, str], language: str
) -> None:
    body = {} if method == "get" else {"data": "{}", "content_type": headers.get("Content-Type", "application/json")}
    answer = getattr(client, method)(path, headers={**headers, "Accept-Language": language}, **body)
    assert answer.status_code == status
    assert foreign(answer, language) == []


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("ru", "ru"),
        ("en", "en"),
        ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", "ru"),
        ("en-GB,en;q=0.9", "en"),
        ("EN", "en"),
        ("en;q=0.3, ru;q=0.8", "ru"),
        ("ru;q=0.3,en;q=0.31", "en"),
        ("de, fr;q=0.9, en;q=0.1", "en"),
        ("de", None),
        ("*", None),
        ("", None),
        (";q=,,", None),
        ("x" * 10_000, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("path", ["/nothing", f"{BODY}?number=x", f"{BODY}?number=%00"])
@pytest.mark.parametrize("house", ["ru", "en"])
def test_the_language_is_the_best_that_was_asked_for_else_the_house_s(
    client: Client, asked: str | None, answered: str | None, path: str, house: str
) -> None:
    headers = {} if asked is None else {"Accept-Language": asked}
    other = "en" if house == "ru" else "ru"
    # Whatever the thread spoke before is forgotten.
    with override_settings(LANGUAGE_CODE=house), translation.override(other):
        assert foreign(client.get(path, headers=headers), answered or house) == []


def test_the_house_speaks_russian_unless_it_is_told_otherwise() -> None:
    assert settings.LANGUAGE_CODE == "ru"


def of_fields(serializer: type[serializers.Serializer[Any]]) -> Said:
    """Whatever a serializer's fields may say of a wrong value, in whichever circumstances."""
    for name, field in serializer().get_fields().items():
        yield from _of_field(f"{serializer.__name__}.{name}", field)


def _of_field(place: str, field: serializers.Field[Any, Any, Any, Any]) -> Said:
    for code, message in field.error_messages.items():
        yield f"{place}, {code}", message
    for validator in field.validators:
        yield f"{place}, {type(validator).__name__}", getattr(validator, "message", "")
    for inner in getattr(field, "fields", {}).values():
        yield from _of_field(place, inner)


def misspoken(body: type[serializers.Serializer[Any]]) -> list[str]:
    """What fields would say in another language than the caller's. Some of DRF's texts keep the first that is asked."""
    found = []
    for language, foreign_words in FOREIGN.items():
        with translation.override(language):
            found += [f"{place}: {text}" for place, text in of_fields(body) if foreign_words(str(text))]
    return found


def _all(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        if ".tests." not in child.__module__:
            yield child
        yield from _all(child)


def test_every_field_of_every_body_can_say_it_in_both_languages() -> None:
    bodies = list(_all(StrictSerializer))
    assert len(bodies) > 20
    assert [found for body in bodies for found in misspoken(body)] == []


# The controls.


def test_a_field_that_speaks_one_language_is_found() -> None:
    class Body(serializers.Serializer[Any]):
        size = fields.IntField(error_messages={"invalid": "Give a size."})

    assert misspoken(Body) == ["Body.size, invalid: Give a size."]


def test_an_answer_in_one_language_is_found(client: Client) -> None:
    with override_settings(LOCALE_PATHS=[]):
        answer = client.delete(BODY, headers={"Accept-Language": "ru"})
    with translation.override("en"):
        assert foreign(answer, "ru") == [f"title: {errors.MethodNotAllowed.title}"]
    assert CATALOGUE in answer.json()["type"]
