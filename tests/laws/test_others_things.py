"""
Somebody else's thing is as if it were not there: customer A asks for each of customer B's by every route that names
one, in its address, its body or its filter, and is answered as if asking for nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.test import Client, override_settings
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import forget_answers
from accounts.models import User
from billing.api.serializers.invoices import InvoiceSerializer
from billing.models import Invoice
from billing.operations import invoices as operations
from billing.queries import invoices
from core.api.declarations import declared_of, documented
from core.api.permissions import OWN, may
from core.api.views import ApiView
from core.tests.guards import undone
from core.tests.made_once import made_once
from tests.laws.callers import World, address, ask, furnished, in_session, owner_of, unmoved_tables
from tests.laws.routes import routes, view_of
from tests.laws.test_permissions import MATRIX

# What an address or a body may name that is nobody's: tariffs, settings, codes, alerts.
NOBODYS: Final = frozenset({"slug:slug", "str:key", "promo_code:code", "int:alert_id", "slug", "plan"})
# How a body and a filter name a customer, or something of theirs.
NAMES: Final = frozenset({"user", "telegram_id"})
_ABSENT_NUMBER: Final = "799999999999"


@partial(made_once, scope="module")
def both() -> tuple[World, World]:
    return furnished(is_all_of_one=True), furnished(is_all_of_one=True)


@pytest.fixture
def anna(both: tuple[World, World], db: None) -> Iterator[World]:
    forget_answers()
    yield both[0]
    forget_answers()


@pytest.fixture
def boris(both: tuple[World, World], db: None) -> World:
    return both[1]


def parameters(route: str) -> list[str]:
    """What an address names that can be somebody's: every parameter but those that are known to be nobody's."""
    parts = route.partition(" ")[2].split("/")
    return [part[1:-1] for part in parts if part.startswith("<") and part[1:-1] not in NOBODYS]


def of_things() -> list[str]:
    """Every route whose address names something that can be somebody's."""
    return [route for route in routes() if parameters(route)]


def nobodys(world: World) -> World:
    """The same names, of things that are not there."""
    return {
        name: value
        if name in NOBODYS
        else str(uuid4())
        if _is_uuid(value)
        else _ABSENT_NUMBER
        if value.isdigit()
        else value
        for name, value in world.items()
    }


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def without_names(answer: Any, world: World) -> tuple[int, str]:
    """An answer but for its request's id, and with whatever was asked for called the same."""
    text = answer.text.replace(answer["X-Request-ID"], "REQUEST")
    for name, value in world.items():
        if name not in NOBODYS:
            text = text.replace(value, f"<{name.rpartition(':')[2]}>")
    return answer.status_code, text


def given_away(route: str, client: Client, theirs: World, body: Mapping[str, Any]) -> list[str]:
    """What a route tells or does about somebody else's things that it should not, asked with their names."""
    before = unmoved_tables()
    answer = ask(route, theirs, client, body)
    transaction.set_rollback(False)
    found = [] if unmoved_tables() == before else ["something was changed"]
    missing = nobodys(theirs)
    absent = ask(route, missing, client, body)
    transaction.set_rollback(False)
    if answer.status_code not in {403, 404}:
        found.append(f"answered {answer.status_code}")
    if (said := without_names(answer, theirs)) != (wanted := without_names(absent, missing)):
        found.append(f"told apart from what is not there: {said}, {wanted}")
    return found


@pytest.mark.parametrize("route", of_things())
def test_an_address_of_somebody_elses_thing_leads_nowhere(route: str, anna: World, boris: World) -> None:
    customer = in_session(owner_of(anna))
    assert given_away(route, customer, boris, MATRIX[route].body) == []


@pytest.mark.parametrize("route", [route for route in of_things() if MATRIX[route].of_others != 403])
def test_the_same_address_leads_to_ones_own(route: str, anna: World) -> None:
    """Or else nothing would be shown by the law above."""
    with undone():
        assert ask(route, anna, in_session(owner_of(anna)), MATRIX[route].body).status_code == MATRIX[route].status


def test_routes_of_customers_answer_404_and_the_others_403(anna: World, boris: World) -> None:
    customer = in_session(owner_of(anna))
    for route in of_things():
        wanted = 403 if MATRIX[route].of_others == 403 else 404
        assert ask(route, boris, customer, MATRIX[route].body).status_code == wanted, route
        transaction.set_rollback(False)


def of_bodies() -> list[str]:
    """Every route whose body names a customer."""
    found = []
    for route in routes():
        declared = declared_of(view_of(route)(), route.partition(" ")[0])
        if declared.body and NAMES & set(declared.body().fields):
            found.append(route)
    return found


@pytest.mark.parametrize("route", of_bodies())
@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_body_that_names_somebody_else_names_nobody(route: str, name: str, anna: World, boris: World) -> None:
    body = {each: value for each, value in MATRIX[route].body.items() if each != "user"}
    customer = in_session(owner_of(anna))
    answers = []
    before = unmoved_tables()
    for theirs in (boris, nobodys(boris)):
        named: Any = theirs["user"] if name == "user" else int(theirs["str:telegram_id"])
        answer = ask(route, theirs, customer, {**body, name: named})
        transaction.set_rollback(False)
        answers.append(without_names(answer, theirs))
    assert answers[0] == answers[1]
    assert answers[0][0] == (403 if MATRIX[route].of_others == 403 else 404)
    assert unmoved_tables() == before


def of_filters() -> list[str]:
    """Every list that is narrowed to a customer by its query."""
    found = []
    for route in routes():
        declared = declared_of(view_of(route)(), route.partition(" ")[0])
        if declared.query and NAMES & set(declared.query().fields):
            found.append(route)
    return found


@pytest.mark.parametrize("route", of_filters())
def test_a_filter_by_somebody_else_finds_what_one_by_nobody_does(route: str, anna: World, boris: World) -> None:
    customer = in_session(owner_of(anna))

    def found(user: str) -> tuple[int, Any]:
        answer = customer.get(address(route, anna), {"user": user})
        return answer.status_code, answer.json().get("results")

    if MATRIX[route].of_others == 403:
        assert found(boris["user"])[0] == found(str(uuid4()))[0] == found(anna["user"])[0] == 403
        return
    theirs = found(boris["user"])
    assert theirs == found(str(uuid4()))
    # What is one's own and no list is not found where there is nobody.
    assert theirs in ((200, []), (404, None))
    status, own = found(anna["user"])
    assert status == 200
    assert own or theirs == (404, None)


@pytest.mark.parametrize(
    "route", [route for route in MATRIX if route.startswith("GET /api/v1/") and not parameters(route)]
)
def test_a_list_holds_nothing_of_somebody_else(route: str, anna: World, boris: World) -> None:
    shown = ask(route, anna, in_session(owner_of(anna))).text
    theirs = {name: value for name, value in boris.items() if name not in NOBODYS and name != "person"}
    assert [name for name, value in theirs.items() if value in shown] == []


class _Leaky(ApiView):
    """Lets people in for their own, and forgets to look whose it is."""

    permission_classes = [may(own=OWN)]

    @documented(summary="One invoice", answers={200: InvoiceSerializer})
    def get(self, request: Request, invoice_id: UUID) -> Response:
        return Response(InvoiceSerializer(invoices.get_invoice(invoice_id)).data)

    @documented(summary="Cancel an invoice", answers={200: InvoiceSerializer})
    def post(self, request: Request, invoice_id: UUID) -> Response:
        return Response(InvoiceSerializer(operations.cancel(invoice_id=invoice_id, by=self.actor)).data)


class _Telling(ApiView):
    """Refuses what is somebody else's in other words than what is not there."""

    permission_classes = [may(own=OWN)]

    @documented(summary="One invoice", answers={200: InvoiceSerializer})
    def get(self, request: Request, invoice_id: UUID) -> Response:
        found = invoices.get_invoice(invoice_id)
        if found.wallet.user_id != self.admission.only_of:
            self.permission_denied(request)
        return Response(InvoiceSerializer(found).data)


urlpatterns = [
    path("leaky/<uuid:invoice_id>", _Leaky.as_view()),
    path("telling/<uuid:invoice_id>", _Telling.as_view()),
]


@override_settings(ROOT_URLCONF=__name__)
def test_routes_that_give_things_away_are_found(anna: World, boris: World) -> None:
    assert of_things() == [
        "GET /leaky/<uuid:invoice_id>",
        "POST /leaky/<uuid:invoice_id>",
        "GET /telling/<uuid:invoice_id>",
    ]
    customer = in_session(User.objects.get(pk=anna["user"]))
    reading, changing, telling = (given_away(route, customer, boris, {}) for route in of_things())
    assert "answered 200" in reading
    assert "something was changed" in changing
    assert Invoice.objects.get(pk=boris["uuid:invoice_id"]).status == Invoice.Status.CANCELLED
    assert [each.partition(":")[0] for each in telling] == ["told apart from what is not there"]
