"""
No field of a model is written because its name was sent: every route that takes a body is sent every field of every
model, by each kind of caller who may write there, and refuses each by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final
from uuid import uuid4

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.test import Client, override_settings
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.tests.factories import StaffFactory
from core.api.declarations import declared_of, documented
from core.api.permissions import OWN, may
from core.api.serializers import StrictSerializer
from core.api.views import ApiView
from tests.laws.callers import World, ask, in_session, key, owner_of, unmoved_tables
from tests.laws.house import house_models
from tests.laws.routes import routes, view_of
from tests.laws.test_permissions import MATRIX, OPEN, PEOPLE

pytestmark = pytest.mark.matrix

# What no body of the API has a field for, whoever sends it.
NEVER: Final = frozenset(
    {
        *("token_balance", "balance_version", "held_tokens", "debt_tokens", "frozen_at", "subscription_end"),
        *("is_staff", "is_superuser", "groups", "user_permissions", "scopes", "secret_hash", "referred_by"),
        *("status", "state", "created_at", "updated_at", "paid_at", "closed_at", "revoked_at", "anonymised_at"),
        *("uses_count", "number", "list_price", "discount_amount", "amount_stars", "balance_after", "tokens_delta"),
    }
)
# An answer names so many wrong fields at most.
_AT_ONCE: Final = 40


# The first kind that fits gives a value that such a field could take.
_PLAUSIBLE: Final[tuple[tuple[tuple[type, ...], object], ...]] = (
    ((models.BooleanField,), True),
    ((models.UUIDField, models.ForeignKey), str(uuid4())),
    ((models.IntegerField,), 1_000_000),
    ((models.DateTimeField,), "2020-01-01T00:00:00Z"),
    ((models.JSONField,), {"tokens": 1_000_000}),
    ((ArrayField, models.ManyToManyField), ["staff"]),
    ((models.Field,), "1"),
)


def plausible(field: models.Field[Any, Any]) -> object:
    """A value that the field could take."""
    if field.choices:
        return next(iter(field.flatchoices))[0]
    return next(value for kinds, value in _PLAUSIBLE if isinstance(field, kinds))


def fields_of_models() -> dict[str, object]:
    """Every name by which code reads or writes a field of a model of the house, with a value."""
    named: dict[str, object] = {"pk": 1}
    for model in house_models():
        for field in model._meta.get_fields():
            if isinstance(field, models.Field):
                named |= {name: plausible(field) for name in (field.name, getattr(field, "attname", field.name))}
            else:
                named[field.name] = [str(uuid4())]
    return named


FIELDS: Final = fields_of_models()


def writing() -> list[str]:
    """
    Every route that could take a body, whether it wants one or not. What others tell at ``/webhooks/`` is theirs, kept
    as it came: no name in it is a field of ours.
    """
    return [route for route in routes() if not route.startswith(("GET ", "POST /webhooks/"))]


def declared_body(route: str) -> serializers.Serializer[Any]:
    """What a route takes; a route that takes nothing has no fields."""
    declared = declared_of(view_of(route)(), route.partition(" ")[0])
    return (declared.body or StrictSerializer)()


def places(body: Any, serializer: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any], set[str]]]:
    """Each object within a body that has declared fields: its path, itself, and their names."""
    if isinstance(serializer, serializers.ListSerializer):
        for index, each in enumerate(body):
            yield from places(each, serializer.child, f"{where}{index}.")
    elif isinstance(serializer, serializers.Serializer):
        yield where, body, {name for name, field in serializer.fields.items() if not field.read_only}
        for name, field in serializer.fields.items():
            if name in body:
                yield from places(body[name], field, f"{where}{name}.")


def copied(value: Any) -> Any:
    """Of plain JSON."""
    if isinstance(value, Mapping):
        return {name: copied(each) for name, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value


def chunks(names: list[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while chunk := list(islice(rest, _AT_ONCE)):
        yield chunk


def assignable(route: str, world: World, client: Client, body: Mapping[str, Any]) -> list[str]:
    """Names of models' fields that a route takes from this caller, though it does not declare them, by their paths."""
    found = []
    serializer = declared_body(route)
    for place, _object, declared in places(copied(body), serializer):
        for chunk in chunks(sorted(FIELDS.keys() - declared)):
            sent = copied(body)
            target = next(each for where, each, _declared in places(sent, serializer) if where == place)
            target |= {name: FIELDS[name] for name in chunk}
            answer = ask(route, world, client, sent)
            transaction.set_rollback(False)
            told = answer.json().get("errors", {}) if answer.status_code == 400 else {}
            found += [f"{place}{name}" for name in chunk if f"{place}{name}" not in told]
    return found


def writers(route: str, world: World) -> dict[str, Client]:
    """One of each kind of caller who may write there."""
    row = MATRIX[route]
    if row.scopes == OPEN:
        return {"nobody": Client()}
    if row.scopes == PEOPLE:
        return {"somebody": in_session(User.objects.get(pk=world["person"]))}
    callers = {"a server": key(*row.scopes)} if row.scopes else {}
    callers |= {role: in_session(StaffFactory.create(role=role)) for role in sorted(row.roles)}
    return callers | ({"the owner": in_session(owner_of(world))} if row.of_others != 403 else {})


@pytest.mark.parametrize("route", writing())
def test_no_field_is_taken_that_is_not_declared(route: str, world: World) -> None:
    callers = writers(route, world)
    before = unmoved_tables()
    taken = {who: assignable(route, world, client, MATRIX[route].body) for who, client in callers.items()}
    assert taken == {who: [] for who in callers}
    assert unmoved_tables() == before


@pytest.mark.parametrize("route", writing())
def test_what_never_moves_is_declared_nowhere(route: str) -> None:
    for place, _object, declared in places(copied(MATRIX[route].body), declared_body(route)):
        assert declared & NEVER == set(), place


def test_what_never_moves_is_among_what_is_sent() -> None:
    assert NEVER - set(FIELDS) == set()
    assert len(FIELDS) > 150


def test_people_do_not_say_what_telegram_says_of_them(world: World) -> None:
    """Declared for servers, and refused all the same."""
    me = in_session(owner_of(world))
    before = unmoved_tables()
    answer = ask("PATCH /api/v1/users/<uuid:user_id>", world, me, {"username": "ceo", "is_premium": True})
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"username", "is_premium"})
    assert unmoved_tables() == before


class _Careless(serializers.Serializer[Any]):
    """Takes what it does not declare without a word."""

    first_name = serializers.CharField(required=False)


class _CarelessView(ApiView):
    permission_classes = [may(own=OWN)]

    @documented(summary="Change somebody", body=_Careless, answers={200: _Careless})
    def patch(self, request: Request) -> Response:
        """Writes whatever was sent and is a field."""
        sent: Any = request.data
        User.objects.filter(pk=self.actor.id).update(**{name: sent[name] for name in sent if name == "is_premium"})
        return Response({})


urlpatterns = [path("careless", _CarelessView.as_view())]


@override_settings(ROOT_URLCONF=__name__)
def test_a_route_that_takes_what_was_sent_is_found(world: World) -> None:
    customer = owner_of(world)
    assert {"is_premium", "token_balance"} <= set(assignable("PATCH /careless", world, in_session(customer), {}))
    customer.refresh_from_db()
    assert customer.is_premium
