"""The routes that tell about the service itself."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpResponse
from django.urls import get_urlconf, reverse
from django.utils import translation
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from core import health
from core.api import problems
from core.api.declarations import Example, documented
from core.api.views import ApiView
from core.errors import Unavailable, catalogue

_PARTS: Final = ("database", "jobs", "broker", "storage")


class Root(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.CharField()
    links = serializers.DictField(child=serializers.CharField())


class Health(serializers.Serializer[Any]):
    status = serializers.CharField()
    parts = serializers.DictField(child=serializers.CharField())


class ErrorTitle(serializers.Serializer[Any]):
    en = serializers.CharField()
    ru = serializers.CharField()


class ErrorEntry(serializers.Serializer[Any]):
    code = serializers.CharField()
    status = serializers.IntegerField()
    type = serializers.CharField()
    title = ErrorTitle()


class ErrorCatalogue(serializers.Serializer[Any]):
    results = ErrorEntry(many=True)


class OpenView(ApiView):
    """A route for everybody: nobody is asked who they are, and no query is spent on it."""

    authentication_classes = []
    permission_classes = [AllowAny]


class RootView(OpenView):
    @documented(summary="The service's name and its links", answers={200: Root}, operation_id="root")
    def get(self, request: Request) -> Response:
        """Where everything else is found."""
        shown = {"docs": reverse("api-docs"), "schema": reverse("api-schema")} if settings.API_DOCS else {}
        links = {
            "api": "/api/v1",
            **shown,
            "errors": reverse("api-errors"),
            "health": reverse("health"),
        }
        return Response({"name": "Dvorik", "version": settings.VERSION, "links": links})


class HealthView(OpenView):
    probes = health.Probes()

    @documented(
        summary="Whether the service can work",
        answers={200: Health},
        errors=[Unavailable],
        examples=[
            Example("healthy", answer={"status": "ok", "parts": dict.fromkeys(_PARTS, "ok")}),
            Example(
                "without a worker",
                answer={"status": "degraded", "parts": dict.fromkeys(_PARTS, "ok") | {"jobs": "late"}},
            ),
        ],
        operation_id="health",
    )
    def get(self, request: Request) -> Response | HttpResponse:
        """
        200 when the database answers, 503 when it does not within two seconds. `parts` tells of what else is needed:
        `jobs` are `late` when one has been due for five minutes, the `broker` may be `down` and the `storage` of
        exports `read-only`. Where one of them is not `ok`, `status` is `degraded`, and the service goes on.
        """
        parts = self.probes.parts()
        if parts["database"] != "ok":
            return problems.answer(Unavailable(retry_after=5, parts=parts), request._request)
        return Response({"status": "ok" if set(parts.values()) == {"ok"} else "degraded", "parts": parts})


class ErrorCatalogueView(OpenView):
    @documented(
        summary="Every error that the API can answer",
        answers={200: ErrorCatalogue},
        operation_id="errors",
    )
    def get(self, request: Request) -> Response:
        """The catalogue of errors: stable codes with their statuses and their titles in each language."""
        return Response({"results": [_entry(error) for error in catalogue()]})


class SchemaNegotiation(DefaultContentNegotiation):
    """JSON or YAML by ``Accept``, or by ``?format=json`` and ``?format=yaml`` for those who click."""

    settings = SimpleNamespace(URL_FORMAT_OVERRIDE="format")  # type: ignore[assignment]  # the one name that DRF reads


class Document:
    """What tells how the API is spoken to. ``API_DOCS`` takes it away."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """
        :raises Http404: nobody is to read it here
        """
        if not settings.API_DOCS:
            raise Http404
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # DRF's view stands beside


@cache
def _written(urlconf: str, language: str) -> Any:
    """
    The document of these routes. It is the same until the process ends, takes a second to write, and anybody may ask
    for it.
    """
    with translation.override(language):
        generator: Any = SchemaView.generator_class(urlconf=urlconf)
        return generator.get_schema(request=None, public=True)


@extend_schema(exclude=True)
class SchemaView(Document, SpectacularAPIView):
    """The OpenAPI document, in the language that is asked for by ``Accept-Language`` or ``?lang=``."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer]
    authentication_classes = []
    permission_classes = [AllowAny]
    content_negotiation_class = SchemaNegotiation

    def _get_schema_response(self, request: Request) -> Response:
        language = translation.get_language()
        if language not in dict(settings.LANGUAGES):
            language = settings.LANGUAGE_CODE
        name = self._get_filename(request, None)  # type: ignore[no-untyped-call]  # its library's
        return Response(
            _written(get_urlconf() or settings.ROOT_URLCONF, language),
            headers={"Content-Disposition": f'inline; filename="{name}"'},
        )


@extend_schema(exclude=True)
class DocsView(Document, SpectacularSwaggerSplitView):
    """A page over the document. Everything that it loads comes from this service."""

    authentication_classes = []
    permission_classes = [AllowAny]
    url_name = "api-schema"
    template_name = "core/api_docs.html"


def _entry(error: Any) -> dict[str, Any]:
    titles = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            titles[language] = str(error.title)
    return {"code": error.code, "status": error.status, "type": problems.type_uri(error), "title": titles}
