"""Forms that another site sends in an operator's name are refused, whichever address of Admin they are sent to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import User
from core.admin.display import change_url
from core.tests.operators import Operator, audit_log
from tests.laws.admin_pages import MAKERS, as_stored, deeds_of

ELSEWHERE: Final = {"Origin": "https://evil.example", "Referer": "https://evil.example/form"}
# Of its arguments, what means something to a route that has any.
_ARGUMENTS: Final = {"object_id": "1", "content_type_id": "1", "app_label": "billing", "url": "x"}


def addresses() -> list[str]:
    """Every address of Admin, the language's switch and the login among them."""
    tops = [each for each in get_resolver().url_patterns if str(each.pattern).startswith("admin")]
    return sorted(set(_below(tops, "")))


def _below(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for each in patterns:
        path = before + _filled(each)
        if isinstance(each, URLPattern):
            yield f"/{path}"
        else:
            yield from _below(each.url_patterns, path)


def _filled(each: URLPattern | URLResolver) -> str:
    pattern: Any = each.pattern
    text = str(pattern)
    if text.startswith("^"):
        # Django's own two: the list of an app, and whatever there is not.
        return "billing/" if "app_label" in text else "nothing"
    for name, converter in pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower()
        for written in (f"<{kind}:{name}>", f"<{name}>"):
            text = text.replace(written, _ARGUMENTS[name])
    return text


def strangers_form(client: Client, path: str) -> int:
    """The answer to a form that another site sends with the operator's cookies, and with a token of its own making."""
    form = {"csrfmiddlewaretoken": "a" * 64, "reason": "because", "post": "yes", "language": "en", "_save": "Save"}
    client.cookies["csrftoken"] = "b" * 32
    status: int = client.post(path, form, headers=ELSEWHERE).status_code
    return status


def test_the_inventory_knows_the_deeds_the_login_and_the_language() -> None:
    found = addresses()
    assert len(found) > 8 * len(admin.site._registry) / 2
    for path in ("/admin/login/", "/admin/logout/", "/admin/language/setlang/", "/admin/billing/wallet/1/freeze/"):
        assert path in found


@pytest.mark.django_db
def test_no_address_of_admin_takes_a_form_from_elsewhere() -> None:
    operator = Operator(is_superuser=True)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator.user)
    taken = {path: strangers_form(strict, path) for path in addresses()}
    assert {path: status for path, status in taken.items() if status != 403} == {}


@pytest.mark.django_db
def test_nothing_moves_by_a_form_from_elsewhere() -> None:
    operator = Operator(is_superuser=True)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator.user)
    for model in admin.site._registry:
        row: Model = MAKERS[model]()
        before, records = as_stored(row), audit_log().count()
        for url in [change_url(row, row.pk), *(url for _name, url in deeds_of(model, row))]:
            assert strangers_form(strict, url) == 403, url
        assert as_stored(row) == before
        assert audit_log().count() == records


@pytest.mark.django_db
def test_a_form_of_the_house_s_own_is_taken() -> None:
    """The control: it is where the form comes from that is refused."""
    operator = Operator(is_superuser=True)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator.user)
    page = strict.get("/admin/password_change/")
    token = page.context["csrf_token"]
    form = {"csrfmiddlewaretoken": str(token), "language": "en"}
    here = {"Origin": "http://testserver", "Referer": "http://testserver/admin/"}
    assert strict.post("/admin/language/setlang/", form, headers=here).status_code == 302
    assert strict.post("/admin/language/setlang/", form, headers=ELSEWHERE).status_code == 403
    lenient = Operator(is_superuser=True)
    assert strangers_form(lenient.client, "/admin/language/setlang/") == 302
    assert User.objects.filter(pk=lenient.user.pk).exists()
