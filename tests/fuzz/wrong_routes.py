"""Routes that do not answer as they say, and one that does: what the checks must tell apart."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.declarations import documented
from core.api.service import OpenView


class Thing(serializers.Serializer[Any]):
    number = serializers.IntegerField()


class HonestView(OpenView):
    @documented(summary="As said", answers={200: Thing})
    def get(self, request: Request) -> Response:
        return Response({"number": 1})


class BrokenView(OpenView):
    @documented(summary="A defect", answers={200: Thing})
    def get(self, request: Request) -> Response:
        return Response({"number": 1 // 0})


class SecretiveView(OpenView):
    @documented(summary="A status that nobody documented", answers={200: Thing})
    def get(self, request: Request) -> Response:
        return Response({"number": 1}, status=202)


class CrookedView(OpenView):
    @documented(summary="A field of another type", answers={200: Thing})
    def get(self, request: Request) -> Response:
        return Response({"number": "one"})


class PlainView(OpenView):
    @documented(summary="Another content type", answers={200: Thing})
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse('{"number": 1}', content_type="text/plain")


urlpatterns = [
    path("honest", HonestView.as_view()),
    path("broken", BrokenView.as_view()),
    path("secretive", SecretiveView.as_view()),
    path("crooked", CrookedView.as_view()),
    path("plain", PlainView.as_view()),
]

handler500 = "core.api.handlers.server_error"
handler404 = "core.api.handlers.not_found"
