"""What each answer tells browsers to forbid: every route by every method, every page of Admin, every refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client, override_settings

from core.admin.display import change_url, list_url
from core.rules import headers
from core.tests.operators import Operator
from tests.laws.admin_pages import MAKERS, PAGES, deeds_of, name
from tests.laws.routes import routes

pytestmark = pytest.mark.matrix

# Written out once more, so that loosening one takes two edits and a look at both.
ANSWERS: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
DOCS: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
OFFICE: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ALWAYS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SOMETHING: Final = {"uuid": "01980f2a-3b4c-7d5e-8f90-123456789abc", "int": "7"}


def missing(answer: Any, policy: str) -> list[str]:
    """What an answer should say and does not; nothing of it may be kept by whoever stands in between."""
    wanted = {**ALWAYS, "Content-Security-Policy": policy}
    found = [f"{each}: {answer.headers.get(each)}" for each in wanted if answer.headers.get(each) != wanted[each]]
    if not re.fullmatch(r"(\w[\w-]*=\(\), )+\w[\w-]*=\(\)", answer.headers.get("Permissions-Policy", "")):
        found.append("Permissions-Policy")
    if "no-store" not in answer.headers.get("Cache-Control", ""):
        found.append(f"Cache-Control: {answer.headers.get('Cache-Control')}")
    if answer.has_header("ETag") or answer.has_header("Last-Modified"):
        found.append("a validator")
    return found


def test_a_header_that_lacks_is_found() -> None:
    answer = Client().get("/")
    assert missing(answer, ANSWERS) == []
    assert missing(answer, OFFICE)
    for each in (*ALWAYS, "Permissions-Policy", "Cache-Control"):
        poorer = Client().get("/")
        del poorer.headers[each]
        assert len(missing(poorer, ANSWERS)) == 1, each


@pytest.mark.django_db
@pytest.mark.parametrize("route", routes())
def test_every_route_forbids_all_that_it_does_not_need(route: str) -> None:
    method, _, path = route.partition(" ")
    path = re.sub(r"<(?:(\w+):)?\w+>", lambda found: SOMETHING.get(found[1], "x"), path)
    answer = Client().generic(method, path)
    transaction.set_rollback(False)
    assert missing(answer, DOCS if path == "/api/docs" else ANSWERS) == []


@pytest.mark.django_db
@pytest.mark.parametrize("model", PAGES, ids=name)
def test_every_page_of_admin_has_its_own_policy(model: Any) -> None:
    row, root = MAKERS[model](), Operator(is_superuser=True)
    urls = [
        list_url(model),
        f"{list_url(model)}add/",
        change_url(row, row.pk),
        *(url for _, url in deeds_of(model, row)),
    ]
    for url in urls:
        answer = root.client.get(url)
        assert missing(answer, OFFICE) == [], url
        # No script stands in the page itself: the policy would stop it.
        assert re.findall(rb"<script(?![^>]*\bsrc=)|\son\w+=\"|javascript:", answer.content) == [], url


@pytest.mark.django_db
def test_so_have_its_other_pages() -> None:
    root = Operator(is_superuser=True)
    for path in ("", "search/?s=a", "jsi18n/", "password_change/", "nothing/", "autocomplete/"):
        assert missing(root.client.get(f"/admin/{path}"), OFFICE) == [], path
    for path in ("", "login/", "logout/", "billing/wallet/", "no/such/page/"):
        assert missing(Client().get(f"/admin/{path}"), OFFICE) == [], path
    assert missing(Client().get("/admin"), OFFICE) == []
    assert missing(root.client.post("/admin/language/setlang/", {"language": "ru"}), OFFICE) == []


@pytest.mark.django_db
class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "policy", "status"),
        [("/nothing", ANSWERS, 404), ("/health?a=%00", ANSWERS, 400), ("/admin/?q=%ED%A0%80", OFFICE, 400)],
    )
    def test_at_the_door_say_it(self, path: str, policy: str, status: int) -> None:
        answer = Client().get(path)
        assert answer.status_code == status
        assert missing(answer, policy) == []

    @pytest.mark.parametrize(("path", "policy"), [("/health", ANSWERS), ("/admin/login/", OFFICE)])
    def test_of_hosts_say_it(self, path: str, policy: str) -> None:
        answer = Client().get(path, headers={"Host": "evil.example"})
        assert answer.status_code == 400
        assert missing(answer, policy) == []

    def test_of_forms_from_elsewhere_say_it(self) -> None:
        answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a", "password": "b"})
        assert answer.status_code == 403
        assert missing(answer, OFFICE) == []

    def test_of_forms_that_are_too_large_say_it(self) -> None:
        for answer in (
            Client().post("/admin/login/", {"username": "x" * 1_000_001}),
            Client().generic("POST", "/admin/login/", b"x" * 1_100_000, content_type="multipart/form-data; boundary=x"),
        ):
            assert answer.status_code == 413
            assert missing(answer, OFFICE) == []
        answer = Client().post("/admin/login/", {f"field-{number}": "" for number in range(501)})
        assert answer.status_code == 400

    @pytest.mark.parametrize(("path", "policy"), [("/t/plain/defect", ANSWERS), ("/admin/fail/defect", OFFICE)])
    def test_after_defects_say_it(self, path: str, policy: str) -> None:
        with override_settings(ROOT_URLCONF="core.tests.api_routes"):
            answer = Client(raise_request_exception=False).get(path)
        assert answer.status_code == 500
        assert missing(answer, policy) == []


@pytest.mark.django_db
def test_static_files_may_be_kept_and_forbid_the_rest() -> None:
    answer = Client().get("/static/core/logo.svg")
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == ANSWERS
    assert "no-store" not in answer.headers["Cache-Control"]
    answer.close()


def test_the_table_knows_admin_from_what_only_begins_like_it() -> None:
    assert headers.content_policy("/admin") == headers.content_policy("/admin/x") == OFFICE
    assert headers.content_policy("/administration") == headers.content_policy("/api/docs/x") == ANSWERS


def test_over_https_browsers_are_told_to_stay_there_by_refusals_as_well() -> None:
    with override_settings(SECURE_HSTS_SECONDS=31_536_000, SECURE_HSTS_INCLUDE_SUBDOMAINS=True):
        for path in ("/", "/nothing", "/health?a=%00"):
            answer = Client().get(path, secure=True)
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
            assert not Client().get(path).has_header("Strict-Transport-Security")


def test_no_page_of_admin_is_forgotten() -> None:
    assert set(PAGES) == set(admin.site._registry)
