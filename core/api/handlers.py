"""Django's last resorts: what answers when no view does."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views import defaults

from core.api import exceptions, problems
from core.api.errors import InternalError
from core.middleware import is_admin


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer a defect without a word about its inside, and a passing failure of the database with 503."""
    exception = sys.exc_info()[1]
    error = exceptions.as_domain_error(exception) if exception else None
    if is_admin(request):
        page: HttpResponse = defaults.server_error(request)
        if error is not None:
            page.status_code = error.status
        return page
    return problems.answer(error or InternalError(), request)
