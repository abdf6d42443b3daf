"""
``make run``: PostgreSQL, web server and worker together, until Ctrl-C or SIGTERM.

It stops what it started and nothing else. Everything it keeps lies in ``DVORIK_HOME`` (``var/`` by default).
"""

import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from core.postgres import EmbeddedServer, ServerError
from scripts.children import Child, ChildKeepsDyingError
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
        except (ServerError, ChildKeepsDyingError) as error:
            raise CannotRunError(str(error)) from error
        finally:
            self._stop()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _take_lock(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        lock = (self.home / "run.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip()
            lock.close()
            raise CannotRunError(
                f"Dvorik runs already with {self.home} ({who}). Stop that one with Ctrl-C, "
                "or give this one data of its own: make run DVORIK_HOME=/another/folder PORT=8001"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {self.address}")
        lock.flush()
        self._lock = lock

    def _check_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                raise CannotRunError(
                    f"Port {self.port} cannot be used ({error.strerror}). "
                    f"Give another: make run PORT={self.port % 65535 + 1}"
                ) from error

    def _prepare(self) -> None:
        if is_elsewhere():
            say("Using the database of DATABASE_URL or POSTGRES_HOST.")
        else:
            self._start_database()
        self._manage("migrate", "--noinput", "--verbosity=0", says="Migrating")
        self._collect_static()
        self._manage("load_demo", "--once", says=None)

    def _start_database(self) -> None:
        if not self.server.status().initialised:
            say("Making a PostgreSQL of our own.")
        # The mark comes first: a run that is killed between the two leaves nothing that nobody stops.
        was_running = self.server.status().running
        if not was_running:
            self.adopted_mark.touch()
        self.server.start()
        say(f"PostgreSQL {'runs already' if was_running else 'runs'}.")

    def _collect_static(self) -> None:
        stamp = self.home / "static" / ".collected"
        # What was collected before may lie beside the code, too.
        digest = digest_of_static_files(ROOT, made={self.home, ROOT / "var"})
        if stamp.exists() and stamp.read_text("ascii") == digest:
            return
        self._manage("collectstatic", "--noinput", "--verbosity=0", says="Collecting the static files")
        stamp.write_text(digest, "ascii")

    def _manage(self, *arguments: str, says: str | None) -> None:
        if self.stopping:
            raise CannotRunError("Stopped before everything ran.")
        if says:
            say(f"{says}.")
        command = [sys.executable, "manage.py", *arguments]
        # A group of its own: Ctrl-C stops us after it is done, and never in the middle of a migration.
        result = subprocess.run(command, cwd=ROOT, env=self._environment(), start_new_session=True, check=False)
        if result.returncode != 0:
            raise CannotRunError(f"`manage.py {arguments[0]}` failed; see above.")

    def _start_children(self) -> None:
        logs = self.home / "log"
        logs.mkdir(exist_ok=True)
        python = [sys.executable, "-m"]
        web = [*python, "gunicorn", "--config=python:config.gunicorn"]
        worker = [*python, "celery", "--app=config", "worker", "--beat", "--loglevel=INFO", "--without-mingle"]
        self.children = [
            Child("web server", web, self._environment(), logs / "web.log"),
            Child("worker", [*worker, "--concurrency=2"], self._environment(), logs / "worker.log"),
        ]
        for child in self.children:
            child.start()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "DVORIK_HOME": str(self.home), "PORT": str(self.port), "PYTHONPATH": str(ROOT)}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.stopping:
            self._keep_alive()
            if self._answers():
                say(f"\nDvorik runs on {self.address}  (Admin: {self.address}/admin/, API: {self.address}/api/docs)")
                say(f"Its logs are in {self.home / 'log'}. Ctrl-C stops it.\n")
                return
            if time.monotonic() > deadline:
                logs = "\n".join(child.tail() for child in self.children)
                raise CannotRunError(f"The web server does not answer after {READY_SECONDS:.0f} s:\n{logs}")
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
            say("PostgreSQL died; starting it again.")
            self.server.start()
            say("PostgreSQL runs again.")
        elif not status.running and not self._database_down:
            say("PostgreSQL was stopped. Everything waits for `manage.py pg start`.")
        self._database_down = not status.running

    def _stop(self) -> None:
        if self.children:
            say("Stopping.")
        # From here on a second Ctrl-C changes nothing: stopping takes a bounded time.
        for child in self.children:
            child.ask_to_stop()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children:
            if not child.stopped(deadline):
                say(f"The {child.name} did not stop within {GRACE_SECONDS:.0f} s and was killed.")
        if self.adopted_mark.exists():
            try:
                self.server.stop("fast")
            except ServerError:
                self.server.stop("immediate")
            self.adopted_mark.unlink()
        if self.children:
            say("Stopped.")


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
        raise CannotRunError(f"PORT is {text!r}; it must be a number from 1 to 65535")
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
