"""
Takes in what Telegram tells: kept first, then handled, at once where somebody waits for the answer and by a job
otherwise. No transaction is open while handlers run: each opens its own, and may call Telegram after it.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import structlog

from core.actors import Actor
from messaging import handlers
from messaging.bots import actor_of
from messaging.models import BotUpdate
from messaging.operations import updates
from messaging.rules.updates import Update, kind_of, read

log: Final = structlog.get_logger("dvorik.bots")


def take(*, bot: str, payload: object) -> bool:
    """
    Take one update in. The same one again does nothing.

    :param bot: which bot was told
    :returns: whether it was an update at all
    """
    update = read(bot, payload)
    if update is None:
        return False
    by = actor_of(bot)
    is_new = updates.store(update=update, by=by)
    handler = handlers.find_handler(update)
    if is_new and handler is not None and handler.now:
        _handle_now(handler, update, by)
    return True


def handle_stored(*, update_id: UUID, by: Actor) -> None:
    """Handle an update that was kept; for its job."""
    row = BotUpdate.objects.get(pk=update_id)
    update = Update(row.bot, row.update_id, kind_of(row.payload), row.payload)
    if handler := handlers.find_handler(update):
        handler.handle(update, by=by)


def _handle_now(handler: handlers.Handler, update: Update, by: Actor) -> None:
    try:
        handler.handle(update, by=by)
    except Exception:
        # It is kept, and Telegram's sending it again would not bring it here again: whoever waits may ask anew.
        log.exception("update_not_handled", bot=update.bot, number=update.number, kind=update.kind)
