"""Django's last resorts: what answers when no view does. Admin keeps Django's pages."""

from __future__ import annotations

import sys

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views import defaults

from core.api import exceptions, problems
from core.api.errors import BadRequest, InternalError
from core.errors import NotFound, PermissionDenied
from core.middleware import is_admin


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer what Django takes for an attack or for noise: a host that is not ours, too many fields."""
    if is_admin(request):
        return defaults.bad_request(request, exception)
    return problems.answer(exceptions.as_domain_error(exception) or BadRequest(), request)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a refusal that no view has told."""
    if is_admin(request):
        return defaults.permission_denied(request, exception)
    return problems.answer(PermissionDenied(), request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a route that there is not."""
    if is_admin(request):
        return defaults.page_not_found(request, exception)
    return problems.answer(NotFound(), request)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer a defect without a word about its inside, and a passing failure of the database with 503."""
    exception = sys.exc_info()[1]
    error = exceptions.as_domain_error(exception) if exception else None
    if is_admin(request):
        page = defaults.server_error(request)
        if error is not None:
            page.status_code = error.status
        return page
    return problems.answer(error or InternalError(), request)
