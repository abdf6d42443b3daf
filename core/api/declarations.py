"""What a route says about itself: once, for the document and for the door that enforces it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from core.api.serializers import QueryParams
from core.errors import DomainError

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE: Final = "dvorik_declared"


@dataclass(frozen=True, slots=True)
class Declared:
    """
    :param body: the serializer of the request's body; None where there is none
    :param query: the parameters that the query string may have
    :param errors: the refusals that this method can answer, besides those common to all
    :param is_idempotent: whether an ``Idempotency-Key`` is needed
    """

    body: type[Serializer[Any]] | None = None
    query: type[QueryParams] | None = None
    errors: tuple[type[DomainError], ...] = ()
    is_idempotent: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """An example for the document: what is sent, what is answered, by its status."""

    name: str
    body: Mapping[str, Any] | None = None
    answer: Mapping[str, Any] | Sequence[Any] | None = None
    status: int = 200


def documented(
    *,
    summary: str,
    answers: Mapping[int, type[Serializer[Any]] | None],
    body: type[Serializer[Any]] | None = None,
    query: type[QueryParams] | None = None,
    errors: Sequence[type[DomainError]] = (),
    idempotent: bool = False,
    examples: Sequence[Example] = (),
    operation_id: str | None = None,
) -> Callable[[F], F]:
    """
    Declare a method of an :class:`~core.api.views.ApiView`: what it takes, answers and refuses.

    The declaration is enforced (``body``, ``query``) and is what the OpenAPI document says.

    :param summary: one line; the method's docstring is the longer description
    :param answers: serializer of each successful status; None for an empty answer
    :param errors: refusals besides the common ones (validation, authentication, absence, limits, unavailability)
    :param idempotent: whether an ``Idempotency-Key`` is needed
    """

    def declare(method: F) -> F:
        setattr(method, _ATTRIBUTE, Declared(body, query, tuple(errors), idempotent))
        document: F = extend_schema(
            summary=summary,
            operation_id=operation_id,
            request=body,
            responses=dict(answers),
            parameters=[query] if query else [],
            examples=[spelled for example in examples for spelled in _spelled(example)],
        )(method)
        return document

    return declare


def declared_of(view: APIView, method: str) -> Declared:
    """The declaration of a view's method; an empty one where it has none."""
    name = "get" if method == "HEAD" else method.lower()
    declared = getattr(getattr(view, name, None), _ATTRIBUTE, None)
    return declared if isinstance(declared, Declared) else Declared()


def _spelled(example: Example) -> list[OpenApiExample]:
    spelled = []
    if example.body is not None:
        spelled.append(OpenApiExample(example.name, value=example.body, request_only=True))
    if example.answer is not None:
        spelled.append(
            OpenApiExample(example.name, value=example.answer, response_only=True, status_codes=[str(example.status)])
        )
    return spelled
