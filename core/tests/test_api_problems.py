"""Every error is a problem document, whoever raised it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.core.signals import request_finished
from django.test import Client, override_settings

from core import errors
from core.api import problems
from core.tests.api_routes import MEANT, Refusal

pytestmark = pytest.mark.urls("core.tests.api_routes")

MEMBERS = {"type", "title", "status", "code", "detail", "errors", "request_id"}


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def problem(response: Any) -> dict[str, Any]:
    assert response["Content-Type"] == "application/problem+json", response.content
    document: dict[str, Any] = json.loads(response.content)
    assert document.keys() >= MEMBERS
    assert document["status"] == response.status_code
    assert document["type"] == f"/api/v1/errors#{document['code']}"
    assert document["request_id"] == response["X-Request-ID"]
    return document


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nothing/here", 404, "common.not_found"),
        ("/health/", 404, "common.not_found"),
        ("/t/fail/http404", 404, "common.not_found"),
        ("/t/fail/not-found", 404, "common.not_found"),
        ("/t/fail/denied", 403, "auth.permission_denied"),
        ("/t/fail/suspicious", 400, "common.bad_request"),
        ("/t/fail/form", 400, "common.validation_error"),
        ("/t/fail/form-plain", 400, "common.validation_error"),
        ("/t/fail/domain", 409, Refusal.code),
        ("/t/fail/connection", 503, "common.unavailable"),
        ("/t/fail/drf-throttled", 429, "common.rate_limited"),
        ("/t/fail/drf-parse", 400, "common.body_malformed"),
        ("/t/fail/drf-500", 500, "common.internal_error"),
        ("/t/fail/unmapped-constraint", 500, "common.internal_error"),
        ("/t/fail/defect", 500, "common.internal_error"),
        ("/t/plain/http404", 404, "common.not_found"),
        ("/t/plain/denied", 403, "auth.permission_denied"),
        ("/t/plain/suspicious", 400, "common.bad_request"),
        ("/t/plain/domain", 409, Refusal.code),
        ("/t/plain/connection", 503, "common.unavailable"),
        ("/t/plain/defect", 500, "common.internal_error"),
        ("/t/teapot", 418, "common.bad_request"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_answers_each_failure_with_a_problem(client: Client, path: str, status: int, code: str, *, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        response = client.get(path)
    if status == 418:
        # A status of nobody's own keeps its class: the caller's fault.
        assert (response.status_code, json.loads(response.content)["status"]) == (400, 400)
        return
    assert response.status_code == status
    assert problem(response)["code"] == code


def test_says_nothing_of_the_inside_in_an_answer_to_a_defect(client: Client) -> None:
    response = client.get("/t/fail/defect")
    assert "secret" not in response.content.decode()
    assert "ZeroDivision" not in response.content.decode()


def test_lets_a_defect_through_to_those_who_watch_for_it() -> None:
    with pytest.raises(ZeroDivisionError):
        Client().get("/t/fail/defect")


def test_keeps_the_standard_members_whatever_the_errors_own_facts_are_called(client: Client) -> None:
    said = problem(client.get("/t/fail/domain"))
    assert said["room"] == 0
    assert said["detail"] == "Nothing fits."
    assert said["code"] == Refusal.code


def test_sends_retry_after_with_what_passes(client: Client) -> None:
    assert client.get("/t/fail/retry")["Retry-After"] == "7"
    assert client.get("/t/fail/connection")["Retry-After"] == "1"
    assert client.get("/t/fail/drf-throttled")["Retry-After"] == "3"


@pytest.mark.parametrize("kind", ["form", "form-of-an-operation"])
def test_names_fields_and_the_form_as_a_whole(client: Client, kind: str) -> None:
    assert problem(client.get(f"/t/fail/{kind}"))["errors"] == {
        "name": ["It is taken."],
        "non_field_errors": ["Both or none."],
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("statement-timeout", 503, "common.unavailable"),
        ("constraint", MEANT.status, MEANT.code),
        ("meaningless-constraint", 500, "common.internal_error"),
        ("overflow", 500, "common.internal_error"),
    ],
)
def test_reads_what_postgresql_said(client: Client, kind: str, status: int, code: str) -> None:
    response = client.get(f"/t/fail/{kind}")
    assert response.status_code == status
    assert problem(response)["code"] == code


def test_answers_405_with_allow(client: Client) -> None:
    response = client.delete("/t/echo")
    assert problem(response)["code"] == "common.method_not_allowed"
    assert response["Allow"] == "GET, POST, HEAD"
    assert client.options("/t/echo").status_code == 405
    assert client.generic("BREW", "/t/echo").status_code == 405


def test_answers_406_to_a_form_that_is_not_spoken(client: Client) -> None:
    assert problem(client.get("/health", HTTP_ACCEPT="text/html"))["code"] == "common.not_acceptable"


def test_answers_400_to_a_host_that_is_not_ours(client: Client) -> None:
    response = client.get("/health", HTTP_HOST="evil.example")
    assert response.status_code == 400
    assert problem(response)["code"] == "common.bad_request"


def test_answers_415_to_a_form(client: Client) -> None:
    response = client.post("/t/echo", data={"number": "1"})
    assert problem(response)["code"] == "common.unsupported_media_type"


@pytest.mark.parametrize("query", ["x=%00", "x=%ED%A0%80", "%FF=1", "x=%C3"])
def test_answers_400_to_a_query_that_no_database_could_be_asked(client: Client, query: str) -> None:
    response = client.get("/t/echo?" + query)
    assert response.status_code == 400
    assert problem(response)["code"] == "common.bad_request"


def test_answers_400_to_nul_in_the_path(client: Client) -> None:
    assert client.get("/t/text/a%00b").status_code == 400
    assert client.get("/t/text/ab").status_code == 200


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [("en", "en"), ("en-GB,en;q=0.9", "en"), ("ru", "ru"), ("de", "ru"), ("\xff;;q=nonsense", "ru"), ("", "ru")],
)
def test_speaks_the_language_that_was_asked_for(client: Client, asked: str, spoken: str) -> None:
    response = client.get("/nothing", HTTP_ACCEPT_LANGUAGE=asked)
    assert response["Content-Language"] == spoken


def test_speaks_the_callers_language_even_before_django_has_looked_for_it(client: Client) -> None:
    client.get("/health", HTTP_ACCEPT_LANGUAGE="ru")
    response = client.get("/t/text/a%00b", HTTP_ACCEPT_LANGUAGE="en")
    assert response["Content-Language"] == "en"


def test_leaves_admin_its_pages(client: Client) -> None:
    response = client.get("/admin/teapot")
    assert response.status_code == 418
    assert response["Content-Type"].startswith("text/html")
    response = client.get("/admin/fail/defect")
    assert response.status_code == 500
    assert response["Content-Type"].startswith("text/html")


def test_a_page_that_becomes_a_problem_does_not_end_the_request_early(client: Client) -> None:
    ended: list[str] = []

    def note(**_: object) -> None:
        ended.append("ended")

    request_finished.connect(note)
    try:
        with override_settings(DEBUG=True):
            problem(client.get("/nothing/here"))
    finally:
        request_finished.disconnect(note)
    assert ended == ["ended"]


def test_tells_admin_that_the_database_is_busy(client: Client) -> None:
    assert client.get("/admin/fail/connection").status_code == 503


def test_names_at_most_fifty_fields(client: Client) -> None:
    body = json.dumps({f"x{n}": 1 for n in range(3000)})
    said = problem(client.post("/t/echo", data=body, content_type="application/json"))
    assert len(said["errors"]) == 50


def test_flattens_paths() -> None:
    nested = {
        "charges": [{}, {"tokens": ["Too few."]}, {"non_field_errors": ["Both."], "price": {"amount": ["No."]}}],
        "non_field_errors": ["All wrong."],
        "plain": "Once.",
    }
    assert dict(problems.flattened(nested)) == {
        "charges.1.tokens": ["Too few."],
        "charges.2": ["Both."],
        "charges.2.price.amount": ["No."],
        "non_field_errors": ["All wrong."],
        "plain": ["Once."],
    }


class TestCatalogue:
    def test_lists_every_error_in_both_languages(self, client: Client) -> None:
        listed = {entry["code"]: entry for entry in client.get("/api/v1/errors").json()["results"]}
        assert listed.keys() == {error.code for error in errors.catalogue()}
        entry = listed["common.rate_limited"]
        assert entry["status"] == 429
        assert entry["type"] == "/api/v1/errors#common.rate_limited"
        assert entry["title"].keys() == {language for language, _ in settings.LANGUAGES}

    def test_holds_the_doors_own_errors_too(self, client: Client) -> None:
        codes = {entry["code"] for entry in client.get("/api/v1/errors").json()["results"]}
        assert codes >= {
            "common.bad_request",
            "common.body_malformed",
            "common.body_too_large",
            "common.internal_error",
            "common.length_required",
            "common.method_not_allowed",
            "common.not_acceptable",
            "common.unsupported_media_type",
        }
