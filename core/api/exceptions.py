"""Which domain error an exception means, whatever library raised it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg
import structlog
from django.core import exceptions as django_exceptions
from django.db import Error as DatabaseFailure
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework import exceptions as drf_exceptions

from core import errors, time_limits
from core.api import errors as http_errors
from core.api import problems
from core.database import refusal_for
from core.metrics.counters import DATABASE_FAILURES

# Classes of SQLSTATE that pass by themselves: the connection broke, the transaction lost a race, resources ran out,
# the server is going down or the statement took too long.
_PASSING_CLASSES: Final = frozenset({"08", "40", "53", "57"})
# A lock that did not come in time; a transaction that idled or lasted too long; a standby that cannot write yet.
_PASSING_STATES: Final = frozenset({"55P03", "25P03", "25P04", "25006"})
_CONNECTION_FAILURES: Final = (
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
RETRY_SECONDS: Final = 1

log = structlog.get_logger(__name__)


def handle(exception: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """
    DRF's exception handler. None lets a defect go on to Django, which logs it and answers 500.

    :param context: holds the request that failed
    """
    error = as_domain_error(exception)
    if error is None:
        return None
    request = context.get("request")
    return problems.answer(error, getattr(request, "_request", request))


def as_domain_error(exception: BaseException) -> errors.DomainError | None:
    """The refusal that an exception means, or None where it is a defect of ours."""
    for kind, meaning in _MEANINGS:
        if isinstance(exception, kind):
            return meaning(exception)
    return None


def _of_drf(exception: Any) -> errors.DomainError | None:
    # What we raise ourselves is a DomainError; these come out of DRF. Its 500s are defects like any other.
    return problems.for_status(exception.status_code) if exception.status_code < 500 else None


def _of_throttle(exception: Any) -> errors.DomainError:
    return errors.RateLimited(retry_after=None if exception.wait is None else int(exception.wait))


def _of_database(exception: Any) -> errors.DomainError | None:
    if isinstance(exception, IntegrityError):
        return refusal_for(exception)
    cause = exception if isinstance(exception, psycopg.Error) else exception.__cause__
    state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    if state is not None:
        passing = state in _PASSING_STATES or state[:2] in _PASSING_CLASSES
    else:
        # No SQLSTATE: the answer never came from the server (connection lost, pool exhausted, cannot connect).
        passing = isinstance(exception, _CONNECTION_FAILURES)
    if not passing:
        return None
    DATABASE_FAILURES.labels(state or "connection").inc()
    log.warning("database_unavailable", sqlstate=state or "", error=type(cause or exception).__name__)
    time_limits.tell_of_ended(exception)
    return errors.Unavailable(retry_after=RETRY_SECONDS)


def _of_form(exception: Any) -> errors.DomainError:
    if not hasattr(exception, "error_dict"):
        return errors.ValidationFailed(fields={django_exceptions.NON_FIELD_ERRORS: exception.messages})
    return errors.ValidationFailed(fields=exception.message_dict)


# The first line that fits decides, so subclasses stand before their parents.
# Any: each meaning takes the exceptions of its line.
_MEANINGS: Final[tuple[tuple[type[BaseException], Callable[[Any], errors.DomainError | None]], ...]] = (
    (errors.DomainError, lambda exception: exception),
    (
        drf_exceptions.ValidationError,
        lambda exception: errors.ValidationFailed(fields=dict(problems.flattened(exception.detail))),
    ),
    (drf_exceptions.AuthenticationFailed, lambda _: errors.CredentialsInvalid()),
    (drf_exceptions.ParseError, lambda _: http_errors.BodyMalformed()),
    (drf_exceptions.Throttled, _of_throttle),
    (drf_exceptions.APIException, _of_drf),
    (DatabaseFailure, _of_database),
    (psycopg.Error, _of_database),
    (Http404, lambda _: errors.NotFound()),
    (django_exceptions.PermissionDenied, lambda _: errors.PermissionDenied()),
    (django_exceptions.ValidationError, _of_form),
    (django_exceptions.RequestDataTooBig, lambda _: http_errors.BodyTooLarge()),
    (django_exceptions.SuspiciousOperation, lambda _: http_errors.BadRequest()),
    (UnreadablePostError, lambda _: http_errors.BadRequest()),
)
