"""Messaging's jobs. Each makes one call, and each is safe to run twice and at once."""

from uuid import UUID

from core.actors import Actor
from core.jobs import job
from messaging import intake


@job("messaging.handle_update", max_attempts=12)
def handle_update(*, update: str, by: Actor) -> None:
    """Do what an update asks for."""
    intake.handle_stored(update_id=UUID(update), by=by)
