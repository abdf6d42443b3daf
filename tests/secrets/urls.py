"""The house's routes, and one that fails with secrets in its hands."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class Leaked(Exception):
    """Raised with what a careless line of code would put into a text."""


@csrf_exempt
def defect(request: HttpRequest) -> HttpResponse:
    password = request.body.decode()
    raise Leaked(f"cannot log in: password={password}, Authorization: {request.headers.get('Authorization')}")


urlpatterns = [path("t/defect", defect), *urlpatterns]
