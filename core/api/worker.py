"""The web server's worker, which answers also what is no HTTP in the API's own words."""

from __future__ import annotations

import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog
from gunicorn.http import errors as wire_errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

if TYPE_CHECKING:
    from core.errors import DomainError

# A client that stops in the middle of its request must not keep a thread for longer.
STALL_SECONDS: Final = 10

log = structlog.get_logger(__name__)


def limit_stalls(listener: socket.socket) -> None:
    """
    Have connections that a listening socket accepts give up on a client that sends nothing for a while.

    The kernel hands the option on to each accepted connection; a connection that waits between requests is not read
    from, and so is not concerned.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", STALL_SECONDS, 0))


class ProblemWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn carries no types
    """Gunicorn's threads. What the parser refuses before there is a request comes as problem+json, too."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """
        Answer a request that could not be read and close its connection.

        ``Any``: gunicorn carries no types.
        """
        if not isinstance(exc, wire_errors.ParseException) or isinstance(exc, wire_errors.ConfigurationProblem):
            super().handle_error(req, client, addr, exc)
            return
        # Django is ready only once the worker has loaded the application.
        from core.api import problems
        from core.api.renderers import render
        from core.ids import uuid7
        from core.metrics.counters import UNREADABLE
        from core.rules import headers

        error = _meaning(exc)()
        request_id = uuid7().hex
        UNREADABLE.labels(str(error.status)).inc()
        log.warning(
            "request_unreadable", request_id=request_id, ip=addr[0] if addr else "", error=str(exc), status=error.status
        )
        written = render(problems.document(error, request_id=request_id)).encode()
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.of("").items())
        head = (
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
            f"Connection: close\r\n"
            f"Content-Type: {problems.CONTENT_TYPE}\r\n"
            f"Content-Length: {len(written)}\r\n"
            f"{told}X-Request-ID: {request_id}\r\n\r\n"
        )
        try:
            write_nonblock(client, head.encode() + written)
        except OSError:
            log.info("request_unreadable_unanswered", request_id=request_id)


def _meaning(error: wire_errors.ParseException) -> type[DomainError]:
    from core.api import errors

    match error:
        case wire_errors.LimitRequestLine():
            return errors.UriTooLong
        case wire_errors.LimitRequestHeaders():
            return errors.HeadersTooLarge
    return errors.BadRequest
