"""Notes that a key was used, after its caller has got the answer."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final
from uuid import UUID

import structlog
from django.core.signals import request_finished
from django.db import DatabaseError

from accounts.operations import api_keys

_noted: Final[ContextVar[tuple[UUID, ...]]] = ContextVar("api_keys_used", default=())

log = structlog.get_logger(__name__)


def note(key_id: UUID) -> None:
    """Remember, until the request ends, that its key's last use is worth writing down."""
    _noted.set((*_noted.get(), key_id))


def write_down(**_sent: Any) -> None:
    """Write down what the request that has just ended noted. Nobody waits for it, and its failure harms nobody."""
    used = _noted.get()
    if not used:
        return
    _noted.set(())
    try:
        api_keys.note_use(key_ids=used)
    except DatabaseError as failure:
        log.warning("api_key_use_not_noted", error=type(failure).__name__)


def connect() -> None:
    """Listen for the end of requests. Called from the app's ``ready()``."""
    request_finished.connect(write_down, dispatch_uid="accounts.api.key_use")
