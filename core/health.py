"""Whether the parts that the service needs are alive, asked so that a hanging part cannot hang the one who asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import Error as DatabaseFailure

DEADLINE_SECONDS: Final = 2


class Probe:
    """
    A question that may hang, asked by one thread for everybody.

    :param ask: gives True when the part is well; it may hang
    """

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._asked: Future[bool] | None = None

    def answers(self) -> bool:
        """
        Whether the part is well, known within :data:`DEADLINE_SECONDS`.

        Those who ask at once share one thread, so however long the part hangs, no more than one waits for it.
        """
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                threading.Thread(target=self._run, args=(self._asked,), name="health", daemon=True).start()
            asked = self._asked
        try:
            return asked.result(timeout=DEADLINE_SECONDS)
        except TookTooLong:
            return False

    def _run(self, answer: Future[bool]) -> None:
        try:
            answer.set_result(self._ask())
        except BaseException as error:  # whoever waits must hear of it, in the own thread
            answer.set_exception(error)


def database_answers(settings: Mapping[str, Any] | None = None) -> bool:
    """
    Whether the database answers on a fresh connection. It may hang: ask :data:`database`.

    :param settings: another server's, as in ``DATABASES``
    """
    # A connection of its own: those of the requests may all be hanging.
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    chosen = {**connection.settings_dict, **(settings or {})}
    connection.settings_dict = {
        **chosen,
        "OPTIONS": {**chosen["OPTIONS"], "connect_timeout": DEADLINE_SECONDS},
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseFailure:
        return False
    finally:
        connection.close()
    return True


database: Final = Probe(database_answers)
