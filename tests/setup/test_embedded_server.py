"""The embedded server on a machine where everything is against it (RELIABILITY F12 to F14, M13)."""

import os
import pwd
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from core.postgres import EmbeddedServer, ServerError, binaries, cluster, identity
from core.postgres.layout import Layout

from .conftest import connect, value

pytestmark = pytest.mark.setup


def running_pid(server: EmbeddedServer) -> int:
    pid = server.status().pid
    assert pid is not None
    return pid


def data_of(server: EmbeddedServer) -> Path:
    data = server.status().data
    assert data is not None
    return data


def test_starts_once_and_finds_everything_as_it_was(server: EmbeddedServer) -> None:
    assert not server.status().initialised
    assert server.start()
    with connect(server) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    assert not server.start()
    assert server.stop()
    assert not server.stop()
    assert not server.status().running
    assert not server.status().crashed
    assert server.start()
    assert value(server, "SELECT count(*) FROM kept") == 0


def test_gives_the_application_a_role_that_owns_nothing(running: EmbeddedServer) -> None:
    with psycopg.connect(make_conninfo(**running.connection()), autocommit=True) as connection:
        role = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = current_user"
        )
        assert role.fetchone() == (False, False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE of_the_application (id integer)")


def test_a_server_of_an_older_release_gets_the_role_at_its_next_start(made: EmbeddedServer) -> None:
    made.start()
    state = made.layout.read()
    assert state is not None
    with connect(made, superuser=True, database="postgres") as superuser:
        superuser.execute("DROP ROLE dvorik_app")
    made.layout.write(replace(state, application_user="", application_password=""))
    assert made.connection()["user"] == "dvorik"
    made.start()
    assert made.connection()["user"] == "dvorik_app"
    with psycopg.connect(make_conninfo(**made.connection())) as application:
        assert application.execute("SELECT current_user").fetchone() == ("dvorik_app",)


def test_gives_the_tables_an_owner_that_is_no_superuser(running: EmbeddedServer) -> None:
    with connect(running) as connection:
        role = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert role == (False, True, False, False)
        for forbidden in (
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_read_file('PG_VERSION')",
            "CREATE ROLE other SUPERUSER",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)


def test_wants_a_password_and_keeps_its_secrets_to_itself(running: EmbeddedServer) -> None:
    host = running.connection()["host"]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=host, port=5432, user="postgres", dbname="postgres", password="postgres")
    layout = running.layout
    for secret in (layout.state_file, layout.superuser_secret):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    for closed in (Path(host), data_of(running)):
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert value(running, "SHOW listen_addresses") == ""
    assert value(running, "SHOW fsync") == "off", "the fixture's option"


def test_is_durable_unless_told_otherwise(folder: Path) -> None:
    server = EmbeddedServer(folder / "home")
    try:
        server.start()
        assert (value(server, "SHOW fsync"), value(server, "SHOW synchronous_commit")) == ("on", "on")
    finally:
        server.stop()


def test_folds_cyrillic_letters_under_any_locale(running: EmbeddedServer) -> None:
    assert value(running, "SELECT lower('ЁЖИК В ТУМАНЕ')") == "ёжик в тумане"
    assert value(running, "SHOW server_encoding") == "UTF8"


@pytest.mark.parametrize(
    "name",
    ["with spaces and 'quotes'", "кириллица", "comma,comma", "x" * 120],
    ids=["spaces", "cyrillic", "comma", "long"],
)
def test_lives_under_any_path(folder: Path, name: str) -> None:
    server = EmbeddedServer(folder / name, options={"fsync": "off"})
    try:
        server.start()
        assert value(server, "SELECT 1") == 1
        assert len(os.fsencode(f"{server.connection()['host']}/.s.PGSQL.5432")) <= 107
    finally:
        server.stop("immediate")
        # Where the path does not suit a socket, its folder lies outside the home.
        if (outside := Path(tempfile.gettempdir(), f"dvorik-{server.layout.fingerprint}")).exists():
            shutil.rmtree(outside)


def test_f13_starts_at_once_after_kill_9(made: EmbeddedServer) -> None:
    made.start()
    with connect(made) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        # A backend that is busy outlives its postmaster for a while and holds the shared memory.
        os.kill(running_pid(made), signal.SIGKILL)
        assert not made.status().ready
        assert made.start()
    assert value(made, "SELECT n FROM kept") == 7


def test_knows_a_crash_from_a_stop(made: EmbeddedServer) -> None:
    made.start()
    process = psutil.Process(running_pid(made))
    process.kill()
    psutil.wait_procs([process], timeout=10)
    assert made.status().crashed
    made.start()
    made.stop()
    assert not made.status().crashed


@pytest.fixture
def stranger(made: EmbeddedServer) -> Iterator[int]:
    """A living process of the server's own user that is no server; PostgreSQL only believes in those."""
    owner = data_of(made).stat()
    switched = os.geteuid() == 0
    user, group = (owner.st_uid, owner.st_gid) if switched else (None, None)
    process = subprocess.Popen(["/bin/sleep", "100"], user=user, group=group)
    yield process.pid
    process.kill()
    process.wait()


def leave_traces_of(pid: int, server: EmbeddedServer) -> None:
    server.start()
    host, data = Path(server.connection()["host"]), data_of(server)
    traces = {path: path.read_text() for path in (data / "postmaster.pid", host / ".s.PGSQL.5432.lock")}
    server.stop()
    owner = data.stat()
    for path, text in traces.items():
        path.write_text(text.replace(text.partition("\n")[0], str(pid), 1))
        os.chown(path, owner.st_uid, owner.st_gid)


def test_f14_starts_though_its_pid_file_names_another_living_process(made: EmbeddedServer, stranger: int) -> None:
    leave_traces_of(stranger, made)
    assert not made.status().running
    assert made.start()
    assert value(made, "SELECT 1") == 1


def test_f14_postgres_alone_would_refuse(made: EmbeddedServer, stranger: int) -> None:
    """The negative control: without our look at the process, the stale file stops the start."""
    leave_traces_of(stranger, made)
    data = data_of(made)
    # PostgreSQL puts its options into quotes, and not its own path, which may have spaces.
    program, quoted, options = (data / "postmaster.opts").read_text().partition(' "')
    as_last_time = [program, *shlex.split(quoted + options)]
    refusal = identity.for_existing(data).run(as_last_time, environment=cluster.ENVIRONMENT, timeout=60)
    assert refusal.returncode != 0
    assert 'lock file "postmaster.pid" already exists' in refusal.stdout


def test_two_starts_at_once_make_one_server(server: EmbeddedServer) -> None:
    barrier, answers = threading.Barrier(4), []

    def start() -> None:
        barrier.wait()
        answers.append(EmbeddedServer(server.home, options=server.options).start())

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False, False, False, True]


def test_an_initdb_cut_short_is_not_taken_for_a_cluster(server: EmbeddedServer) -> None:
    server.layout.make_folder()
    unfinished = server.layout.folder / "data.new-half"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    assert server.ensure_initialised()
    assert not unfinished.exists()


def test_refuses_the_data_of_another_major_version(made: EmbeddedServer) -> None:
    version = data_of(made) / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(ServerError, match=r"made by PostgreSQL 17, and this release carries 18.*pg dump"):
        made.start()


def test_shows_the_servers_own_words_when_it_does_not_start(folder: Path) -> None:
    server = EmbeddedServer(folder / "home", options={"shared_buffers": "plenty"})
    with pytest.raises(ServerError, match=r'did not start(.|\n)*"shared_buffers": "plenty"'):
        server.start()


def test_finds_its_data_after_its_home_was_moved(made: EmbeddedServer, folder: Path) -> None:
    made.start()
    with connect(made) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    made.stop()
    made.home.rename(folder / "elsewhere")
    moved = EmbeddedServer(folder / "elsewhere", options={"fsync": "off"})
    try:
        moved.start()
        assert value(moved, "SELECT count(*) FROM kept") == 0
    finally:
        moved.stop("immediate")


def test_does_not_use_a_socket_folder_that_somebody_else_made(folder: Path) -> None:
    layout = Layout(folder / "comma,comma")
    layout.make_folder()
    taken = Path(tempfile.gettempdir(), f"dvorik-{layout.fingerprint}")
    taken.symlink_to(folder)
    try:
        with pytest.raises(ServerError, match="shorter path"):
            layout.socket_folder(layout.folder, identity.for_new_cluster())
    finally:
        taken.unlink()


def test_a_copy_of_the_binaries_works_on_its_own(folder_of_programs: Path) -> None:
    copied = binaries.copy(binaries.find(), folder_of_programs)
    for program in ("postgres", "psql", "pg_dump"):
        said = subprocess.run([copied.program(program), "--version"], capture_output=True, text=True, check=True).stdout
        assert "18." in said
    assert binaries.copy(binaries.find(), folder_of_programs) == copied
    assert sorted(path.name for path in folder_of_programs.iterdir()) == [copied.site.name], "nothing half-made is left"


def start_and_ask_as(uid: int, gid: int, home: Path) -> str:
    """
    What a process of another user gets to see: "started", "runs", or the refusal.

    Forked, not executed: the interpreter itself may lie where that user cannot read it.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "it broke"
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            embedded = EmbeddedServer(home, options={"fsync": "off"})
            said = "started" if embedded.start() and embedded.status().ready else "runs"
            embedded.stop()
        except ServerError as error:
            said = str(error)
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")


@as_root
def test_root_runs_it_as_a_user_of_its_own(running: EmbeddedServer) -> None:
    owner = pwd.getpwuid(psutil.Process(running_pid(running)).uids().effective).pw_name
    assert owner in {identity.OWN_USER, identity.FALLBACK_USER}


@as_root
def test_root_keeps_the_data_elsewhere_when_its_home_is_closed(
    folder_of_programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder_of_programs / "closed"
    closed.mkdir(mode=0o700)
    (folder_of_programs / "open").mkdir(mode=0o755)
    # Programs that the server's user cannot reach are copied to where it can.
    unreachable = binaries.copy(binaries.find(), closed)
    (unreachable.site / binaries.PACKAGE / "__init__.py").touch()
    monkeypatch.syspath_prepend(unreachable.site)
    assert binaries.find() == unreachable
    server = EmbeddedServer(closed / "home", options={"fsync": "off"}, system_home=folder_of_programs / "open")
    try:
        server.start()
        with connect(server) as connection:
            connection.execute("CREATE TABLE kept (n int)")
        assert data_of(server).is_relative_to(folder_of_programs / "open")
        server.stop()
        server.start()
        assert value(server, "SELECT count(*) FROM kept") == 0
    finally:
        server.stop("immediate")


@as_root
def test_an_ordinary_user_runs_it_and_root_may_look_after_it(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    home = folder / "home"
    assert start_and_ask_as(nobody.pw_uid, nobody.pw_gid, home) == "started"
    by_root = EmbeddedServer(home, options={"fsync": "off"})
    assert by_root.start()
    assert psutil.Process(running_pid(by_root)).username() == "nobody"
    by_root.stop()
    assert start_and_ask_as(nobody.pw_uid, nobody.pw_gid, home) == "started", "root's files are not in the way"


@as_root
def test_an_ordinary_user_is_told_whose_server_it_is(made: EmbeddedServer) -> None:
    nobody = pwd.getpwnam("nobody")
    said = start_and_ask_as(nobody.pw_uid, nobody.pw_gid, made.home)
    assert "belongs to another user: run this as that user or as root" in said
