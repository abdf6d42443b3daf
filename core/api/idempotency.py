"""The ``Idempotency-Key`` header: reading it, and answering a repeated request with its first answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from django.http import HttpResponse
from rest_framework.request import Request

from core.actors import Actor
from core.api import problems
from core.api.renderers import render
from core.errors import DomainError, IdempotencyKeyInvalid, IdempotencyKeyMissing
from core.operations import idempotency
from core.operations.idempotency import StoredAnswer

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
# Keys that the house gives to its own ledger rows; a caller's must not meet them.
RESERVED_PREFIXES: Final = ("billing:",)

_KEY: Final = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")


def idempotency_key(request: Request) -> str:
    """
    The key that came with a request.

    :raises core.errors.IdempotencyKeyMissing: none came
    :raises core.errors.IdempotencyKeyInvalid: it is not 1 to 255 printable ASCII characters, or is reserved
    """
    key = request.headers.get(HEADER)
    if key is None:
        raise IdempotencyKeyMissing
    return checked_key(key)


def checked_key(key: str) -> str:
    """
    The key itself, if it may be used; for keys that come in a body.

    :raises core.errors.IdempotencyKeyInvalid: it is not 1 to 255 printable ASCII characters, or is reserved
    """
    if not _KEY.fullmatch(key) or key.lower().startswith(RESERVED_PREFIXES):
        raise IdempotencyKeyInvalid
    return key


def request_hash(request: Request) -> str:
    """What tells two requests apart: method, path and body, whatever the order of the body's keys."""
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(f"{request.method}\n{request.path}\n{body}".encode()).hexdigest()


def stored(status: int, data: object) -> StoredAnswer:
    """An answer to keep, from its JSON value."""
    return StoredAnswer(status, render(data))


def stored_refusal(error: DomainError) -> StoredAnswer:
    """A refusal that happened all the same: what was done stays, and the same answer comes again."""
    return StoredAnswer(error.status, render(problems.document(error)))


def answer_once(request: Request, effect: Callable[[], StoredAnswer], *, by: Actor) -> HttpResponse:
    """
    Run ``effect`` and answer what it says; for a repeated request answer the first answer, byte for byte.

    :param effect: makes one call to an operation and returns :func:`stored` of its result
    :param by: the caller, whose keys are their own
    :raises core.errors.IdempotencyKeyMissing: the request has no key
    :raises core.errors.IdempotencyKeyInvalid: the key is malformed or reserved
    :raises core.errors.IdempotencyMismatch: the key came with another request before
    :raises core.errors.IdempotencyInProgress: the first request is still running
    """
    answer, is_replayed = idempotency.run_once(
        caller=f"{by.kind}:{by.id}",
        key=idempotency_key(request),
        request_hash=request_hash(request),
        route=f"{request.method} {request.path}"[:400],
        effect=effect,
        by=by,
    )
    response = HttpResponse(
        answer.body,
        status=answer.status,
        content_type="application/json" if answer.status < 400 else problems.CONTENT_TYPE,
    )
    if is_replayed:
        response[REPLAYED] = "true"
    return response
