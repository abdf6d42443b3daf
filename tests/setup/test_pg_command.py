"""``manage.py pg`` as an operator types it."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.postgres import EmbeddedServer
from core.tests import interpreters

from .conftest import ROOT, environment

pytestmark = pytest.mark.setup


def typed(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """With pipes, as a script types it: the command is over once they are closed, also by what it has started."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(home), capture_output=True, text=True, check=False)


def manage(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return interpreters.run(["manage.py", *arguments], environment=environment(home))


def test_looks_after_the_server_from_the_shell(server: EmbeddedServer) -> None:
    home = server.home
    never = typed(home, "pg", "status")
    assert (never.returncode, never.stderr) == (
        3,
        "CommandError: No server was made yet: run `python manage.py pg start`\n",
    )
    assert typed(home, "pg", "start").stdout == "PostgreSQL runs.\n"
    assert manage(home, "pg", "start").stdout == "PostgreSQL runs already.\n"
    assert "and answers.\n" in manage(home, "pg", "status").stdout
    who = typed(home, "pg", "psql", "--", "-Atc", "SELECT current_user || ' of ' || current_database()")
    assert who.stdout == "dvorik_app of dvorik\n"
    assert manage(home, "pg", "psql", "--owner", "--", "-Atc", "SELECT current_user").stdout == "dvorik\n"
    assert manage(home, "pg", "psql", "--superuser", "--", "-Atc", "SELECT current_user").stdout == "postgres\n"
    assert manage(home, "pg", "psql", "--", "-c", "SELECT wrong").returncode == 1
    dump = home / "a dump"
    assert manage(home, "pg", "dump", str(dump)).stdout == f"{dump} was written and read back to its end.\n"
    assert manage(home, "pg", "restore", str(dump)).stdout == f"{dump} is the database now.\n"
    dump.write_bytes(b"")
    refused = manage(home, "pg", "restore", str(dump))
    assert (refused.returncode, refused.stderr) == (1, f"CommandError: {dump} is empty; nothing was changed\n")
    assert manage(home, "pg", "stop").stdout == "PostgreSQL is stopped.\n"
    assert manage(home, "pg", "stop").stdout == "PostgreSQL was not running.\n"


def test_a_command_that_misses_the_server_says_how_to_start_it(folder: Path) -> None:
    missed = manage(folder / "home", "showmigrations")
    assert missed.returncode == 1
    assert missed.stderr.endswith("The embedded PostgreSQL is not running. Start it: python manage.py pg start\n")
    assert "Traceback" not in missed.stderr
