"""Where Prometheus asks. No part of the API: it speaks Prometheus' own language, and its key is a setting."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views import View

from core.api import problems
from core.errors import CredentialsInvalid, NotAuthenticated, NotFound
from core.metrics import exposition


class MetricsView(View):
    """Everything that is measured, for whoever shows ``METRICS_TOKEN``. Where none is set, there is nothing here."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        if not settings.METRICS_TOKEN:
            return problems.answer(NotFound(), request)
        kind, _, shown = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not shown:
            return problems.answer(NotAuthenticated(), request)
        if not hmac.compare_digest(shown.strip().encode(), settings.METRICS_TOKEN.encode()):
            return problems.answer(CredentialsInvalid(), request)
        return HttpResponse(exposition.text(), content_type=exposition.CONTENT_TYPE)
