"""Logs: one JSON object per line and event, whatever the values hold."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

from core.actors import circumstances

_SECRET: Final = re.compile(
    r"authorization|cookie|password|passwd|secret|token(?!s\b|s_)|api_?key|init_data|otp|signature",
    re.IGNORECASE,
)
# Bearer tokens and API keys, a bot's token or a password within an address, and whatever is called a secret.
_IN_TEXT: Final = re.compile(
    r"(?P<told>\b(?:Bearer|Api-Key)\s+|/bot(?=\d+:)|://[^\s/:@]{0,100}:(?=[^\s/@]{1,200}@)"
    r"|(?:password|passwd|secret|token|api_?key|init_data|signature)[\"')]?\s{0,3}[=:]\s{0,3}[\"'(]?)"
    r"[^\s\"'&,;/@)}\]]+",
    re.IGNORECASE,
)
_HIDDEN: Final = "***"
# Where libraries and exceptions say what they like. Elsewhere a value is what its name says.
_FREE_TEXTS: Final = frozenset({"event", "exception", "error"})
# Numbers of tokens are what this house sells; only strings can be secrets.
_MAX_VALUE: Final = 8192

Event = MutableMapping[str, Any]


def name_circumstances(_logger: object, _method: str, event: Event) -> Event:
    """Add the request's id and the actor of the code that logs."""
    around = circumstances()
    if around.request_id:
        event.setdefault("request_id", around.request_id)
    if around.actor is not None:
        event["actor"] = event.get("actor") or str(around.actor)
    return event


def hide_secrets(_logger: object, _method: str, event: Event) -> Event:
    """Blank the values whose names promise a secret, at any depth, and the secrets that stand in free texts."""
    for name, value in event.items():
        hidden = _hidden(name, value)
        event[name] = _without_secrets(hidden) if name in _FREE_TEXTS else hidden
    return event


def masked(name: str, value: object) -> object:
    """
    A value as it may be kept: blanked where its name promises a secret, and without the secrets that stand in texts.

    :param name: what the value is called
    """
    return _without_secrets(_hidden(name, value))


def _without_secrets(value: object) -> object:
    match value:
        case str():
            return _IN_TEXT.sub(rf"\g<told>{_HIDDEN}", value)
        case Mapping():
            return {key: _without_secrets(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_without_secrets(inner) for inner in value]
    return value


def _hidden(name: str, value: object) -> object:
    match value:
        case str() if _SECRET.search(name):
            return _HIDDEN
        case str() if len(value) > _MAX_VALUE and name != "exception":
            return value[:_MAX_VALUE] + "…"
        case Mapping():
            return {key: _hidden(str(key), inner) for key, inner in value.items()}
        case list() | tuple():
            return [_hidden(name, inner) for inner in value]
    return value


_SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    name_circumstances,
    structlog.processors.format_exc_info,
    hide_secrets,
]


def formatter() -> logging.Formatter:
    """
    Writes one JSON object per event. ASCII-only JSON escapes newlines, ANSI sequences and Unicode's own line ends, so
    that no value can forge a line.
    """
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=True, default=str),
        ],
        foreign_pre_chain=_SHARED,
    )


def configuration(level: str, **also: Mapping[str, object]) -> dict[str, Any]:
    """
    Django's ``LOGGING``: structlog's and the standard library's events leave through one JSON writer.

    :param level: the least level that is written (``INFO``)
    :param also: further handlers of everything, by their names, as in ``LOGGING``
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": formatter}},
        "handlers": {"lines": {"class": "core.log_lines.LineHandler", "formatter": "json"}, **also},
        "root": {"handlers": ["lines", *also], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # Refusals have their line already; only defects are worth another.
            "django.request": {"handlers": [], "level": "ERROR", "propagate": True},
            "django.security": {"handlers": [], "level": "CRITICAL", "propagate": True},
            "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
            # Three lines for each tick; the jobs have a line of their own (core.jobs.runner).
            "celery.beat": {"handlers": [], "level": "WARNING", "propagate": True},
            "celery.worker.strategy": {"handlers": [], "level": "WARNING", "propagate": True},
            "celery.app.trace": {"handlers": [], "level": "WARNING", "propagate": True},
        },
    }


def configure_structlog() -> None:
    """Send structlog's events through the standard library, where :func:`configuration` writes them."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
