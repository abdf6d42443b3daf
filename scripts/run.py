"""
``make run``: PostgreSQL, web server and worker together, until Ctrl-C or SIGTERM.

It stops what it started and nothing else. Everything it keeps lies in ``DVORIK_HOME`` (``var/`` by default).
"""

import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import IO

from core.postgres import EmbeddedServer, ServerError
from core.terminal import gettext as _
from scripts.children import Child, ChildKeepsDyingError
from scripts.fakes.variables import FILE as MADE_UP
from scripts.fakes.variables import variables
from scripts.temporary_server import is_elsewhere

ROOT = Path(__file__).resolve().parent.parent
GRACE_SECONDS = 12.0
READY_SECONDS = 60.0


class CannotRunError(Exception):
    """Why ``make run`` does not start or does not go on."""


@dataclass
class Supervisor:
    """One run of everything."""

    home: Path
    port: int
    children: list[Child] = field(default_factory=list)
    stopping: bool = False
    _lock: IO[str] | None = None
    _database_down: bool = False
    _preparation: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def server(self) -> EmbeddedServer:
        """The installation's own PostgreSQL."""
        return EmbeddedServer(self.home)

    @property
    def adopted_mark(self) -> Path:
        """Lies there while PostgreSQL is ours to stop, also after a run that was killed."""
        return self.home / "run.postgres"

    def run(self) -> None:
        """
        Start everything, keep it alive until asked to stop, stop everything.

        :raises CannotRunError: something does not start or keeps dying; all is stopped by then
        """
        self._take_lock()
        self._check_port()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self._prepare()
            self._start_children()
            self._wait_until_ready()
            self._watch()
        except ServerError as error:
            raise CannotRunError(error.said(_)) from error
        except ChildKeepsDyingError as error:
            raise CannotRunError(str(error)) from error
        finally:
            self._stop()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True
        if self._preparation is not None:
            self._preparation.terminate()

    def _take_lock(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        lock = (self.home / "run.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip()
            lock.close()
            said = _(
                "Dvorik runs already with %(home)s (%(who)s). Stop that one with Ctrl-C, "
                "or give this one data of its own: make run DVORIK_HOME=/another/folder PORT=8001"
            )
            raise CannotRunError(said % {"home": self.home, "who": who}) from None
        lock.truncate(0)
        lock.write(_("process %(pid)d, %(address)s") % {"pid": os.getpid(), "address": self.address})
        lock.flush()
        self._lock = lock

    @cached_property
    def fakes_port(self) -> int:
        """Where the made-up services answer: a hundred above our own port, or any that is free."""
        preferred = self.port + 100
        for port in (preferred if preferred < 65536 else 0, 0):
            with socket.socket() as probe, suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                found: int = probe.getsockname()[1]
                return found
        raise CannotRunError(_("There is no free port."))

    def _check_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                said = _("Port %(port)d cannot be used (%(why)s). Give another: make run PORT=%(another)d")
                facts = {"port": self.port, "why": error.strerror, "another": self.port % 65535 + 1}
                raise CannotRunError(said % facts) from error

    def _prepare(self) -> None:
        if is_elsewhere():
            say(_("Using the database of DATABASE_URL or POSTGRES_HOST."))
        else:
            self._start_database()
        digest = self._digest_of_uncollected_files()
        collect = ("collectstatic", "--noinput", "--verbosity=0")
        self._manage(
            (_("Migrating."), ("migrate", "--noinput", "--verbosity=0")),
            *([(_("Collecting the static files."), collect)] if digest else []),
            ("", ("load_demo", "--once")),
        )
        if digest:
            self._stamp.write_text(digest, "ascii")

    def _start_database(self) -> None:
        if not self.server.status().initialised:
            say(_("Making a PostgreSQL of our own."))
        # The mark comes first: a run that is killed between the two leaves nothing that nobody stops.
        was_running = self.server.status().running
        if not was_running:
            self.adopted_mark.touch()
        self.server.start()
        say(_("PostgreSQL runs already.") if was_running else _("PostgreSQL runs."))

    @property
    def _stamp(self) -> Path:
        """Says which static files were collected."""
        return self.home / "static" / ".collected"

    def _digest_of_uncollected_files(self) -> str | None:
        # What was collected before may lie beside the code, too.
        digest = digest_of_static_files(ROOT, made={self.home, ROOT / "var"})
        return None if self._stamp.exists() and self._stamp.read_text("ascii") == digest else digest

    def _manage(self, *commands: tuple[str, Sequence[str]]) -> None:
        """Run commands of ``manage.py``, each with what is said before it."""
        program = [sys.executable, "-m", "scripts.prepare", json.dumps(commands)]
        # A group of its own: Ctrl-C stops us after a command is done, and never in the middle of a migration.
        self._preparation = subprocess.Popen(program, cwd=ROOT, env=self._environment(), start_new_session=True)
        if self.stopping:
            self._preparation.terminate()
        code = self._preparation.wait()
        if self.stopping and code != 0:
            raise CannotRunError(_("Stopped before everything ran."))
        if code != 0:
            failed = commands[code - 1][1][0] if 0 < code <= len(commands) else commands[0][1][0]
            raise CannotRunError(_("`manage.py %(command)s` failed; see above.") % {"command": failed})

    def _start_children(self) -> None:
        logs = self.home / "log"
        logs.mkdir(exist_ok=True)
        python = [sys.executable, "-m"]
        web = [*python, "gunicorn", "--config=python:config.gunicorn"]
        worker = [*python, "celery", "--app=config", "worker", "--beat", "--loglevel=INFO", "--without-mingle"]
        self.children = [
            Child(_("The web server"), web, self._environment(), logs / "web.log"),
            Child(_("The worker"), [*worker, "--concurrency=2"], self._environment(), logs / "worker.log"),
        ]
        if self._made_up():
            command = [*python, "scripts.fakes", f"--port={self.fakes_port}", f"--house={self.address}"]
            fakes = Child(_("The server of made-up payments"), command, self._environment(), logs / "fakes.log")
            self.children.append(fakes)
        # For commands beside us.
        (self.home / MADE_UP).write_text(
            "".join(f"{name}={value}\n" for name, value in self._made_up().items()), "utf-8"
        )
        for child in self.children:
            child.start()

    def _environment(self) -> dict[str, str]:
        own = {"DVORIK_HOME": str(self.home), "PORT": str(self.port), "PYTHONPATH": str(ROOT)}
        return {**os.environ, **self._made_up(), **own}

    def _made_up(self) -> dict[str, str]:
        """Settings by which payments go through made-up services, where no real ones are set up."""
        return variables(f"http://127.0.0.1:{self.fakes_port}", os.environ)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.stopping:
            self._keep_alive()
            if self._answers():
                where = _("Dvorik runs on %(address)s  (Admin: %(address)s/admin/, API: %(address)s/api/docs)")
                say("\n" + where % {"address": self.address})
                say(_("Its logs are in %(folder)s. Ctrl-C stops it.") % {"folder": self.home / "log"} + "\n")
                return
            if time.monotonic() > deadline:
                logs = "\n".join(child.tail() for child in self.children)
                said = _("The web server does not answer after %(seconds)d s:\n%(logs)s")
                raise CannotRunError(said % {"seconds": READY_SECONDS, "logs": logs})
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5):  # noqa: S310 (our own loopback address)
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _watch(self) -> None:
        while not self.stopping:
            self._keep_alive()
            time.sleep(0.2)

    def _keep_alive(self) -> None:
        if not is_elsewhere():
            self._keep_database()
        for child in self.children:
            if event := child.keep_alive():
                say(event)

    def _keep_database(self) -> None:
        status = self.server.status(ask=False)
        if status.crashed:
            say(_("PostgreSQL died; starting it again."))
            self.server.start()
            say(_("PostgreSQL runs again."))
        elif not status.running and not self._database_down:
            say(_("PostgreSQL was stopped. Everything waits for `manage.py pg start`."))
        self._database_down = not status.running

    def _stop(self) -> None:
        if self.children:
            say(_("Stopping."))
        # From here on a second Ctrl-C changes nothing: stopping takes a bounded time.
        for child in self.children:
            child.ask_to_stop()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children:
            if not child.stopped(deadline):
                said = _("%(name)s did not stop within %(seconds)d s and was killed.")
                say(said % {"name": child.name, "seconds": GRACE_SECONDS})
        (self.home / MADE_UP).unlink(missing_ok=True)
        if self.adopted_mark.exists():
            try:
                self.server.stop("fast")
            except ServerError:
                self.server.stop("immediate")
            self.adopted_mark.unlink()
        if self.children:
            say(_("Stopped."))


def digest_of_static_files(root: Path, *, made: set[Path]) -> str:
    """
    Changes when a static file of an app does, or a package that brings some.

    :param made: folders whose files are results, not sources
    """
    digest = hashlib.sha256((root / "requirements.txt").read_bytes())
    for path in sorted(root.glob("*/static/**/*")):
        if path.is_file() and made.isdisjoint(path.parents):
            digest.update(f"{path.relative_to(root)} {path.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def say(text: str) -> None:
    """Print at once, whatever the output is."""
    print(text, flush=True)


def port_from(text: str) -> int:
    """
    The port that ``PORT`` names.

    :raises CannotRunError: it is no port
    """
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotRunError(_("PORT is %(port)r; it must be a number from 1 to 65535") % {"port": text})
    return int(text)


def main() -> int:
    try:
        home = Path(os.environ.get("DVORIK_HOME") or ROOT / "var").expanduser().resolve()
        Supervisor(home=home, port=port_from(os.environ.get("PORT") or "8000")).run()
    except CannotRunError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
