"""
Keyset pages: each begins where another ended, found by an index, and nothing is counted.

A page costs one query, and the last page of a table costs what the first does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar
from uuid import UUID

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import F, Field, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils.translation import gettext as _
from rest_framework import serializers

from core.errors import ValidationFailed

M = TypeVar("M", bound=Model)
Direction = Literal["next", "previous"]

_SALT: Final = "core.api.pagination"


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """
    :param rows: at most ``limit`` of them, in the list's order
    :param next: the cursor of the following page, or None on the last
    :param previous: the cursor of the page before, or None on the first
    """

    rows: list[M]
    next: str | None
    previous: str | None

    def as_answer(self, represent: Callable[[M], Any]) -> dict[str, Any]:
        """The JSON of the page, each row written by ``represent``."""
        return {
            "results": [represent(row) for row in self.rows],
            "next": self.next,
            "previous": self.previous,
        }


class Keyset:
    """
    The order of a list: field names, all ascending or all descending, together unique and never null.

    ``Keyset("-created_at", "-id")``. One direction only, because ``(a, b) < (x, y)`` is what an index answers.

    :raises ValueError: the directions are mixed, or a name stands twice
    """

    def __init__(self, *order: str) -> None:
        self.names: tuple[str, ...] = tuple(name.removeprefix("-") for name in order)
        self.descending = order[0].startswith("-")
        if any(name.startswith("-") != self.descending for name in order):
            raise ValueError("a keyset is all ascending or all descending")
        if len(set(self.names)) != len(self.names):
            raise ValueError("a name stands twice in the keyset")

    def page(self, rows: QuerySet[M], *, limit: int, cursor: str | None = None) -> Page[M]:
        """
        One page of ``rows``.

        :param limit: how many rows at most
        :param cursor: from an earlier page of the same list; None for the first page
        :raises core.errors.ValidationFailed: the cursor is not one of this list's
        """
        at = self._read(cursor, rows.model) if cursor else None
        backwards = at is not None and at[0] == "previous"
        down = self.descending != backwards
        ordered = rows.order_by(*(f"-{name}" if down else name for name in self.names))
        if at is not None:
            comparison = TupleLessThan if down else TupleGreaterThan
            ordered = ordered.filter(comparison(Tuple(*map(F, self.names)), at[1]))
        found = list(ordered[: limit + 1])
        is_cut = len(found) > limit
        found = found[:limit]
        if backwards:
            found.reverse()
        if not found:
            return Page([], None, None)
        # The page that the cursor came from lies on the other side of it.
        has_next = backwards or is_cut
        has_previous = is_cut if backwards else at is not None
        return Page(
            rows=found,
            next=self._write("next", found[-1]) if has_next else None,
            previous=self._write("previous", found[0]) if has_previous else None,
        )

    def _write(self, direction: Direction, row: Model) -> str:
        values = [_as_text(_value(row, name)) for name in self.names]
        return signing.dumps([direction, *values], salt=self._salt(type(row)))

    def _read(self, cursor: str, model: type[Model]) -> tuple[Direction, list[Any]]:
        try:
            direction, *texts = signing.loads(cursor, salt=self._salt(model))
            values = [_field(model, name).to_python(text) for name, text in zip(self.names, texts, strict=True)]
        except (signing.BadSignature, ValidationError, ValueError):
            raise ValidationFailed(fields={"cursor": [_("This is not a cursor of this list.")]}) from None
        return direction, values

    def _salt(self, model: type[Model]) -> str:
        # A cursor belongs to one list: another model's or another order's is as wrong as a forged one.
        return f"{_SALT}:{model._meta.label_lower}:{self.descending}:{','.join(self.names)}"


def paged(serializer: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The serializer class of a page of ``serializer``, for the OpenAPI document."""
    name = serializer.__name__.removesuffix("Serializer")
    fields: Mapping[str, Any] = {
        "results": serializer(many=True),
        "next": serializers.CharField(allow_null=True),
        "previous": serializers.CharField(allow_null=True),
    }
    return type(f"PageOf{name}", (serializers.Serializer,), {**fields, "__module__": serializer.__module__})


def _value(row: Model, name: str) -> object:
    value: object = row
    for part in name.split("__"):
        value = getattr(value, part)
    return value


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    *path, last = name.split("__")
    for part in path:
        related = model._meta.get_field(part).related_model
        if not (isinstance(related, type) and issubclass(related, Model)):
            raise TypeError(f"{part} leads to no model")
        model = related
    field = model._meta.get_field(last)
    if not isinstance(field, Field):
        raise TypeError(f"{last} is no column")
    return field


def _as_text(value: object) -> str | int:
    match value:
        case bool() | None:
            raise TypeError("a keyset's values are never null and never booleans")
        case int() | str():
            return value
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
    raise TypeError(f"{type(value).__name__} cannot stand in a keyset")
