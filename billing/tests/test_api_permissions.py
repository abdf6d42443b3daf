"""Every route × method × kind of caller: who is let in. A route without a row here fails."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

import pytest
from django.test import Client

from accounts.scopes import SCOPES
from billing.tests.callers import PROBLEM, Caller
from billing.tests.test_api_document import API

pytestmark = pytest.mark.django_db

_READ: Final = {"billing:read", "staff"}
_WRITE: Final = {"billing:write"}
_STAFF: Final = {"staff"}

# The scopes of which one is enough; None for routes that are open to everybody.
MATRIX: Final[dict[tuple[str, str], set[str] | None]] = {
    ("get", "errors"): None,
    ("get", "users"): {"users:read"},
    ("get", "users/{user_id}"): {"users:read"},
    ("patch", "users/{user_id}"): {"users:write"},
    ("put", "users/by-telegram/{telegram_id}"): {"users:write"},
    ("get", "users/{user_id}/wallet"): _READ,
    ("get", "users/{user_id}/transactions"): _READ,
    ("get", "users/{user_id}/stats"): _READ,
    ("get", "tariffs"): _READ,
    ("post", "tariffs"): _STAFF,
    ("get", "tariffs/{slug}"): _READ,
    ("patch", "tariffs/{slug}"): _STAFF,
    ("delete", "tariffs/{slug}"): _STAFF,
    ("get", "promo-codes"): _STAFF,
    ("post", "promo-codes"): _STAFF,
    ("get", "promo-codes/{code}"): _STAFF,
    ("patch", "promo-codes/{code}"): _STAFF,
    ("delete", "promo-codes/{code}"): _STAFF,
    ("post", "promo-codes/quote"): {"billing:read", "billing:write", "staff"},
    ("get", "invoices"): _READ,
    ("post", "invoices"): _WRITE,
    ("get", "invoices/{invoice_id}"): _READ,
    ("post", "invoices/{invoice_id}/cancel"): _WRITE,
    ("post", "invoices/{invoice_id}/payments"): {"payments:write"},
    ("post", "charges"): _WRITE,
    ("post", "charges/batch"): _WRITE,
    ("post", "holds"): _WRITE,
    ("get", "holds/{hold_id}"): _READ,
    ("post", "holds/{hold_id}/capture"): _WRITE,
    ("post", "holds/{hold_id}/release"): _WRITE,
    ("post", "grants"): {"grants:write", "staff"},
    ("get", "audit-logs"): {"audit:read", "staff"},
    ("get", "alerts"): _STAFF,
    ("post", "alerts/{alert_id}/acknowledge"): _STAFF,
    ("get", "settings"): {"staff"},
    ("post", "settings/bulk-update"): {"staff"},
    ("get", "settings/{key}"): {"staff"},
    ("patch", "settings/{key}"): {"staff"},
}

# Somebody who may enter is told that nothing of this name is there, or that the body is wrong.
_NOBODY: Final = str(UUID(int=0))


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert {(one.method, one.path.removeprefix("/api/v1/")) for one in API} == set(MATRIX)


@pytest.mark.parametrize(("method", "route"), MATRIX, ids=map(" ".join, MATRIX))
class TestEachRoute:
    def test_lets_in_whoever_has_the_scope_and_nobody_else(self, method: str, route: str) -> None:
        wanted = MATRIX[method, route]
        let_in = set()
        for scope in SCOPES:
            answer = Caller(scope).send(method, _filled(route), None if method in {"get", "delete"} else {"x": 1})
            if answer.status_code != 403:
                assert answer.status_code in {200, 400, 404}, answer.content
                let_in.add(scope)
            else:
                assert answer.json()["code"] == "auth.permission_denied"
                assert set(answer.json()["required_scopes"]) == wanted
        assert let_in == (set(SCOPES) if wanted is None else wanted)

    @pytest.mark.parametrize(
        "credentials", [{}, {"Authorization": "Bearer nothing"}], ids=["nothing", "a foreign token"]
    )
    def test_asks_strangers_who_they_are(self, method: str, route: str, credentials: dict[str, str]) -> None:
        answer = getattr(Client(headers=credentials), method)(f"/api/v1/{_filled(route)}")
        if MATRIX[method, route] is None:
            assert answer.status_code == 200
            return
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.token_missing")
        assert answer["Content-Type"] == PROBLEM
        assert answer["WWW-Authenticate"]


def _filled(route: str) -> str:
    # Alerts are numbered; everything else that has an id has a UUID.
    return re.sub(
        r"\{(\w+)\}", lambda name: _NOBODY if name[1].endswith("_id") else "nothing", route.replace("{alert_id}", "0")
    )


_METHODS: Final = ("get", "post", "put", "patch", "delete")
_ABSENT: Final = sorted({(method, route) for method in _METHODS for _method, route in MATRIX} - set(MATRIX))


@pytest.mark.parametrize(("method", "route"), _ABSENT, ids=map(" ".join, _ABSENT))
def test_methods_that_are_not_there_are_refused_as_such(method: str, route: str) -> None:
    answer = Caller("staff").send(method, _filled(route))
    assert (answer.status_code, answer.json()["code"]) == (405, "common.method_not_allowed")
    allowed = {name.strip().lower() for name in answer["Allow"].split(",")} - {"head", "options"}
    assert allowed == {known for known, path in MATRIX if path == route}
