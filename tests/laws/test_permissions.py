"""
Who may do what over HTTP: every route and method, for every kind of caller, really requested. What Admin permits to
whom is held by test_admin_permissions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import User
from accounts.roles import ROLES
from accounts.scopes import SCOPES
from accounts.tests.factories import STAFF_PASSWORD
from core.tests.guards import undone
from tests.laws.callers import (
    OTHERS,
    STRANGERS,
    World,
    address,
    ask,
    in_session,
    key,
    owner_of,
    unmoved_tables,
)
from tests.laws.routes import METHODS, routes

pytestmark = pytest.mark.matrix

OPEN: Final = frozenset({"everybody"})
READ: Final = frozenset({"billing:read", "staff"})
WRITE: Final = frozenset({"billing:write"})
STAFF: Final = frozenset({"staff"})
HOOKS: Final = frozenset({"webhooks:write", "staff"})
BOTS: Final = frozenset({"bots:write"})
# No key: people, in sessions of theirs.
PEOPLE: Final = frozenset({"people"})
NO_SERVER: Final[frozenset[str]] = frozenset()

READERS: Final = frozenset({"superadmin", "operator", "support", "viewer"})
HELPERS: Final = frozenset({"superadmin", "operator", "support"})
OPERATORS: Final = frozenset({"superadmin", "operator"})
SUPERADMINS: Final = frozenset({"superadmin"})


@dataclass(frozen=True)
class Row:
    """
    :param scopes: a key with any one of them is let in
    :param status: the answer to who is let in
    :param body: what is sent, or the query; names in braces are the world's
    :param roles: of staff who are let in, in sessions of theirs
    :param of_others: the answer to people to whom nothing here belongs and who have no such role. 403 is everybody's,
        the owner's, too; otherwise the owner is let in. None where each acts on themselves alone
    """

    scopes: frozenset[str]
    status: int = 200
    body: Mapping[str, Any] = field(default_factory=dict)
    roles: frozenset[str] = frozenset()
    of_others: int | None = 403


AMOUNT: Final = {"amount": 14_900, "currency": "RUB"}

MATRIX: Final[Mapping[str, Row]] = {
    "GET /": Row(OPEN),
    "GET /health": Row(OPEN),
    # Its key is a setting, and without one it does not exist; see core/tests/test_metrics.py.
    "GET /metrics": Row(OPEN, 404),
    # Neither provider is set up here; see billing/tests/test_api_provider_webhooks.py.
    "POST /webhooks/yookassa": Row(OPEN, 404),
    "POST /webhooks/stripe": Row(OPEN, 404),
    # Telegram alone is let in, by a secret of its own; see messaging/tests/test_api_webhooks.py.
    "POST /webhooks/main-bot": Row(OPEN, 403),
    "POST /webhooks/auth-bot": Row(OPEN, 403),
    # No bot has a secret here.
    "POST /internal/set-webhooks": Row(BOTS, 409, roles=SUPERADMINS),
    "POST /internal/delete-webhooks": Row(BOTS, 409, roles=SUPERADMINS),
    "GET /internal/webhook-info": Row(BOTS, 409, roles=SUPERADMINS),
    "GET /api/schema": Row(OPEN),
    "GET /api/docs": Row(OPEN),
    "GET /api/v1/errors": Row(OPEN),
    "GET /api/v1/settings": Row(STAFF, roles=READERS),
    "POST /api/v1/settings/bulk-update": Row(
        STAFF, 200, {"settings": {"billing.invoice_lifetime_minutes": 90}}, roles=SUPERADMINS
    ),
    "GET /api/v1/settings/<str:key>": Row(STAFF, roles=READERS),
    "PATCH /api/v1/settings/<str:key>": Row(STAFF, 200, {"value": 90}, roles=SUPERADMINS),
    "POST /api/v1/test-clock/advance": Row(STAFF, 200, {"seconds": 1}, roles=SUPERADMINS),
    # Nobody is asked who they are: the body is what is looked at, and it is empty.
    "POST /api/v1/auth/login": Row(OPEN, 400),
    "POST /api/v1/auth/login-token": Row(OPEN, 201),
    "POST /api/v1/auth/telegram": Row(OPEN, 400),
    "POST /api/v1/auth/refresh": Row(OPEN, 400),
    "POST /api/v1/auth/logout": Row(PEOPLE, 204, of_others=204),
    "POST /api/v1/auth/logout-all": Row(PEOPLE, 204, of_others=204),
    "POST /api/v1/auth/password": Row(
        PEOPLE, 204, {"old": STAFF_PASSWORD, "new": "purple monkey dishwasher"}, of_others=None
    ),
    "POST /api/v1/auth/otp": Row(PEOPLE, 409, {"otp": "123456"}, of_others=409),
    "GET /api/v1/auth/me": Row(PEOPLE, of_others=200),
    "GET /api/v1/auth/sessions": Row(PEOPLE, of_others=200),
    "DELETE /api/v1/auth/sessions/<uuid:session_id>": Row(PEOPLE, 204, of_others=404),
    "GET /api/v1/admins": Row(NO_SERVER, roles=SUPERADMINS),
    "POST /api/v1/admins": Row(NO_SERVER, 201, {"username": "zoya", "role": "viewer"}, roles=SUPERADMINS),
    "GET /api/v1/admins/<uuid:admin_id>": Row(NO_SERVER, roles=SUPERADMINS),
    "PATCH /api/v1/admins/<uuid:admin_id>": Row(NO_SERVER, 200, {"role": "viewer"}, roles=SUPERADMINS),
    "DELETE /api/v1/admins/<uuid:admin_id>": Row(NO_SERVER, 204, roles=SUPERADMINS),
    "GET /api/v1/audit-logs": Row(frozenset({"audit:read", "staff"}), roles=READERS),
    "GET /api/v1/alerts": Row(STAFF, roles=READERS),
    "POST /api/v1/alerts/<int:alert_id>/acknowledge": Row(STAFF, roles=HELPERS),
    "GET /api/v1/users": Row(frozenset({"users:read"}), roles=READERS),
    "PUT /api/v1/users/by-telegram/<str:telegram_id>": Row(frozenset({"users:write"}), 200, {"first_name": "Anna"}),
    "GET /api/v1/users/<uuid:user_id>": Row(frozenset({"users:read"}), roles=READERS, of_others=404),
    "PATCH /api/v1/users/<uuid:user_id>": Row(
        frozenset({"users:write"}), 200, {"first_name": "Anna"}, roles=OPERATORS, of_others=404
    ),
    "GET /api/v1/users/<uuid:user_id>/wallet": Row(READ, roles=READERS, of_others=404),
    "GET /api/v1/users/<uuid:user_id>/transactions": Row(READ, roles=READERS, of_others=404),
    "GET /api/v1/users/<uuid:user_id>/stats": Row(READ, roles=READERS, of_others=404),
    "GET /api/v1/tariffs": Row(READ, roles=READERS, of_others=200),
    "POST /api/v1/tariffs": Row(
        STAFF, 201, {"slug": "new", "name": "New", "price": AMOUNT, "tokens": 5}, roles=OPERATORS
    ),
    "GET /api/v1/tariffs/<slug:slug>": Row(READ, roles=READERS, of_others=200),
    "PATCH /api/v1/tariffs/<slug:slug>": Row(STAFF, 200, {"version": 1, "name": "Other"}, roles=OPERATORS),
    "DELETE /api/v1/tariffs/<slug:slug>": Row(STAFF, 204, roles=OPERATORS),
    "GET /api/v1/promo-codes": Row(STAFF, roles=READERS),
    "POST /api/v1/promo-codes": Row(
        STAFF, 201, {"code": "NEW", "discount_type": "percent", "discount_value": 5}, roles=OPERATORS
    ),
    "POST /api/v1/promo-codes/quote": Row(
        frozenset({"billing:read", "billing:write", "staff"}),
        200,
        {"user": "{user}", "tariff": "{slug}", "code": "{promo_code:code}"},
        roles=READERS,
        of_others=404,
    ),
    "GET /api/v1/promo-codes/<promo_code:code>": Row(STAFF, roles=READERS),
    "PATCH /api/v1/promo-codes/<promo_code:code>": Row(STAFF, 200, {"max_uses": 5}, roles=OPERATORS),
    "DELETE /api/v1/promo-codes/<promo_code:code>": Row(STAFF, 204, roles=OPERATORS),
    "GET /api/v1/invoices": Row(READ, roles=READERS, of_others=200),
    "POST /api/v1/invoices": Row(WRITE, 201, {"user": "{user}", "tariff": "{slug}"}, roles=OPERATORS, of_others=404),
    "GET /api/v1/invoices/<uuid:invoice_id>": Row(READ, roles=READERS, of_others=404),
    "POST /api/v1/invoices/<uuid:invoice_id>/cancel": Row(WRITE, roles=OPERATORS, of_others=404),
    # No provider is set up here; see billing/tests/test_api_checkouts.py.
    "POST /api/v1/invoices/<uuid:invoice_id>/checkout": Row(
        WRITE, 409, {"provider": "yookassa"}, roles=OPERATORS, of_others=404
    ),
    "POST /api/v1/invoices/<uuid:invoice_id>/payments": Row(
        frozenset({"payments:write"}),
        201,
        {"provider": "manual", "provider_payment_id": "receipt", "amount": AMOUNT},
        roles=OPERATORS,
    ),
    "GET /api/v1/payments": Row(READ, roles=READERS),
    "GET /api/v1/payments/<uuid:payment_id>": Row(READ, roles=READERS),
    "POST /api/v1/payments/<uuid:payment_id>/refunds": Row(
        frozenset({"payments:write"}), 201, {"policy": "full", "reason": "Bought twice"}, roles=OPERATORS
    ),
    "POST /api/v1/payments/<uuid:payment_id>/refunds/preview": Row(
        frozenset({"payments:write", "billing:read"}), 200, {"policy": "full"}, roles=READERS
    ),
    "GET /api/v1/subscriptions": Row(READ, roles=READERS, of_others=200),
    "POST /api/v1/subscriptions": Row(
        WRITE, 201, {"user": "{user}", "tariff": "{plan}"}, roles=OPERATORS, of_others=404
    ),
    "GET /api/v1/subscriptions/<uuid:subscription_id>": Row(READ, roles=READERS, of_others=404),
    "POST /api/v1/subscriptions/<uuid:subscription_id>/cancel": Row(WRITE, roles=OPERATORS, of_others=404),
    "POST /api/v1/trials": Row(WRITE, 201, {"user": "{user}", "tariff": "{plan}"}, roles=OPERATORS, of_others=404),
    "POST /api/v1/charges": Row(WRITE, 201, {"user": "{user}", "tokens": 1}),
    "POST /api/v1/charges/batch": Row(
        WRITE, 200, {"charges": [{"user": "{user}", "tokens": 1, "idempotency_key": "one"}]}
    ),
    "POST /api/v1/holds": Row(WRITE, 201, {"user": "{user}", "tokens": 1}),
    "GET /api/v1/holds/<uuid:hold_id>": Row(READ, roles=READERS),
    "POST /api/v1/holds/<uuid:hold_id>/capture": Row(WRITE),
    "POST /api/v1/holds/<uuid:hold_id>/release": Row(WRITE),
    "POST /api/v1/grants": Row(
        frozenset({"grants:write", "staff"}),
        201,
        {"user": "{user}", "tokens": 1, "reason": "An apology"},
        roles=HELPERS,
    ),
    "GET /api/v1/referrals": Row(READ, roles=READERS, of_others=200),
    "GET /api/v1/referrals/code": Row(READ, 200, {"user": "{user}"}, roles=READERS, of_others=404),
    "GET /api/v1/webhook-endpoints": Row(HOOKS, roles=READERS),
    "POST /api/v1/webhook-endpoints": Row(
        HOOKS, 201, {"url": "https://shop.example", "events": ["invoice.paid"]}, roles=SUPERADMINS
    ),
    "GET /api/v1/webhook-endpoints/<uuid:endpoint_id>": Row(HOOKS, roles=READERS),
    "PATCH /api/v1/webhook-endpoints/<uuid:endpoint_id>": Row(HOOKS, 200, {"is_active": False}, roles=SUPERADMINS),
    "DELETE /api/v1/webhook-endpoints/<uuid:endpoint_id>": Row(HOOKS, 204, roles=SUPERADMINS),
    "POST /api/v1/webhook-endpoints/<uuid:endpoint_id>/rotate-secret": Row(HOOKS, 200, {}, roles=SUPERADMINS),
    "GET /api/v1/webhook-deliveries": Row(HOOKS, roles=READERS),
    "POST /api/v1/webhook-deliveries/<uuid:delivery_id>/replay": Row(HOOKS, roles=HELPERS),
}


def undeclared(known: Collection[str], matrix: Collection[str]) -> list[str]:
    return sorted(set(known) ^ set(matrix))


def test_every_route_has_its_row_and_every_row_its_route() -> None:
    assert undeclared(routes(), MATRIX) == []


def test_a_new_route_is_found() -> None:
    assert undeclared([*routes(), "POST /api/v1/refunds"], MATRIX) == ["POST /api/v1/refunds"]
    assert undeclared(routes()[1:], MATRIX) == [routes()[0]]


def _owner(route: str, world: World) -> User:
    return User.objects.get(pk=world["person"]) if MATRIX[route].scopes == PEOPLE else owner_of(world)


def answers_due(route: str, scopes: Collection[str], roles: Collection[str]) -> dict[str, int]:
    """
    Every kind of caller, and the answer that is right.

    :param scopes: that let a key in
    :param roles: that let staff in
    """
    row = MATRIX[route]
    if row.scopes == OPEN:
        return dict.fromkeys(STRANGERS, row.status)
    servers = {f"a key for {scope}": row.status if scope in scopes else 403 for scope in SCOPES}
    people = {"the owner": 403 if row.of_others == 403 else row.status}
    if row.of_others is not None:
        people |= dict.fromkeys(OTHERS, row.of_others)
        people |= {role: row.status if role in roles else row.of_others for role in ROLES}
    return dict.fromkeys(STRANGERS, 401) | servers | people


def trespassers(
    route: str, world: World, clients: Mapping[str, Client], scopes: Iterable[str], roles: Iterable[str]
) -> list[str]:
    """Callers who are not answered as is right; who is refused changes nothing."""
    row = MATRIX[route]
    everybody = {**clients, "the owner": in_session(_owner(route, world))}
    before = unmoved_tables()
    found = []
    for name, wanted in answers_due(route, set(scopes), set(roles)).items():
        client = everybody[name]
        if wanted == row.status:
            with undone():
                answer = ask(route, world, client, row.body)
        else:
            answer = ask(route, world, client, row.body)
            # An operation that refuses dooms its transaction, which is the test's here.
            transaction.set_rollback(False)
        if answer.status_code != wanted:
            found.append(f"{name}: {answer.status_code}, not {wanted}: {answer.text[:200]}")
        elif wanted == 403 and (untold := _untold(name, answer, row)):
            found.append(f"{name}: is not told {untold}")
    if unmoved_tables() != before:
        found.append("somebody who was refused changed something")
    return found


def _untold(name: str, answer: Any, row: Row) -> str:
    """What a refusal does not say and should: which scopes a server needs, and which permission staff do."""
    said = answer.json()
    if name.startswith("a key") and row.scopes - PEOPLE and set(said["required_scopes"]) != row.scopes:
        return f"the scopes, but {said['required_scopes']}"
    if name in ROLES and row.roles and "required_permission" not in said:
        return "the permission"
    return "nothing but its own" if name == "another customer" and {"required_permission"} & set(said) else ""


@pytest.mark.parametrize("route", MATRIX)
def test_lets_in_whom_its_row_names_and_nobody_else(route: str, world: World, clients: Mapping[str, Client]) -> None:
    row = MATRIX[route]
    assert trespassers(route, world, clients, row.scopes, row.roles) == []


@pytest.mark.parametrize("route", ["GET /api/v1/holds/<uuid:hold_id>", "POST /api/v1/grants"])
def test_a_caller_who_is_let_in_and_should_not_be_is_found(
    route: str, world: World, clients: Mapping[str, Client]
) -> None:
    found = trespassers(route, world, clients, (), ())
    assert [each for each in found if each.startswith("a key for staff")]
    assert [each for each in found if each.startswith("support")]
    assert ("somebody who was refused changed something" in found) == route.startswith("POST")


def test_a_caller_who_is_not_let_in_and_should_be_is_found(world: World, clients: Mapping[str, Client]) -> None:
    found = trespassers("GET /api/v1/alerts", world, clients, SCOPES, READERS | {"staff"})
    assert [each for each in found if each.startswith("a key for billing:read: 403, not 200")]


def absent_methods() -> list[str]:
    """Each address with each of the methods that it does not have."""
    known = routes()
    paths = dict.fromkeys(route.partition(" ")[2] for route in known)
    return [f"{method} {path}" for path in paths for method in METHODS if f"{method} {path}" not in known]


@pytest.mark.parametrize("route", absent_methods())
def test_a_method_that_is_not_there_is_refused_as_such(route: str, world: World) -> None:
    path = route.partition(" ")[2]
    wanted = {each.partition(" ")[0] for each in routes() if each.partition(" ")[2] == path}
    for client in (Client(), key(*SCOPES)):
        method = route.partition(" ")[0].lower()
        answer = getattr(client, method)(address(route, world), content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (405, "common.method_not_allowed")
        assert {name.strip() for name in answer["Allow"].split(",")} - {"HEAD", "OPTIONS"} == wanted
