"""Every error as a problem document (RFC 9457), in the caller's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation

from core.actors import circumstances
from core.api import errors as http_errors
from core.api.renderers import render
from core.errors import (
    DomainError,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
)

CONTENT_TYPE: Final = "application/problem+json"
CATALOGUE: Final = "/api/v1/errors"
CHALLENGE: Final = 'Api-Key realm="dvorik", Bearer realm="dvorik"'
# An answer names so many wrong fields and no more: a hostile body must not buy a larger answer.
_MAX_FIELDS: Final = 50

# What is wrong with a thing as a whole has a name of its own in Django's models; callers hear one name.
_NAMES: Final[Mapping[str, str]] = {NON_FIELD_ERRORS: "non_field_errors"}

_BY_STATUS: Final[Mapping[int, type[DomainError]]] = {
    HTTPStatus.UNAUTHORIZED: NotAuthenticated,
    HTTPStatus.FORBIDDEN: PermissionDenied,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: http_errors.MethodNotAllowed,
    HTTPStatus.NOT_ACCEPTABLE: http_errors.NotAcceptable,
    HTTPStatus.LENGTH_REQUIRED: http_errors.LengthRequired,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: http_errors.BodyTooLarge,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: http_errors.UnsupportedMediaType,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
    HTTPStatus.SERVICE_UNAVAILABLE: Unavailable,
}


def type_uri(error: type[DomainError]) -> str:
    """Where an error is described, which is also its ``type``."""
    return f"{CATALOGUE}#{error.code}"


def document(error: DomainError, *, request_id: str | None = None) -> dict[str, Any]:
    """
    The members of a problem document, in the active language.

    :param request_id: the request's id; by default that of the circumstances
    """
    fields = list(error.fields.items())[:_MAX_FIELDS]
    return {
        # The error's own facts come first, so that none of them can hide a member of the standard.
        **error.data,
        "type": type_uri(type(error)),
        "title": str(error.title),
        "status": error.status,
        "code": error.code,
        "detail": str(error.detail),
        "errors": {_NAMES.get(name, name): [str(why) for why in reasons] for name, reasons in fields},
        "request_id": circumstances().request_id if request_id is None else request_id,
    }


def answer(error: DomainError, request: HttpRequest | None = None) -> HttpResponse:
    """
    The answer that tells an error.

    :param request: whose Accept-Language decides the language; without it the active language does
    """
    language = translation.get_language_from_request(request) if request else translation.get_language()
    with translation.override(language):
        response = HttpResponse(render(document(error)), status=error.status, content_type=CONTENT_TYPE)
    response["Content-Language"] = language or ""
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = CHALLENGE
    return response


def for_status(status: int) -> DomainError:
    """The error that says no more than a bare status does."""
    if error := _BY_STATUS.get(status):
        return error()
    return http_errors.InternalError() if status >= HTTPStatus.INTERNAL_SERVER_ERROR else http_errors.BadRequest()


def is_problem(response: HttpResponseBase) -> bool:
    """Whether an answer is a problem document already."""
    return str(response.get("Content-Type", "")).startswith(CONTENT_TYPE)


def flattened(detail: object, path: tuple[str, ...] = ()) -> Iterable[tuple[str, list[str]]]:
    """
    The messages of nested validation errors by dotted path: ``charges.3.tokens``.

    :param detail: DRF's tree of dicts, lists and messages
    """
    match detail:
        case dict():
            for name, inner in detail.items():
                # DRF's name for "the object as a whole" adds nothing to a path that already leads to it.
                here = path if name == "non_field_errors" and path else (*path, str(name))
                yield from flattened(inner, here)
        case list() | tuple():
            messages = [str(item) for item in detail if isinstance(item, str)]
            if messages:
                yield ".".join(path) or "non_field_errors", messages
            for index, item in enumerate(detail):
                if isinstance(item, dict | list | tuple) and item:
                    yield from flattened(item, (*path, str(index)))
        case _:
            yield ".".join(path) or "non_field_errors", [str(detail)]
