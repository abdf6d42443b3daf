"""OpenAPI documents of URLconfs, read by schemathesis, and the application that they describe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from wsgiref.types import StartResponse, WSGIEnvironment

import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.schemas import OpenApiSchema

from core.tests.guards import check_deferred, undone


def document_of(urlconf: str, *, seed: int, examples: int) -> OpenApiSchema:
    """
    What a URLconf's routes say about themselves, to be tried out on the application in this process.

    :param examples: how many random requests for each route, besides the boundaries of each of its parameters
    """
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "generation": {"max-examples": examples, "with-security-parameters": False, "database": "none"},
        }
    )
    generator = SchemaGenerator(urlconf=urlconf)  # type: ignore[no-untyped-call]  # spectacular has no types there
    told = generator.get_schema(public=True)  # type: ignore[no-untyped-call]  # none there, either
    document = schemathesis.openapi.from_dict(told, config=config)
    document.app = _application
    return document


@contextmanager
def within_a_transaction() -> Iterator[None]:
    """Within the block, requests do not close the connection behind them, in whose transaction they are."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


def _application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What a request does would be committed, and is undone: the next one finds the house as it was."""
    with undone():
        answer = _handler()(environ, start_response)
        if not transaction.get_rollback():
            check_deferred()
    return answer


@cache
def _handler() -> WSGIHandler:
    # Made when the first request comes: only then do tests know where static files lie.
    return WSGIHandler()
