"""
Who may do what in Admin: every address of the site, opened and sent to by everybody, with what the form would take.
Whoever is refused moves nothing; whoever is let in does, so that the refusals are worth something.

A new page, deed or export has no row, and fails here until somebody has said who it is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib import admin
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver

from accounts.models import User
from accounts.roles import ROLES
from accounts.scopes import SCOPES
from accounts.tests.factories import StaffFactory, UserFactory, api_key_header, bearer_header
from billing.tests.operators import ENGLISH, Operator
from billing.tests.snapshots import snapshot
from core.tests.made_once import made_once
from tests.laws.admin_pages import MAKERS
from tests.laws.admin_rows import (
    ADDED,
    CHANGED,
    DEEDS,
    EVERYBODY,
    NOBODY,
    OF_THE_SITE,
    STAFF,
    Row,
    deed,
    models_by_label,
    row_of,
)

pytestmark = pytest.mark.matrix


def addresses(patterns: Any = None, before: str = "") -> Iterator[tuple[str, str]]:
    """The name and the path of every address of the site."""
    for each in admin.site.get_urls() if patterns is None else patterns:
        path = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, path)
        elif isinstance(each, URLPattern):
            is_object = each.name is None and path.endswith("<path:object_id>/")
            yield (f"{before.replace('/', '_')}object" if is_object else each.name or path), path


ADDRESSES: Final = dict(addresses())


def undeclared(names: Iterator[str] | Mapping[str, str]) -> list[str]:
    return [name for name in names if row_of(name) is None]


def test_every_address_has_its_row_and_every_row_its_address() -> None:
    assert undeclared(ADDRESSES) == []
    assert {*OF_THE_SITE, *DEEDS} - set(ADDRESSES) == set()
    assert {*ADDED, *CHANGED} <= {model._meta.label_lower for model in admin.site._registry}
    assert len(ADDRESSES) > 150


def test_a_new_address_is_found() -> None:
    assert undeclared({"billing_wallet_burn": "", "billing_nothing_changelist": "", "metrics": ""}) == [
        "billing_wallet_burn",
        "billing_nothing_changelist",
        "metrics",
    ]


@dataclass
class Caller:
    """
    :param role: of accounts.roles, or who else it is
    """

    role: str
    client: Client = field(default_factory=lambda: Client(headers=ENGLISH))

    @classmethod
    def of_the_api(cls) -> list[Caller]:
        """Who may do everything over the API, and is nobody here: Admin believes its own sessions alone."""
        return [
            cls(role, Client(headers={**ENGLISH, **credentials}))
            for role, credentials in {
                "a key with all scopes": api_key_header(*SCOPES),
                "a superadmin's token": bearer_header(StaffFactory.create(role="superadmin")),
            }.items()
        ]

    @classmethod
    def everybody(cls) -> list[Caller]:
        customer = cls("customer")
        customer.client.force_login(UserFactory.create())
        return [
            cls("nobody"),
            customer,
            *cls.of_the_api(),
            *(cls(role or "no role", Operator(role).client) for role in (None, *ROLES)),
        ]

    def again(self) -> Caller:
        """The same person at another browser, in the session as it was at first."""
        client = Client()
        client.defaults = dict(self.client.defaults)
        client.cookies = deepcopy(self.client.cookies)
        return Caller(self.role, client)

    @property
    def works_here(self) -> bool:
        return self.role in {"no role", *ROLES}

    def may(self, permission: str) -> bool:
        """By the one definition of the roles."""
        if permission in {EVERYBODY, NOBODY}:
            return permission == EVERYBODY
        if permission == STAFF or not self.works_here:
            return self.works_here
        app, _dot, codename = permission.partition(".")
        return self.role in ROLES and ROLES[self.role].allows(app, codename)


@dataclass(frozen=True)
class Page:
    """An address with an object of its own to be done to."""

    row: Row
    url: str

    @classmethod
    def of(cls, name: str) -> Page:
        row, path = row_of(name), ADDRESSES[name]
        assert row is not None
        if "<path:object_id>" in path and "content_type_id" not in path:
            make = (
                row.make
                or MAKERS[next(model for label, model in models_by_label().items() if name.startswith(f"{label}_"))]
            )
            path = path.replace("<path:object_id>", str(make().pk).replace("_", "_5F"))
        for pattern, example in (
            ("<path:content_type_id>/<path:object_id>", "1/1"),
            ("^(?P<app_label>audit|core|accounts|auth|billing)/$", "billing/"),
            ("(?P<url>.*)$", "nothing/there"),
        ):
            path = path.replace(pattern, example)
        return cls(row, f"/admin/{path}" + (f"?{row.query}" if row.query else ""))

    def filled(self, caller: Caller) -> dict[str, object]:
        """What somebody who may do it would send."""
        answer: Any = caller.client.get(self.url)
        shown = answer.context
        has_form = answer.status_code == 200 and shown is not None and ("form" in shown or "adminform" in shown)
        typed = dict(self.row.typed())
        return (Operator.filled(answer) if has_form else {}) | typed


def is_refused(caller: Caller, answer: Any) -> bool:
    """To the login, for whoever does not work here; 403 for whoever does; nothing is told of what is not there."""
    if not caller.works_here:
        return bool(answer.status_code == 302 and answer.headers["Location"].startswith("/admin/"))
    return bool(answer.status_code == 403)


@partial(made_once, scope="module")
def hired() -> list[Caller]:
    return Caller.everybody()


@pytest.fixture
def everybody(hired: list[Caller], db: None) -> list[Caller]:
    return [each.again() for each in hired]


@pytest.fixture
def exports(tmp_path: Path) -> Iterator[None]:
    with override_settings(EXPORTS_FOLDER=tmp_path):
        yield


def opened(name: str, caller: Caller) -> int:
    """The answer to somebody who may open a page."""
    if name == "login" and caller.works_here:
        return 302
    # Applications of which nothing may be seen are not there.
    if name == "app_list" and caller.role == "no role":
        return 404
    row = row_of(name)
    assert row is not None
    return row.opened


@pytest.mark.django_db
@pytest.mark.parametrize("name", ADDRESSES)
def test_is_open_to_those_it_is_for_and_moves_nothing_for_others(
    name: str, everybody: list[Caller], exports: None
) -> None:
    try_out(name, Page.of(name), everybody)


def try_out(name: str, page: Page, callers: list[Caller]) -> None:
    """Have everybody open a page and send to it, and fail where somebody is not answered as its row says."""
    (chief,) = (each.again() for each in callers if each.role == "superadmin")
    body = page.filled(chief)
    before = snapshot()
    for caller in callers:
        answer = caller.client.get(page.url)
        if caller.may(page.row.get):
            assert answer.status_code == opened(name, caller), caller.role
        else:
            assert is_refused(caller, answer), (caller.role, answer.status_code)
        if not caller.may(page.row.post):
            answer = caller.client.post(page.url, body)
            assert is_refused(caller, answer), (caller.role, answer.status_code)
        elif not page.row.moves:
            assert caller.client.post(page.url, body).status_code < 500, caller.role
    assert snapshot() == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", [name for name in ADDRESSES if (row := row_of(name)) and row.moves and row.post != NOBODY]
)
def test_does_what_it_does_for_those_it_is_for(name: str, everybody: list[Caller], exports: None) -> None:
    """The control of the refusals: the same form, sent by somebody who may, is taken and moves something."""
    for caller in everybody:
        page = Page.of(name)
        if caller.may(page.row.post):
            body = page.filled(caller)
            before = snapshot()
            answer = caller.client.post(page.url, body)
            assert answer.status_code in {200, 302}, (caller.role, answer.status_code)
            assert snapshot() != before, (caller.role, answer.status_code)


@pytest.mark.django_db
def test_a_page_that_lets_too_many_in_is_found(everybody: list[Caller]) -> None:
    """The negative control: operators freeze wallets, which this row denies them."""
    page = replace(Page.of("billing_wallet_freeze"), row=deed("core.change_setting"))
    with pytest.raises(AssertionError, match="operator"):
        try_out("billing_wallet_freeze", page, everybody)


@pytest.mark.django_db
def test_credentials_of_the_api_are_good_where_they_belong() -> None:
    """The control: those whom Admin takes for nobody are let in by the API."""
    for caller in Caller.of_the_api():
        assert caller.client.get("/api/v1/settings").status_code == 200, caller.role


@pytest.mark.django_db
def test_the_search_tells_nothing_to_whoever_sees_nothing() -> None:
    user = UserFactory.create(username="findable")
    for role, found in (("viewer", True), (None, False)):
        answer = Operator(role).client.get("/admin/search/", {"s": "findable"})
        assert (str(user.pk) in answer.content.decode()) == found


@pytest.mark.django_db
def test_whoever_is_kept_out_is_out_at_once() -> None:
    operator = Operator("viewer")
    assert operator.client.get("/admin/billing/wallet/").status_code == 200
    User.objects.filter(pk=operator.user.pk).update(is_active=False)
    assert operator.client.get("/admin/billing/wallet/").status_code == 302
