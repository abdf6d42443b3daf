"""OpenAPI documents of URLconfs, read by schemathesis, and the application that they describe."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from wsgiref.types import StartResponse, WSGIEnvironment

import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from drf_spectacular.generators import SchemaGenerator
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.schemas import OpenApiSchema


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


def _application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return _handler()(environ, start_response)


@cache
def _handler() -> WSGIHandler:
    # Made when the first request comes: only then do tests know where static files lie.
    return WSGIHandler()
