"""Remembering who connected the bots. What Telegram is asked for is asked outside of any transaction."""

from __future__ import annotations

from audit.operations import records
from core.actors import Actor
from core.database import operation


@operation
def note_set(*, bot: str, url: str, by: Actor) -> None:
    """Write into the audit log that a bot's updates are sent to an address."""
    records.record("messaging.webhook.set", entity=("messaging.bot", bot), by=by, url=url)


@operation
def note_deleted(*, bot: str, by: Actor) -> None:
    """Write into the audit log that a bot's updates are sent nowhere."""
    records.record("messaging.webhook.deleted", entity=("messaging.bot", bot), by=by)
