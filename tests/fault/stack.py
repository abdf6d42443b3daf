"""Everything that serves charges, with processes and data of its own, so that it may be killed piece by piece."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
import psycopg
import requests
from psycopg.conninfo import make_conninfo

from core.postgres import EmbeddedServer
from core.tests import interpreters

ROOT: Final = interpreters.ROOT
# What would point the stack at somebody else's server or change what it is.
_FOREIGN: Final = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "DJANGO_SETTINGS_MODULE",
    "BIND",
    "ENV",
    "LOG_LEVEL",
)
_SCOPES: Final = ("users:write", "billing:read", "billing:write", "payments:write", "grants:write")


@dataclass
class Stack:
    """PostgreSQL as production runs it (``fsync`` on), and gunicorn with two workers of four threads."""

    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="dvorik-fault-")))
    port: int = 0
    api_key: str = ""
    _web: interpreters.Process | None = None

    @property
    def server(self) -> EmbeddedServer:
        """PostgreSQL."""
        return EmbeddedServer(self.home)

    @property
    def api(self) -> str:
        """Where the API begins."""
        return f"http://127.0.0.1:{self.port}/api/v1"

    @property
    def environment(self) -> Mapping[str, str]:
        """Of every process of the stack."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in _FOREIGN and not name.startswith(("DATABASE_", "POSTGRES_", "PG", "COV_", "PYTEST_"))
        }
        own = {"DVORIK_HOME": str(self.home), "PORT": str(self.port), "WEB_WORKERS": "2", "WEB_THREADS": "4"}
        return kept | own | {"PYTHONPATH": str(ROOT), "LOG_LEVEL": "WARNING"}

    def start(self) -> None:
        """Make the database, a key that may charge, and the web server; wait until it answers."""
        self.port = _free_port()
        # The server's user, another one when we are root, has to pass through.
        self.home.chmod(0o711)
        self.server.start()
        self.manage("migrate", "--noinput", "--verbosity=0")
        scopes = [f"--scope={scope}" for scope in _SCOPES]
        self.api_key = self.manage("create_api_key", "--name=Crash test", *scopes).strip()
        with (self.home / "web.log").open("ab") as log:
            self._web = interpreters.start(
                ["-m", "gunicorn", "--config=python:config.gunicorn"],
                environment=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_until_healthy()

    def stop(self) -> None:
        """End every process of the stack and remove its files."""
        if self._web is not None:
            processes = [psutil.Process(self._web.pid), *self.workers()] if self._web.poll() is None else []
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._web.wait(timeout=10)
        self.server.stop("immediate")
        shutil.rmtree(self.home)

    def manage(self, *arguments: str) -> str:
        """Run a command of ``manage.py``; what it said."""
        return self._run("manage.py", *arguments)

    def python(self, program: str) -> str:
        """Run lines of Python where Django is set up; what they printed."""
        return self._run("-c", f"import django; django.setup()\n{program}", DJANGO_SETTINGS_MODULE="config.settings")

    def _run(self, *arguments: str, **variables: str) -> str:
        done = interpreters.run(arguments, environment={**self.environment, **variables})
        assert done.returncode == 0, f"{arguments[:2]}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def wait_until_healthy(self, seconds: float = 90) -> None:
        """Wait until the web server and its database answer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                if requests.get(f"http://127.0.0.1:{self.port}/health", timeout=5).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"the stack does not answer:\n{self.log_tail()}")

    def workers(self) -> list[psutil.Process]:
        """Gunicorn's workers that live now."""
        assert self._web is not None
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self._web.pid).children()
        return []

    def backends(self) -> list[psutil.Process]:
        """The PostgreSQL processes that serve the application now; none while the server recovers."""
        postmaster = self.server.status(ask=False).pid
        with suppress(psycopg.OperationalError), self.connect(superuser=True) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename = %s",
                [self.server.connection()["user"]],
            ).fetchall()
            return [process for (pid,) in rows if (process := _child_of(postmaster, int(pid)))]
        return []

    def connect(self, *, superuser: bool = False) -> psycopg.Connection[tuple[int | str, ...]]:
        """A connection of the test's own."""
        keywords = self.server.connection(superuser=superuser)
        return psycopg.connect(make_conninfo(**keywords, connect_timeout=5), autocommit=True)

    def log_tail(self, lines: int = 60) -> str:
        """The end of what the web server wrote."""
        return "\n".join((self.home / "web.log").read_text("utf-8", errors="replace").splitlines()[-lines:])


def kill(process: psutil.Process) -> None:
    """``kill -9``; psutil refuses when the pid belongs to another process by now."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


def _child_of(parent: int | None, pid: int) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return process if process.ppid() == parent else None
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
