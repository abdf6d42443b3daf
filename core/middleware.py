"""What surrounds each request: its id, its client, its line in the log, and an answer that is never a page of HTML."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from time import monotonic
from typing import Final
from urllib.parse import unquote_to_bytes

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation

from core import time_limits
from core.actors import Actor, Door, under
from core.api import exceptions, problems
from core.api.errors import BadRequest
from core.api.exceptions import RETRY_SECONDS
from core.api.parsers import bound_body
from core.client_address import TrustedProxies
from core.congestion import Congestion
from core.errors import DomainError, RateLimited, Unavailable
from core.ids import uuid7
from core.metrics.counters import count_request
from core.rules import headers

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,128}")
_ADMIN: Final = "/admin"
# The route that a request was let into.
_ROUTE: Final = "dvorik.route"

log = structlog.get_logger("dvorik.requests")


def is_admin(request: HttpRequest) -> bool:
    """Whether a request came to Admin, which answers with pages; every other path is the API's."""
    return request.path_info == _ADMIN or request.path_info.startswith(f"{_ADMIN}/")


class CircumstancesMiddleware:
    """
    Gives each request an id, finds out its client and logs it. Stands first.

    What proxies alone may say, over which scheme the client came, is forgotten where no proxy of ours said it.

    Everything below runs under :func:`core.actors.under`, so that logs, audit rows and errors carry the same id.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    @cached_property
    def proxies(self) -> TrustedProxies:
        return TrustedProxies.parse(settings.TRUSTED_PROXIES)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun = monotonic()
        asked = request.headers.get("X-Request-ID", "")
        request_id = asked if _SANE_ID.fullmatch(asked) else uuid7().hex
        if not self.proxies.brought(request.META):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        door: Door = "admin" if is_admin(request) else "api"
        with under(door=door, request_id=request_id, ip=self.proxies.client_of(request.META)) as around:
            time_limits.keep()
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            seconds = monotonic() - begun
            count_request(request, status=response.status_code, seconds=seconds)
            log.info(
                "request",
                request_id=request_id,
                actor=_caller(request),
                ip=around.ip,
                method=request.method,
                # The path alone: query strings carry names and tokens.
                path=request.path,
                status=response.status_code,
                ms=round(seconds * 1000, 1),
            )
        return response


class HeadersMiddleware:
    """
    Gives each answer the headers by which browsers protect whoever reads it (:mod:`core.rules.headers`). Stands above
    whatever may answer.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        kept = response.get("Cache-Control")
        for name, value in headers.of(request.path_info).items():
            response[name] = value
        # Static files may be kept, and Admin's own pages say more than this.
        if kept:
            response["Cache-Control"] = kept
        return response


class ProblemMiddleware:
    """
    Turns whatever error comes out of Django or its middleware, outside Admin, into a problem document.

    It stands above all that may refuse, and so hears also of unknown routes, refused hosts and
    defects, which never reach a view's own exception handler.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_readable(request):
            return problems.answer(BadRequest(), request)
        if is_admin(request) and (refusal := _refused_body(request)):
            return _page(request, refusal)
        response = self.get_response(request)
        if response.status_code < 400 or is_admin(request) or problems.is_problem(response):
            return response
        problem = problems.answer(problems.for_status(response.status_code), request)
        for kept in ("Allow", "Retry-After"):
            if kept in response:
                problem[kept] = response[kept]
        # The page is dropped, not closed: closing it would announce that the request is over, which it is not.
        return problem

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for a view that is not DRF's; None lets Django log the defect and answer 500."""
        error = exceptions.as_domain_error(exception)
        if is_admin(request):
            # Its forms and pages show every other refusal themselves.
            return _page(request, error) if isinstance(error, Unavailable | RateLimited) else None
        return problems.answer(error, request) if error else None


class CongestionMiddleware:
    """
    Refuses at once what would only wait in line for a part of the database that stands still, so that other routes
    keep their threads (:mod:`core.congestion`). Stands below :class:`ProblemMiddleware`.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.congestion = Congestion(threads=settings.WEB_THREADS)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        route = request.META.get(_ROUTE)
        if route is not None:
            self.congestion.leave(route, ran_out_of_time=response.status_code == Unavailable.status)
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """The refusal, or None where the request may go on."""
        route = request.resolver_match.route if request.resolver_match else ""
        if self.congestion.enter(route):
            request.META[_ROUTE] = route
            return None
        refusal = Unavailable(retry_after=RETRY_SECONDS)
        return _page(request, refusal) if is_admin(request) else problems.answer(refusal, request)


class AdminActorMiddleware:
    """Names the operator who is logged in as the actor of what Admin does. Stands after authentication."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_admin(request) or not request.user.is_authenticated:
            return self.get_response(request)
        key = str(request.user.pk)
        actor = Actor(kind="user", id=key, label=request.user.get_username() or key, user_id=key)
        request.actor = actor  # type: ignore[attr-defined]  # the request's log line names it
        with under(actor=actor):
            return self.get_response(request)


def _page(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    """A refusal that Admin's own pages cannot show."""
    # It may come from above the middleware that minds the language.
    with translation.override(translation.get_language_from_request(request)):
        page = render(request, "core/admin/refusal.html", {"refusal": refusal}, status=refusal.status)
    if refusal.retry_after is not None:
        page["Retry-After"] = str(refusal.retry_after)
    return page


def _refused_body(request: HttpRequest) -> DomainError | None:
    """Why a form is not even read: Django's own limit does not count the files within it."""
    try:
        bound_body(request)
    except DomainError as refusal:
        return refusal
    return None


def _is_readable(request: HttpRequest) -> bool:
    """Whether path and query are UTF-8 without NUL: nothing else can be asked of the database."""
    query = request.META.get("QUERY_STRING", "")
    if not query and "\x00" not in request.path_info:
        return True
    try:
        # Half a surrogate pair, percent-encoded, is not UTF-8 either, so the decoder refuses it here.
        text = unquote_to_bytes(query.encode("latin-1")).decode("utf-8")
    except UnicodeError:
        return False
    return "\x00" not in text and "\x00" not in request.path_info


def _caller(request: HttpRequest) -> str:
    actor = getattr(request, "actor", None)
    return str(actor) if isinstance(actor, Actor) else ""
