"""
Tells Sentry of defects: of errors in the log, and of warnings that have an exception, such as a job that failed.

Nothing leaves but what is named here. Texts of exceptions, values of variables, headers and bodies hold people's names
and secrets, and are all in the log, under the id of the request that goes along.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from django.core.exceptions import ImproperlyConfigured

from core.actors import circumstances
from core.logs import masked

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

# What an event is made of before it is sent; its exceptions and message are made anew.
_KEPT: Final = ("event_id", "timestamp", "platform", "level", "logger", "release", "environment", "sdk", "tags")
_OF_A_FRAME: Final = (
    "filename",
    "module",
    "function",
    "lineno",
    "context_line",
    "pre_context",
    "post_context",
    "in_app",
)
_LAST_SECONDS: Final = 2


def start(*, dsn: str, environment: str, release: str) -> None:
    """
    Begin to tell.

    :param dsn: where, and as whom: ``https://key@host/project``
    :raises ImproperlyConfigured: the package is not installed, or the address is none
    """
    try:
        import sentry_sdk
        from sentry_sdk.integrations.atexit import AtexitIntegration
        from sentry_sdk.utils import BadDsn
    except ImportError:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, but sentry-sdk is not installed: pip install 'dvorik[sentry]'"
        ) from None
    try:
        sentry_sdk.init(
            dsn=dsn,
            environment=environment,
            release=release,
            # Our handler tells; nothing is watched behind the house's back.
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[AtexitIntegration(callback=lambda _pending, _timeout: None)],
            before_send=_only_what_is_meant,
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            server_name="",
            auto_session_tracking=False,
            send_client_reports=False,
            shutdown_timeout=_LAST_SECONDS,
        )
    except BadDsn:
        raise ImproperlyConfigured("SENTRY_DSN must look like https://key@host/project") from None


class SentryHandler(logging.Handler):
    """Hands on what is worth it. The call itself is made by Sentry's own thread, from a queue that never waits."""

    def __init__(self, level: int | str = logging.WARNING) -> None:
        super().__init__(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of a record, unless it is a mere warning."""
        has_exception = isinstance(record.exc_info, tuple) and record.exc_info[0] is not None
        if record.levelno < logging.ERROR and not has_exception:
            return
        try:
            _tell(record, has_exception=has_exception)
        except Exception:
            self.handleError(record)


def _tell(record: logging.LogRecord, *, has_exception: bool) -> None:
    import sentry_sdk
    from sentry_sdk.utils import event_from_exception

    event: Event = {}
    hint: Hint = {}
    if has_exception and record.exc_info:
        event, hint = event_from_exception(record.exc_info, client_options=sentry_sdk.get_client().options)
    around = circumstances()
    event["level"] = "warning" if record.levelno < logging.ERROR else "error"
    event["logger"] = record.name
    event["tags"] = {
        "request_id": around.request_id,
        "actor_kind": around.actor.kind if around.actor else "",
        "door": around.door,
    }
    hint["log_record"] = record
    sentry_sdk.capture_event(event, hint=hint)


def _only_what_is_meant(event: Event, hint: Hint) -> Event | None:
    record = hint.get("log_record")
    if record is None:
        return None
    known: Mapping[str, Any] = {**event}
    told = {name: known[name] for name in _KEPT if name in known}
    told["logentry"] = {"message": str(masked("message", _template(record)))}
    if raised := list(_exceptions(event)):
        told["exception"] = {"values": raised}
    return cast("Event", told)


def _template(record: logging.LogRecord) -> str:
    """What a line of code says, without the values of this time."""
    if isinstance(record.msg, Mapping):
        return str(record.msg.get("event", ""))
    # A text without arguments may have been put together by hand.
    return record.msg if record.args and isinstance(record.msg, str) else f"{record.module}.{record.funcName}"


def _exceptions(event: Event) -> Iterator[dict[str, Any]]:
    for each in (event.get("exception") or {}).get("values") or []:
        frames = (each.get("stacktrace") or {}).get("frames") or []
        yield {
            "type": each.get("type"),
            "module": each.get("module"),
            "stacktrace": {"frames": [{name: frame.get(name) for name in _OF_A_FRAME} for frame in frames]},
        }
