"""``make run`` as a process that tests start, ask and stop."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import requests

from tests.setup.conftest import ROOT, environment

# One start loads the demo data, too; on a busy machine that takes its time.
PATIENCE = 180.0


def eventually(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something another process does has come true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still do something: an orphan that has ended stays in the list until somebody reaps it."""
    ended = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() not in ended:
                found.append(process)
    return found


class Run:
    """One run of the supervisor, its output in a file."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.output = home.parent / f"output-{time.monotonic_ns()}"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scripts.run"],
                cwd=ROOT,
                env=environment(home) | {"PORT": str(port)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def said(self) -> str:
        return self.output.read_text("utf-8")

    def ready(self) -> Run:
        eventually(lambda: "Ctrl-C stops it" in self.said() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()
        return self

    def healthy(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.address}/health", timeout=5).status_code == 200
        return False

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, program: str) -> psutil.Process:
        found = [child for child in psutil.Process(self.process.pid).children() if program in " ".join(child.cmdline())]
        assert len(found) == 1
        return found[0]

    def credentials(self) -> list[str]:
        """What the demo operator logs in with, and the demo bot's key."""
        return re.findall(r"^Demo .*: (.+)$", self.said(), flags=re.MULTILINE)[-2:]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)
