"""``make run``, from the first start to the last process gone."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from core.postgres import EmbeddedServer

from .conftest import ROOT, environment

# One start loads the demo data, too; on a busy machine that takes its time.
pytestmark = [pytest.mark.setup, pytest.mark.timeout(240)]
PATIENCE = 90.0


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

    def said(self) -> str:
        return self.output.read_text("utf-8")

    def ready(self) -> "Run":
        eventually(lambda: "Ctrl-C stops it" in self.said() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()
        return self

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, program: str) -> psutil.Process:
        found = [child for child in psutil.Process(self.process.pid).children() if program in " ".join(child.cmdline())]
        assert len(found) == 1
        return found[0]

    def credentials(self) -> list[str]:
        return re.findall(r"^Demo .*: (.+)$", self.said(), flags=re.MULTILINE)[-2:]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[[], Run]]:
    """Starts runs that share one home; whatever happens, none of them outlives the test."""
    runs: list[Run] = []
    port = free_port()

    def begin() -> Run:
        runs.append(Run(folder / "a home", port))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.stop()
    EmbeddedServer(folder / "a home").stop("immediate")


def test_runs_recovers_stops_is_killed_and_finds_everything_as_it_was(start: Callable[[], Run], folder: Path) -> None:
    server = EmbeddedServer(folder / "a home")
    first = start().ready()
    assert first.healthy()
    login, key = first.credentials()

    second = start()
    assert second.process.wait(PATIENCE) == 1
    assert f"Dvorik runs already with {folder / 'a home'} (process {first.process.pid}," in second.said()
    assert first.healthy()

    beside = [sys.executable, "manage.py", "migrate", "--check"]
    subprocess.run(beside, cwd=ROOT, env=environment(first.home), check=True, timeout=PATIENCE)

    # A command speaks to the same made-up services.
    where = "from django.conf import settings; print(settings.YOOKASSA_API_BASE)"
    asked = [sys.executable, "manage.py", "shell", "--no-imports", "--command", where]
    assert (
        f"http://127.0.0.1:{first.port + 100}/yookassa/v3"
        in subprocess.run(
            asked, cwd=ROOT, env=environment(first.home), check=True, timeout=PATIENCE, capture_output=True, text=True
        ).stdout
    )

    # Whoever dies is started again.
    first.child("gunicorn").kill()
    eventually(lambda: "The web server died (signal SIGKILL) and was started again" in first.said())
    eventually(first.healthy)
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: "PostgreSQL runs again." in first.said())
    eventually(first.healthy)

    # A worker that hangs does not keep the others from stopping.
    family = first.family()
    assert len(family) >= 5
    first.child("celery").suspend()
    assert first.stop(signal.SIGINT) == 0
    assert "The worker did not stop within 12 s and was killed." in first.said()
    eventually(lambda: not alive(family))
    assert not server.status().running

    # What somebody else started is left alone, and everything is as it was.
    server.start()
    again = start().ready()
    assert again.credentials() == [login, key]
    assert "Collecting" not in again.said()
    assert again.stop() == 0
    assert not (again.home / "made-up.env").exists()
    assert server.status().ready
    server.stop()

    # A supervisor that is killed leaves no orphans, and its database to the next.
    killed = start().ready()
    family = killed.family()
    killed.stop(signal.SIGKILL)
    eventually(lambda: not alive(family))
    assert server.status().running, "nothing but the supervisor knew that it was to stop it"
    last = start().ready()
    last.stop()
    assert not server.status().running


def test_says_which_port_is_taken(start: Callable[[], Run], folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = Run(folder / "home", port)
        assert run.process.wait(PATIENCE) == 1
        assert f"Port {port} cannot be used (Address already in use). Give another: make run PORT=" in run.said()


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1", "८०००"])
def test_refuses_what_is_no_port(folder: Path, port: str) -> None:
    command = [sys.executable, "-m", "scripts.run"]
    variables = environment(folder / "home") | {"PORT": port}
    refused = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"PORT is {port!r}; it must be a number from 1 to 65535\n"
    assert not (folder / "home").exists()
