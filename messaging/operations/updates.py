"""
Keeping what Telegram told, once: ``bot_updates_is_stored_once`` makes an update that comes ten times at once
one row and one job.
"""

from __future__ import annotations

import json

from django.db import connection

from core.actors import Actor
from core.database import operation
from core.ids import uuid7
from core.jobs import enqueue
from messaging import handlers
from messaging.rules.updates import Update


@operation
def store(*, update: Update, by: Actor) -> bool:
    """
    Keep an update; and unless it is handled at once or by nobody, have a job handle it.

    :returns: whether it is new; one that is known already changes nothing
    """
    pk = uuid7()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bot_updates (id, bot, update_id, kind, payload) "
            "VALUES (%s::uuid, %s::text, %s::bigint, %s::text, %s::jsonb) "
            "ON CONFLICT ON CONSTRAINT bot_updates_is_stored_once DO NOTHING",
            [pk, update.bot, update.number, update.kind, json.dumps(update.payload, ensure_ascii=False)],
        )
        is_new = bool(cursor.rowcount)
    handler = handlers.find_handler(update)
    if is_new and handler is not None and not handler.now:
        enqueue("messaging.handle_update", update=pk)
    return is_new
