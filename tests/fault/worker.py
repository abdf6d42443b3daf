"""A real worker with its beat: a process group that a test starts, watches and kills."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core.tests import application, interpreters


class Worker:
    """
    :param home: its ``DVORIK_HOME``, with the broker's folder in it
    :param environment: more variables, such as ``REDIS_URL`` for another broker than that folder
    """

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.marks = home / "marks"
        self.log = home / "worker.log"
        self._environment = environment
        self._process: interpreters.Process | None = None
        self.marks.mkdir(parents=True, exist_ok=True)

    @property
    def broker(self) -> Path:
        return self.home / "broker"

    def start(self) -> None:
        """Start it in a process group of its own, on the test's database, with short waits."""
        kept = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
        environment = application.environment(kept) | {
            "ENV": "test",
            "DVORIK_HOME": str(self.home),
            "FAULT_MARKS": str(self.marks),
            "JOBS_TICK_SECONDS": "0.25",
            "JOBS_WAKE_AGAIN_SECONDS": "1",
            **self._environment,
        }
        command = ["-m", "celery", "--app=tests.fault.worker_app", "worker", "--beat"]
        with self.log.open("ab") as log:
            self._process = interpreters.start(
                [*command, "--concurrency=2", "--loglevel=INFO"],
                environment=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill_group(self) -> None:
        """``kill -9`` of the worker, its children and its beat, in the middle of whatever they do."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def marked(self, *words: str) -> list[list[str]]:
        """What jobs have marked that begins with the words, each as its words."""
        found = sorted(path.name.split(".") for path in self.marks.iterdir())
        return [name for name in found if name[: len(words)] == list(words)]

    def until(self, happened: Callable[[], bool], *, seconds: float = 90) -> None:
        """Return once something has happened; fail with the worker's log when it does not, or the worker ends."""
        deadline = time.monotonic() + seconds
        while not happened():
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                log = self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""
                raise AssertionError(f"{'the worker ended' if ended else 'nothing happened'}; its log:\n{log[-8000:]}")
            time.sleep(0.02)
