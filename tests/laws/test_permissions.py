"""
Who may do what over HTTP: every route and method, for every kind of caller, really requested. What Admin permits to
whom is held by test_admin.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pytest
from django.db import transaction
from django.test import Client

from accounts.api.authentication import forget_answers
from accounts.models import User
from accounts.operations import sessions
from accounts.roles import ROLES
from accounts.scopes import SCOPES
from accounts.tests.factories import STAFF_PASSWORD, StaffFactory, UserFactory, api_key_header, bearer_header, opened
from audit.tests.factories import AdminAlertFactory
from billing.tests.factories import (
    HoldFactory,
    InvoiceFactory,
    PromoCodeFactory,
    TariffFactory,
    funded_wallet,
    new_key,
)
from billing.tests.snapshots import snapshot
from core.actors import SYSTEM
from core.clock import CoreNow
from tests.laws.routes import routes

OPEN: Final = frozenset({"everybody"})
READ: Final = frozenset({"billing:read", "staff"})
WRITE: Final = frozenset({"billing:write"})
STAFF: Final = frozenset({"staff"})
# No key: people, in sessions of theirs.
PEOPLE: Final = frozenset({"people"})


@dataclass(frozen=True)
class Row:
    """
    :param scopes: a key with any one of them is let in
    :param status: the answer to who is let in
    :param body: what is sent; names in braces are the world's
    :param of_others: the answer to people in their sessions, to whom nothing here belongs
    """

    scopes: frozenset[str]
    status: int = 200
    body: Mapping[str, Any] = field(default_factory=dict)
    of_others: int = 403


AMOUNT: Final = {"amount": 14_900, "currency": "RUB"}

MATRIX: Final[Mapping[str, Row]] = {
    "GET /": Row(OPEN),
    "GET /health": Row(OPEN),
    "GET /api/schema": Row(OPEN),
    "GET /api/docs": Row(OPEN),
    "GET /api/v1/errors": Row(OPEN),
    "GET /api/v1/settings": Row(STAFF),
    "POST /api/v1/settings/bulk-update": Row(STAFF, 200, {"settings": {"billing.invoice_lifetime_minutes": 90}}),
    "GET /api/v1/settings/<str:key>": Row(STAFF),
    "PATCH /api/v1/settings/<str:key>": Row(STAFF, 200, {"value": 90}),
    # Nobody is asked who they are: the body is what is looked at, and it is empty.
    "POST /api/v1/auth/login": Row(OPEN, 400),
    "POST /api/v1/auth/login-token": Row(OPEN, 201),
    "POST /api/v1/auth/telegram": Row(OPEN, 400),
    "POST /api/v1/auth/refresh": Row(OPEN, 400),
    "POST /api/v1/auth/logout": Row(PEOPLE, 204),
    "POST /api/v1/auth/logout-all": Row(PEOPLE, 204),
    "POST /api/v1/auth/password": Row(PEOPLE, 204, {"old": STAFF_PASSWORD, "new": "purple monkey dishwasher"}),
    "GET /api/v1/auth/me": Row(PEOPLE),
    "GET /api/v1/auth/sessions": Row(PEOPLE),
    "DELETE /api/v1/auth/sessions/<uuid:session_id>": Row(PEOPLE, 204),
    "GET /api/v1/audit-logs": Row(frozenset({"audit:read", "staff"})),
    "GET /api/v1/alerts": Row(STAFF),
    "POST /api/v1/alerts/<int:alert_id>/acknowledge": Row(STAFF),
    "GET /api/v1/users": Row(frozenset({"users:read"})),
    "PUT /api/v1/users/by-telegram/<str:telegram_id>": Row(frozenset({"users:write"}), 200, {"first_name": "Anna"}),
    "GET /api/v1/users/<uuid:user_id>": Row(frozenset({"users:read"}), of_others=404),
    "PATCH /api/v1/users/<uuid:user_id>": Row(frozenset({"users:write"}), 200, {"first_name": "Anna"}),
    "GET /api/v1/users/<uuid:user_id>/wallet": Row(READ),
    "GET /api/v1/users/<uuid:user_id>/transactions": Row(READ),
    "GET /api/v1/users/<uuid:user_id>/stats": Row(READ),
    "GET /api/v1/tariffs": Row(READ),
    "POST /api/v1/tariffs": Row(STAFF, 201, {"slug": "new", "name": "New", "price": AMOUNT, "tokens": 5}),
    "GET /api/v1/tariffs/<slug:slug>": Row(READ),
    "PATCH /api/v1/tariffs/<slug:slug>": Row(STAFF, 200, {"version": 1, "name": "Other"}),
    "DELETE /api/v1/tariffs/<slug:slug>": Row(STAFF, 204),
    "GET /api/v1/promo-codes": Row(STAFF),
    "POST /api/v1/promo-codes": Row(STAFF, 201, {"code": "NEW", "discount_type": "percent", "discount_value": 5}),
    "POST /api/v1/promo-codes/quote": Row(
        frozenset({"billing:read", "billing:write", "staff"}),
        200,
        {"user": "{user}", "tariff": "{slug}", "code": "{promo_code:code}"},
    ),
    "GET /api/v1/promo-codes/<promo_code:code>": Row(STAFF),
    "PATCH /api/v1/promo-codes/<promo_code:code>": Row(STAFF, 200, {"max_uses": 5}),
    "DELETE /api/v1/promo-codes/<promo_code:code>": Row(STAFF, 204),
    "GET /api/v1/invoices": Row(READ),
    "POST /api/v1/invoices": Row(WRITE, 201, {"user": "{user}", "tariff": "{slug}"}),
    "GET /api/v1/invoices/<uuid:invoice_id>": Row(READ),
    "POST /api/v1/invoices/<uuid:invoice_id>/cancel": Row(WRITE),
    "POST /api/v1/invoices/<uuid:invoice_id>/payments": Row(
        frozenset({"payments:write"}),
        201,
        {"provider": "manual", "provider_payment_id": "receipt", "amount": AMOUNT},
    ),
    "POST /api/v1/charges": Row(WRITE, 201, {"user": "{user}", "tokens": 1}),
    "POST /api/v1/charges/batch": Row(
        WRITE, 200, {"charges": [{"user": "{user}", "tokens": 1, "idempotency_key": "one"}]}
    ),
    "POST /api/v1/holds": Row(WRITE, 201, {"user": "{user}", "tokens": 1}),
    "GET /api/v1/holds/<uuid:hold_id>": Row(READ),
    "POST /api/v1/holds/<uuid:hold_id>/capture": Row(WRITE),
    "POST /api/v1/holds/<uuid:hold_id>/release": Row(WRITE),
    "POST /api/v1/grants": Row(
        frozenset({"grants:write", "staff"}), 201, {"user": "{user}", "tokens": 1, "reason": "An apology"}
    ),
}


def undeclared(known: Collection[str], matrix: Collection[str]) -> list[str]:
    return sorted(set(known) ^ set(matrix))


def test_every_route_has_its_row_and_every_row_its_route() -> None:
    assert undeclared(routes(), MATRIX) == []


def test_a_new_route_is_found() -> None:
    assert undeclared([*routes(), "POST /api/v1/refunds"], MATRIX) == ["POST /api/v1/refunds"]
    assert undeclared(routes()[1:], MATRIX) == [routes()[0]]


World = Mapping[str, str]
Ask = Callable[[Client], Any]


@pytest.fixture
def world(db: None) -> Iterator[World]:
    """One thing of each kind that an address can name."""
    forget_answers()
    wallet = funded_wallet()
    assert wallet.user is not None
    person = StaffFactory.create()
    yield {
        "user": str(wallet.user_id),
        "uuid:user_id": str(wallet.user_id),
        "str:telegram_id": str(wallet.user.telegram_id),
        "str:key": "billing.invoice_lifetime_minutes",
        "slug": TariffFactory.create().slug,
        "slug:slug": TariffFactory.create().slug,
        "promo_code:code": PromoCodeFactory.create().code,
        "uuid:invoice_id": str(InvoiceFactory.create(wallet=wallet).pk),
        "int:alert_id": str(AdminAlertFactory.create().pk),
        "uuid:hold_id": str(HoldFactory.create(wallet=wallet).pk),
        "person": str(person.pk),
        "uuid:session_id": str(opened(person).session.pk),
    }
    forget_answers()


def _filled(value: Any, world: World) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(each, world) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, world) for each in value]
    return world.get(value[1:-1], value) if isinstance(value, str) else value


def _ask(route: str, world: World, client: Client) -> Any:
    method, _, path = route.partition(" ")
    for name, value in world.items():
        path = path.replace(f"<{name}>", value)
    assert "<" not in path, f"the world lacks something for {path}"
    if method == "GET":
        return client.get(path)
    send = getattr(client, method.lower())
    body = _filled(MATRIX[route].body, world)
    return send(path, body, content_type="application/json", headers={"Idempotency-Key": new_key()})


def _key(*scopes: str, **fields: Any) -> Client:
    return Client(headers=api_key_header(*scopes, **fields))


def _logged_out() -> Client:
    """A superuser whose session was revoked a moment ago."""
    user = StaffFactory.create(is_superuser=True)
    client = Client(headers=bearer_header(user))
    sessions.revoke_all(user_id=user.pk, by=SYSTEM)
    return client


def _colleague() -> Client:
    """A person of the staff, logged in to Admin with every right, who shows no key."""
    client = Client()
    client.force_login(StaffFactory.create(is_superuser=True))
    return client


# Whom no route knows, whatever their scopes were.
STRANGERS: Final[Mapping[str, Callable[[], Client]]] = {
    "nobody": Client,
    "a made-up key": lambda: Client(headers={"Authorization": "Api-Key dv_aaaaaaaaaaaa_" + "a" * 43}),
    "a revoked key": lambda: _key(*SCOPES, revoked_at=CoreNow()),
    "an expired key": lambda: _key(*SCOPES, expires_at=CoreNow() - timedelta(seconds=1)),
    "a colleague without a key": _colleague,
    "somebody whose session was revoked": _logged_out,
}


def _people(route: str) -> dict[str, tuple[Client, int]]:
    """People in sessions of theirs, of each role and of none, and how they are answered."""
    row = MATRIX[route]
    if row.scopes == OPEN:
        return {}
    # Everybody has a right to their own; what an address names is somebody else's.
    if row.scopes == PEOPLE and "<" not in route:
        return {}
    wanted = 404 if row.scopes == PEOPLE else row.of_others
    people = {"a customer": UserFactory.create(), **{role: StaffFactory.create(role=role) for role in ROLES}}
    return {f"{name} in a session": (Client(headers=bearer_header(user)), wanted) for name, user in people.items()}


def _unmoved_tables() -> Mapping[str, list[str]]:
    # That a key was used is noted on the key itself.
    return {table: rows for table, rows in snapshot().items() if table != "accounts_apikey"}


def trespassers(route: str, world: World, scopes: Iterable[str]) -> list[str]:
    """Callers who are not let in as they should be; who should not be changes nothing."""
    found = []
    is_open = MATRIX[route].scopes == OPEN
    strangers = {name: (client(), MATRIX[route].status if is_open else 401) for name, client in STRANGERS.items()}
    callers = (
        strangers
        | (_people(route) if scopes else {})
        | {f"a key for {scope}": (_key(scope), 403) for scope in SCOPES if scope not in scopes and not is_open}
    )
    before = _unmoved_tables()
    for name, (client, wanted) in callers.items():
        status = _ask(route, world, client).status_code
        # An operation that refuses dooms its transaction, which is the test's here.
        transaction.set_rollback(False)
        if status != wanted:
            found.append(f"{name}: {status}, not {wanted}")
    if not is_open and _unmoved_tables() != before:
        found.append("somebody who was refused changed something")
    return found


@pytest.mark.parametrize("route", MATRIX)
def test_lets_in_whom_its_row_names_and_nobody_else(route: str, world: World) -> None:
    row = MATRIX[route]
    assert trespassers(route, world, row.scopes) == []
    for scope in row.scopes - OPEN - PEOPLE:
        answer = _ask(route, world, _key(scope))
        assert answer.status_code == row.status, (scope, answer.content)
    if row.scopes == PEOPLE:
        person = User.objects.get(pk=world["person"])
        answer = _ask(route, world, Client(headers=bearer_header(person)))
        assert answer.status_code == row.status, answer.content


@pytest.mark.parametrize("route", [route for route, row in MATRIX.items() if row.of_others == 404])
def test_lets_people_see_what_is_their_own(route: str, world: World) -> None:
    user = User.objects.get(pk=world["user"])
    assert _ask(route, world, Client(headers=bearer_header(user))).status_code == MATRIX[route].status


@pytest.mark.parametrize("route", ["GET /api/v1/invoices", "POST /api/v1/grants"])
def test_a_caller_who_is_let_in_and_should_not_be_is_found(route: str, world: World) -> None:
    found = trespassers(route, world, ())
    assert [each for each in found if each.startswith("a key for staff")]
    assert ("somebody who was refused changed something" in found) == route.startswith("POST")
