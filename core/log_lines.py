"""
A logging handler that writes lines in a thread of its own, so that a pipe that nobody reads, or a disk that is slow,
holds up no request.

What does not fit into its queue is dropped and counted, and the count is written when lines are taken again.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
from typing import Final

QUEUED: Final = 5_000
# How long the end of the process waits for what is queued.
_LAST_SECONDS: Final = 2.0


class LineHandler(logging.Handler):
    """
    :param descriptor: where lines go; standard error by default
    :param queued: how many lines wait at most
    """

    def __init__(
        self, level: int | str = logging.NOTSET, *, descriptor: int | None = None, queued: int = QUEUED
    ) -> None:
        super().__init__(level)
        self._descriptor = sys.stderr.fileno() if descriptor is None else descriptor
        self._size = queued
        self._begin()
        # A forked process has the parent's queue and none of its threads.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._queue: queue.Queue[str] = queue.Queue(self._size)
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many lines were dropped that nobody was told of yet."""
        return self._dropped

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line. It never waits."""
        try:
            self._queue.put_nowait(self.format(record))
            self._keep_writing()
        except queue.Full:
            with self._guard:
                self._dropped += 1
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Wait for a moment until everything queued so far is written."""
        with self._queue.all_tasks_done:
            self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, _LAST_SECONDS)

    def _keep_writing(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._guard:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._write_all, name="log lines", daemon=True)
                    self._thread.start()

    def _write_all(self) -> None:
        while True:
            line = self._queue.get()
            self._write(line)
            with self._guard:
                untold, self._dropped = self._dropped, 0
            if untold:
                self._write(_told_of(untold))
            self._queue.task_done()

    def _write(self, line: str) -> None:
        # Past Python's stream: it holds a lock while it writes, and a process that is forked meanwhile, as a web
        # server's workers are, would keep it for ever and hang where it flushes the same stream.
        left = f"{line}\n".encode(errors="backslashreplace")
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            # Nobody is there to read, and nowhere is left to say so.
            return


def _told_of(dropped: int) -> str:
    told = {"event": "log_lines_dropped", "level": "warning", "logger": __name__, "dropped": dropped}
    return json.dumps(told)
