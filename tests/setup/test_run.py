"""``make run``, from the first start to the last process gone."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.postgres import EmbeddedServer
from core.tests import interpreters
from scripts.temporary_server import fastest_place

from .conftest import ROOT, environment, open_folder
from .first_session import Reader
from .newcomer import buy_with_a_few_clicks
from .runs import PATIENCE, Run, alive, eventually, free_port

pytestmark = [pytest.mark.setup, pytest.mark.timeout(900)]


class Home:
    """An installation, which one run after another finds as the last one left it."""

    def __init__(self, path: Path) -> None:
        self.path, self._port = path, free_port()
        self._runs: list[Run] = []

    @property
    def server(self) -> EmbeddedServer:
        return EmbeddedServer(self.path)

    def start(self) -> Run:
        self._runs.append(Run(self.path, self._port))
        return self._runs[-1]

    def clear(self) -> None:
        """Whatever has happened, nothing outlives the tests."""
        for run in self._runs:
            if run.process.poll() is None:
                run.stop()
        self.server.stop("immediate")


@pytest.fixture
def home() -> Iterator[Home]:
    with open_folder(fastest_place()) as folder:
        made = Home(folder / "a home")
        yield made
        made.clear()


def test_serves_recovers_is_killed_stops_and_finds_everything_as_it_was(home: Home, tmp_path: Path) -> None:
    """One test: tests that share a run could be taken apart by the processes that share the suite, or out of order."""
    first = home.start().ready()
    has_shell = shutil.which("curl") and shutil.which("bash")
    if has_shell:
        Reader(first, tmp_path).works_through_it()
    buy_with_a_few_clicks(first)
    _a_second_run_says_that_there_is_a_first(first, home)
    _commands_work_beside_it_and_speak_to_the_same_made_up_services(first)
    _whoever_dies_is_started_again(first, home)
    _is_killed_and_stopped_and_finds_everything_as_it_was(first, home)
    if not has_shell:
        pytest.skip("all but the README's session, which needs curl and bash")


def _a_second_run_says_that_there_is_a_first(first: Run, home: Home) -> None:
    second = home.start()
    assert second.process.wait(PATIENCE) == 1
    assert f"Dvorik runs already with {home.path} (process {first.process.pid}," in second.said()
    assert first.healthy()


def _commands_work_beside_it_and_speak_to_the_same_made_up_services(first: Run) -> None:
    where = "from django.conf import settings; print(settings.YOOKASSA_API_BASE)"
    for command, said in (
        (["migrate", "--check"], ""),
        (["shell", "--no-imports", "--command", where], f"http://127.0.0.1:{first.port + 100}/yookassa/v3"),
    ):
        done = interpreters.run(["manage.py", *command], environment=environment(first.home))
        assert done.returncode == 0, done.stderr
        assert said in done.stdout


def _whoever_dies_is_started_again(first: Run, home: Home) -> None:
    first.child("gunicorn").kill()
    eventually(lambda: "The web server died (signal SIGKILL) and was started again" in first.said())
    eventually(first.healthy)
    pid = home.server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: "PostgreSQL runs again." in first.said())
    eventually(first.healthy)


def _is_killed_and_stopped_and_finds_everything_as_it_was(first: Run, home: Home) -> None:
    # A supervisor that is killed leaves no orphans, and its database to the next.
    family = first.family()
    assert len(family) >= 5
    first.stop(signal.SIGKILL)
    eventually(lambda: not alive(family))
    assert home.server.status().running, "nothing but the supervisor knew that it was to stop it"
    last = home.start().ready()
    assert last.credentials() == first.credentials()
    assert "Collecting" not in last.said()

    # A worker that hangs does not keep the others from stopping.
    family = last.family()
    assert len(family) >= 5
    last.child("celery").suspend()
    assert last.stop(signal.SIGINT) == 0
    assert "The worker did not stop within 12 s and was killed." in last.said()
    eventually(lambda: not alive(family))
    assert not home.server.status().running
    assert not (home.path / "made-up.env").exists()

    # What somebody else started is left alone, and everything is as it was.
    home.server.start()
    again = home.start().ready()
    assert again.credentials() == first.credentials()
    assert again.stop() == 0
    assert not (home.path / "made-up.env").exists()
    assert home.server.status().ready
    home.server.stop()

    # What a run started itself is stopped with it, and be it that it stops before everything ran.
    brief = home.start()
    eventually(lambda: "PostgreSQL runs." in brief.said())
    assert brief.stop() == int("Stopped before everything ran." in brief.said())
    assert not home.server.status().running


def test_says_which_port_is_taken(folder: Path) -> None:
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


def test_prepares_with_several_commands_and_says_which_failed(folder: Path) -> None:
    commands = [("One.", ["diffsettings"]), ("Two.", ["pg", "status"]), ("Three.", ["diffsettings"])]
    asked = ["-m", "scripts.prepare", json.dumps(commands)]
    prepared = interpreters.run(asked, environment=environment(folder / "home"))
    assert prepared.returncode == 2
    assert "No server was made yet" in prepared.stderr
    assert [line for line in prepared.stdout.splitlines() if line in {"One.", "Two.", "Three."}] == ["One.", "Two."]
