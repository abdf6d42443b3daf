"""The OpenAPI document, written from the declarations: every route tells its refusals, too."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from django.utils import translation
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework.serializers import BaseSerializer

from core import errors
from core.api import errors as http_errors
from core.api import problems
from core.api.declarations import Declared, declared_of
from core.api.permissions import Callers, callers_of
from core.api.serializers import StrictSerializer
from core.errors import DomainError

_REQUEST_ID: Final = "01980f2a3b4c7d5e8f90123456789abc"

_PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457. Besides these members, an error has its own facts.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Where the error is described."},
        "title": {"type": "string", "description": "What happened, in the caller's language."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; decide by it."},
        "detail": {"type": "string", "description": "This occurrence in words; may be empty."},
        "errors": {
            "type": "object",
            "description": "What is wrong, by the field's path (charges.3.tokens).",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "code", "detail", "errors", "request_id"],
    "additionalProperties": True,
}

_IDEMPOTENCY_KEY: Final = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "description": "The same key and body give the first answer again. Keys that begin with `billing:` are reserved.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
}

_ALWAYS: Final[tuple[type[DomainError], ...]] = (
    errors.ValidationFailed,
    http_errors.BadRequest,
    http_errors.NotAcceptable,
    errors.Unavailable,
)
_WITH_CREDENTIALS: Final[tuple[type[DomainError], ...]] = (
    errors.NotAuthenticated,
    errors.CredentialsInvalid,
    errors.PermissionDenied,
    errors.RateLimited,
)
_WITH_BODY: Final[tuple[type[DomainError], ...]] = (
    http_errors.BodyMalformed,
    http_errors.LengthRequired,
    http_errors.BodyTooLarge,
    http_errors.UnsupportedMediaType,
)
_WITH_KEY: Final[tuple[type[DomainError], ...]] = (
    errors.IdempotencyKeyMissing,
    errors.IdempotencyKeyInvalid,
    errors.IdempotencyMismatch,
    errors.IdempotencyInProgress,
)


class ApiSchema(AutoSchema):
    """Adds to each operation its refusals as problem documents, with an example of each, and its headers."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """The operation object of one method of one route."""
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        declared = declared_of(self.view, self.method)
        told = [operation.get("description", ""), _spoken(callers_of(self.view, self.method))]
        operation["description"] = "\n\n".join(part for part in told if part)
        if declared.is_idempotent:
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        responses = operation["responses"]
        for status, refusals in _by_status(self._refusals(declared)).items():
            responses[str(status)] = self._response(status, refusals)
        for response in responses.values():
            response.setdefault("headers", {})["X-Request-ID"] = {"schema": {"type": "string"}}
        if declared.is_idempotent:
            for status, response in responses.items():
                if int(status) < HTTPStatus.BAD_REQUEST:
                    response["headers"]["Idempotency-Replayed"] = {
                        "description": "`true` when this is the first answer given again.",
                        "schema": {"type": "string", "enum": ["true"]},
                    }
        operation["responses"] = dict(sorted(responses.items()))
        return operation

    def _refusals(self, declared: Declared) -> Iterable[type[DomainError]]:
        yield from _ALWAYS
        if callers_of(self.view, self.method) is not None:
            yield from _WITH_CREDENTIALS
        if "{" in self.path:
            yield errors.NotFound
        if self.method in {"POST", "PUT", "PATCH", "DELETE"}:
            yield from _WITH_BODY
        if declared.is_idempotent:
            yield from _WITH_KEY
        yield from declared.errors

    def _response(self, status: int, refusals: list[type[DomainError]]) -> dict[str, Any]:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]  # spectacular has no types there
            name="Problem", type=ResolvedComponent.SCHEMA, object="Problem", schema=_PROBLEM
        )
        self.registry.register_on_missing(component)
        with translation.override("en"):
            response: dict[str, Any] = {
                "description": "\n".join(f"* `{error.code}`: {error.title}" for error in refusals),
                "content": {
                    problems.CONTENT_TYPE: {
                        "schema": component.ref,
                        "examples": {
                            error.code: {"value": problems.document(error(), request_id=_REQUEST_ID)}
                            for error in refusals
                        },
                    }
                },
            }
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
        if status == HTTPStatus.UNAUTHORIZED:
            response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        return response

    def _map_basic_serializer(self, serializer: BaseSerializer[Any], direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(  # type: ignore[no-untyped-call]  # none there, either
            serializer, direction
        )
        if direction == "request" and isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        return schema


def _spoken(callers: Callers | None) -> str:
    """Who may call a method, in a sentence."""
    if callers is None:
        return "**Who may:** everybody."
    scopes = " or ".join(f"`{scope}`" for scope in callers.scopes)
    named = [
        f"servers with the scope {scopes}" if scopes else "",
        f"staff with the permission `{callers.permission}`" if callers.permission else "",
        "people, for what is their own" if callers.own else "",
    ]
    return f"**Who may:** {'; '.join(each for each in named if each) or 'nobody'}."


def _by_status(refusals: Iterable[type[DomainError]]) -> dict[int, list[type[DomainError]]]:
    by_status: dict[int, list[type[DomainError]]] = {}
    for error in dict.fromkeys(refusals):
        by_status.setdefault(error.status, []).append(error)
    return by_status
