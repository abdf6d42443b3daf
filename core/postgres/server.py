"""The embedded server as a whole: made once, started, stopped, asked, dumped and restored."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from core.postgres import backups, binaries, cluster, identity, postmaster
from core.postgres.binaries import Binaries
from core.postgres.errors import ServerError
from core.postgres.errors import marked as _
from core.postgres.identity import Identity
from core.postgres.layout import SYSTEM_HOME, Layout, State

START_SECONDS = 300
STOP_SECONDS = 60
# How long the orphans of a killed server may take to notice and to let the shared memory go.
CRASH_SECONDS = 15.0
STILL_HELD = ("shared memory block", "lock file", "could not bind", "another postmaster")
# The role that owns the database of the same name, and the one that works in it.
OWNER, APPLICATION = "dvorik", "dvorik_app"
PORT = 5432  # names the socket; nothing listens on the network unless asked to


@dataclass(frozen=True)
class Status:
    """What is known of the server at this moment."""

    initialised: bool
    pid: int | None
    ready: bool
    data: Path | None
    log: Path | None

    @property
    def running(self) -> bool:
        """Whether a server process is there at all."""
        return self.pid is not None

    @property
    def crashed(self) -> bool:
        """Whether the server went without saying goodbye: one that is stopped removes its pid file."""
        return self.data is not None and not self.running and (self.data / "postmaster.pid").exists()


@dataclass(frozen=True)
class EmbeddedServer:
    """
    A PostgreSQL of the installation whose files lie in ``home``.

    :param home: the installation's folder, ``DVORIK_HOME``
    :param options: server settings over the usual ones, such as ``{"fsync": "off"}`` for tests;
        with ``listen_addresses`` the server also listens on TCP
    :param system_home: where its data lies when the server's user cannot enter ``home``
    """

    home: Path
    options: Mapping[str, str] = field(default_factory=dict)
    system_home: Path = SYSTEM_HOME

    @property
    def layout(self) -> Layout:
        """Where its files are."""
        return Layout(self.home.absolute(), self.system_home)

    def ensure_initialised(self) -> bool:
        """
        Make the cluster unless it is there.

        :returns: whether it was made now
        :raises ServerError: it could not be made
        """
        with self.layout.locked():
            return self._ensure_initialised()

    def start(self) -> bool:
        """
        Start the server, making it first if needed, and wait until it answers.

        :returns: whether it was started now; ``False`` if it ran already
        :raises ServerError: it did not start; the message holds the end of its log
        """
        with self.layout.locked():
            self._ensure_initialised()
            state = self._state()
            started = postmaster.alive(state.data) is None
            if started:
                state = self._start(state)
            if not state.application_user:
                # An older release made it, with one role for everything.
                state = self._with_application(state)
                self.layout.write(state)
            cluster.provide_application(state, superuser_password=self.layout.read_superuser_secret())
            return started

    def stop(self, mode: str = "fast") -> bool:
        """
        Stop the server and wait until it is gone.

        :param mode: ``smart`` waits for clients, ``fast`` disconnects them, ``immediate`` is a crash
        :returns: whether there was one to stop
        :raises ServerError: it does not stop
        """
        if self.layout.read() is None:
            return False
        with self.layout.locked():
            state = self._state()
            if postmaster.alive(state.data) is None:
                return False
            self._stop(state.data, mode)
            return True

    def status(self, *, ask: bool = True) -> Status:
        """
        Whether the server is made, runs, and answers. Changes nothing.

        :param ask: also connect to it; without, ``ready`` is not known and says ``False``
        """
        state = self.layout.read()
        if state is None or not state.data.exists():
            return Status(initialised=False, pid=None, ready=False, data=None, log=None)
        pid = postmaster.alive(state.data)
        ready = ask and pid is not None and self._answers()
        return Status(initialised=True, pid=pid, ready=ready, data=state.data, log=state.log)

    def connection(self, *, owner: bool = False, superuser: bool = False) -> dict[str, str]:
        """
        The keywords that psycopg connects with, as the application's role, as the owner of its tables or as the
        superuser.

        :raises ServerError: no server was made yet
        """
        state = self._state()
        if superuser:
            user, password = cluster.SUPERUSER, self.layout.read_superuser_secret()
        elif owner or not state.application_user:
            user, password = state.user, state.password
        else:
            user, password = state.application_user, state.application_password
        return {
            "host": state.socket_directory,
            "port": str(state.port),
            "user": user,
            "password": password,
            "dbname": state.database,
        }

    def django_settings(self) -> dict[str, str]:
        """What Django's ``DATABASES`` needs; before the server is made, an address where nobody answers."""
        if self.layout.read() is None:
            nowhere = str(self.layout.folder / "run")
            return {"HOST": nowhere, "PORT": str(PORT), "USER": APPLICATION, "PASSWORD": "", "NAME": OWNER}
        names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
        return {names[keyword]: value for keyword, value in self.connection().items()}

    def owner_settings(self) -> dict[str, str]:
        """What is another in Django's ``DATABASES`` when migrations connect."""
        if self.layout.read() is None:
            return {"USER": OWNER, "PASSWORD": ""}
        owner = self.connection(owner=True)
        return {"USER": owner["user"], "PASSWORD": owner["password"]}

    def environment(self) -> dict[str, str]:
        """The ``POSTGRES_*`` variables that point another process at this server."""
        names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DB"}
        owner = {f"OWNER_{part}": value for part, value in self.owner_settings().items()}
        parts = {names[keyword]: value for keyword, value in self.connection().items()}
        return {f"POSTGRES_{part}": value for part, value in {**parts, **owner}.items()}

    def psql(self, arguments: Sequence[str] = (), *, owner: bool = False, superuser: bool = False) -> int:
        """Run psql on this terminal, as the application's role unless another is asked for; its exit code."""
        connection = self.connection(owner=owner, superuser=superuser)
        environment = backups.client_environment(connection, keep_terminal=True)
        command = [str(self._binaries().program("psql")), *arguments]
        return subprocess.run(command, env=environment, check=False).returncode

    def dump(self, path: Path) -> None:
        """
        Write the whole database to ``path`` (pg_dump's custom format), and read it back to the end.

        :raises ServerError: the server is not running, or the dump failed; no file is left behind
        """
        self._require_running()
        backups.dump(self._binaries(), self.connection(owner=True), path)

    def restore(self, path: Path, *, replace: bool = False) -> str | None:
        """
        Put the database of a dump in the place of the present one, which is kept under another name.

        :param replace: required when the present database holds tables
        :returns: the name under which the former database is kept, or ``None`` if it was empty
        :raises DumpRefused: the dump cannot be read to its end; nothing was changed
        :raises ServerError: the server is not running, or the restore failed; the database is as it was
        """
        self._require_running()
        moment = datetime.now(UTC).strftime("%Y%m%d_%H%M%S_%f")
        with self.layout.locked():
            return backups.restore(
                self._binaries(),
                self.connection(owner=True),
                self.connection(superuser=True),
                path,
                replace=replace,
                former_name=f"{self._state().database}_before_{moment}",
            )

    def _state(self) -> State:
        state = self.layout.read()
        if state is None:
            raise ServerError(_("The embedded PostgreSQL was never started here: run `python manage.py pg start`"))
        return state

    def _require_running(self) -> None:
        if not self.status().ready:
            raise ServerError(_("The embedded PostgreSQL is not running: run `python manage.py pg start`"))

    def _ensure_initialised(self) -> bool:
        state = self.layout.read()
        if state is not None and state.data.exists():
            cluster.check_version(state.data)
            return False
        owner = identity.for_new_cluster()
        root = self.layout.choose_root(owner)
        data = root / "data"
        if data.exists():
            # The home was deleted and with it the passwords; the data lay elsewhere and is kept aside.
            if postmaster.alive(data) is not None:
                self._stop(data, "fast")
            data.rename(data.with_name(f"data.abandoned-{time.time_ns()}"))
        secret = cluster.new_password()
        log = root / "log"
        log.mkdir(exist_ok=True)
        owner.take(log, mode=0o700)
        programs = self._binaries_for(owner, root)
        durable = self.options.get("fsync") != "off"
        cluster.create(data, binaries=programs, identity=owner, superuser_password=secret, durable=durable)
        self.layout.write_superuser_secret(secret)
        socket = self.layout.socket_folder(root, owner)
        self.layout.write(
            self._with_application(
                State(
                    root=str(root),
                    socket_directory=str(socket),
                    port=PORT,
                    user=OWNER,
                    password=cluster.new_password(),
                    database=OWNER,
                )
            )
        )
        return True

    @staticmethod
    def _with_application(state: State) -> State:
        return replace(state, application_user=APPLICATION, application_password=cluster.new_password())

    def _start(self, state: State) -> State:
        owner = identity.for_existing(state.data)
        state = self._with_socket_folder(state, owner)
        cluster.configure(state, identity=owner, options=self.options)
        deadline = time.monotonic() + CRASH_SECONDS
        while refusal := self._try_to_start(state, owner):
            if not any(sign in str(refusal) for sign in STILL_HELD) or time.monotonic() > deadline:
                raise refusal
            time.sleep(0.3)
        return state

    def _try_to_start(self, state: State, owner: Identity) -> ServerError | None:
        """One attempt; why it failed."""
        socket = Path(state.socket_directory)
        if holder := postmaster.socket_holder(socket):
            return ServerError(
                _("Process %(pid)s still holds %(socket)s (lock file), though it does not run on %(data)s."),
                pid=holder,
                socket=socket,
                data=state.data,
            )
        postmaster.remove_traces(state.data, socket)
        start_log = state.log / "start.log"
        start_log.unlink(missing_ok=True)
        command = [
            *self._pg_ctl(owner, state.data),
            *("start", "--wait", f"--timeout={START_SECONDS}", "--silent", f"--log={start_log}"),
        ]
        result = owner.run(command, environment=cluster.ENVIRONMENT, timeout=START_SECONDS + 30)
        if result.returncode == 0:
            return None
        said = f"{result.stdout.strip()}\n{_tail(start_log)}{_tail(_newest(state.log))}".rstrip()
        return ServerError(_("PostgreSQL did not start.\n%(said)s"), said=said)

    def _with_socket_folder(self, state: State, owner: Identity) -> State:
        """Folders for sockets are swept away at boot, and another home's path may be of another length."""
        socket = self.layout.socket_folder(Path(state.root), owner)
        present = replace(state, socket_directory=str(socket))
        self.layout.write(present)
        return present

    def _stop(self, data: Path, mode: str) -> None:
        owner = identity.for_existing(data)
        command = [
            *self._pg_ctl(owner, data),
            "stop",
            "--wait",
            f"--timeout={STOP_SECONDS}",
            f"--mode={mode}",
        ]
        result = owner.run(command, environment=cluster.ENVIRONMENT, timeout=STOP_SECONDS + 30)
        if result.returncode != 0 and postmaster.alive(data) is not None:
            raise ServerError(
                _("PostgreSQL does not stop (%(mode)s).\n%(said)s"), mode=mode, said=result.stdout.strip()
            )

    def _pg_ctl(self, owner: Identity, data: Path) -> list[Path | str]:
        return [self._binaries_for(owner, data.parent).program("pg_ctl"), f"--pgdata={data}"]

    def _binaries(self) -> Binaries:
        """For the client programs, which run as this process's own user."""
        return binaries.find()

    def _binaries_for(self, owner: Identity, root: Path) -> Binaries:
        found = binaries.find()
        if owner.can_enter(found.program("postgres").parent):
            return found
        return binaries.copy(found, root)

    def _answers(self) -> bool:
        try:
            psycopg.connect(make_conninfo(**self.connection(owner=True), connect_timeout=3)).close()
        except psycopg.OperationalError:
            return False
        return True


def _newest(log: Path) -> Path | None:
    files = sorted(log.glob("postgresql-*.log"), key=lambda path: path.stat().st_mtime)
    return files[-1] if files else None


def _tail(path: Path | None, lines: int = 20) -> str:
    if path is None:
        return ""
    try:
        return "\n".join(path.read_text("utf-8", errors="replace").splitlines()[-lines:]) + "\n"
    except OSError:
        return ""
