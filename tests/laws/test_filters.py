"""
A list is narrowed and ordered by what it declares and by nothing else: no lookup, no alias, no expression, no structure
gets through to the database, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from django.test import Client, override_settings
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.tests.factories import StaffFactory
from core.api.declarations import declared_of, documented
from core.api.permissions import OWN, may
from core.api.serializers import ListParams
from core.api.views import ApiView
from tests.laws.callers import World, address, in_session, key, owner_of, staff
from tests.laws.routes import routes, view_of
from tests.laws.test_mass_assignment import FIELDS
from tests.laws.test_permissions import MATRIX, PEOPLE

pytestmark = pytest.mark.matrix

READING: Final = [route for route in routes() if route.startswith("GET /api/v1/")]
# What other frameworks order, narrow, choose columns and name aliases by.
_OF_OTHERS: Final = (
    *(
        "order_by",
        "ordering",
        "order",
        "sort",
        "-created_at",
        "fields",
        "expand",
        "include",
        "exclude",
        "page",
        "offset",
    ),
    *("page_size", "q", "filter", "where", "distinct", "annotate", "values", "using", "_connector", "_negated", "?"),
    *(
        "filter[user]",
        "user[password]",
        "filter[user__password__startswith]",
        "**",
        "user.password",
        "user->>'password'",
    ),
    *("id__in", "pk__gt", "user__password__startswith", "user__sessions__refresh_tokens__digest__startswith"),
    *("wallet__user__password__regex", "created_by__isnull", 'a" FROM accounts_user --', "limit\n", " limit", "LIMIT"),
)
SPELLINGS: Final = ("{}[]", "{}[0]", "{}[$ne]", "{}__in", "{}__gt", "-{}", "{}.x", "{}%00", "{} ")
VALUES: Final = ("' OR 1=1 --", '"', "%", "_", "\\", "{}", "[1]", "null", "🐘", "a'||'b", "$1", "%s", "%(x)s")
_LOOKUPS: Final = ("", "__startswith", "__regex", "__isnull", "__password")
_AT_ONCE: Final = 40


def undeclared(route: str) -> list[str]:
    """Names of parameters that a route does not have: of every field of every model, with lookups, and of others'."""
    query = declared_of(view_of(route)(), "GET").query
    own = set(query().fields) if query else set()
    named = {f"{name}{lookup}" for name in FIELDS for lookup in _LOOKUPS} | set(_OF_OTHERS)
    return sorted(named - own)


def chunks(names: list[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while chunk := list(islice(rest, _AT_ONCE)):
        yield chunk


def heard(client: Client, where: str, names: list[str]) -> list[str]:
    """Those of the parameters that are not refused by their names."""
    found = []
    for chunk in chunks(names):
        answer = client.get(f"{where}?{urlencode([(name, '1') for name in chunk])}")
        told = answer.json().get("errors", {}) if answer.status_code == 400 else {}
        found += [name for name in chunk if name[:60] not in told]
    return found


def a_reader(route: str, world: World) -> Client:
    row = MATRIX[route]
    if row.scopes == PEOPLE:
        return in_session(User.objects.get(pk=world["person"]))
    if not row.roles:
        return Client()
    return key(*row.scopes) if row.scopes else in_session(StaffFactory.create(role=min(row.roles)))


@pytest.mark.parametrize("route", READING)
def test_hears_no_parameter_that_is_not_declared(route: str, world: World) -> None:
    assert heard(a_reader(route, world), address(route, world), undeclared(route)) == []


@pytest.mark.parametrize("route", [route for route in READING if MATRIX[route].roles])
def test_hears_none_from_people_either(route: str, world: World) -> None:
    readers = {role: client for role, client in staff().items() if role in MATRIX[route].roles}
    askers = {**readers, **({"the owner": in_session(owner_of(world))} if MATRIX[route].of_others != 403 else {})}
    told = {who: heard(client, address(route, world), list(_OF_OTHERS)) for who, client in askers.items()}
    assert told == {who: [] for who in askers}


def declared(route: str) -> dict[str, Any]:
    query = declared_of(view_of(route)(), "GET").query
    return dict(query().fields) if query else {}


def of_parameters() -> list[tuple[str, str]]:
    return [(route, name) for route in READING for name in declared(route)]


@pytest.mark.parametrize(("route", "name"), of_parameters())
class TestEachParameter:
    def test_is_given_once(self, route: str, name: str, world: World) -> None:
        answer = a_reader(route, world).get(f"{address(route, world)}?{name}=1&{name}=1")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])

    def test_is_spelled_in_one_way(self, route: str, name: str, world: World) -> None:
        reader, where = a_reader(route, world), address(route, world)
        asked = {spelled: reader.get(f"{where}?{spelled.format(name)}=1").status_code for spelled in SPELLINGS}
        assert asked == dict.fromkeys(SPELLINGS, 400)

    def test_holds_a_value_and_no_part_of_a_question(self, route: str, name: str, world: World) -> None:
        """It is refused, or looked for as it stands, and not found."""
        reader, where = a_reader(route, world), address(route, world)
        for text in VALUES:
            answer = reader.get(where, {name: text})
            assert answer.status_code == 400 or answer.json()["results"] == [], text


class _ListeningView(ApiView):
    """Narrows by whatever it is told."""

    permission_classes = [may(own=OWN)]

    @documented(summary="People", answers={200: ListParams})
    def get(self, request: Request) -> Response:
        told: Mapping[str, Any] = {name: value for name, value in request.query_params.items() if "password" in name}
        return Response({"results": list(User.objects.filter(**told).values_list("pk"))})

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.format_kwarg = None
        self.perform_authentication(request)
        self.check_permissions(request)


urlpatterns = [path("listening", _ListeningView.as_view())]


@override_settings(ROOT_URLCONF=__name__)
def test_a_list_that_listens_is_found(world: World) -> None:
    assert heard(in_session(owner_of(world)), "/listening", ["password__startswith"]) == ["password__startswith"]
