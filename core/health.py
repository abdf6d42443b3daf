"""Whether the parts that the service needs are alive, asked so that a hanging part cannot hang the one who asks."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from typing import Final

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import Error as DatabaseFailure

DEADLINE_SECONDS: Final = 2

_lock: Final = threading.Lock()
_running: Future[bool] | None = None


def database_answers() -> bool:
    """
    Whether the database answers a fresh connection within :data:`DEADLINE_SECONDS`.

    Those who ask at once share one probe, so however long the database hangs, one thread waits for it and no more.
    """
    global _running
    with _lock:
        if _running is None or _running.done():
            _running = Future()
            threading.Thread(target=_probe, args=(_running,), name="health", daemon=True).start()
        probe = _running
    try:
        return probe.result(timeout=DEADLINE_SECONDS)
    except TookTooLong:
        return False


def _probe(answer: Future[bool]) -> None:
    # A connection of its own: those of the requests may all be hanging.
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    connection.inc_thread_sharing()
    try:
        options = connection.settings_dict.setdefault("OPTIONS", {})
        options["connect_timeout"] = DEADLINE_SECONDS
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        answer.set_result(True)
    except DatabaseFailure:
        answer.set_result(False)
    except BaseException as error:  # whoever waits must hear of it
        answer.set_exception(error)
    finally:
        connection.close()
