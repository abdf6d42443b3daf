"""What this process counts. Labels come from sets that callers cannot make larger: routes, never addresses."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest
from prometheus_client import CollectorRegistry, Counter, Histogram

# Up to the longest that a statement may take in Admin.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_NO_ROUTE: Final = "none"

PROCESS: Final = CollectorRegistry()
REQUESTS: Final = Counter(
    "dvorik_http_requests_total",
    "Requests that were answered, by the route's pattern.",
    ("method", "route", "status"),
    registry=PROCESS,
)
SECONDS: Final = Histogram(
    "dvorik_http_request_seconds",
    "How long answers took.",
    ("method", "route"),
    buckets=_BUCKETS,
    registry=PROCESS,
)
UNREADABLE: Final = Counter(
    "dvorik_http_unreadable_total",
    "Requests that were no HTTP, or too long.",
    ("status",),
    registry=PROCESS,
)
DATABASE_FAILURES: Final = Counter(
    "dvorik_database_failures_total",
    "Passing failures of the database, each answered 503: by SQLSTATE, or connection.",
    ("state",),
    registry=PROCESS,
)


def count_request(request: HttpRequest, *, status: int, seconds: float) -> None:
    """Note that a request was answered."""
    method = request.method if request.method in _METHODS else "other"
    route = _route_of(request)
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(method, route).observe(seconds)


def _route_of(request: HttpRequest) -> str:
    if request.resolver_match is not None:
        return f"/{request.resolver_match.route}"
    return settings.STATIC_URL if request.path_info.startswith(settings.STATIC_URL) else _NO_ROUTE
