"""Dumps that are read back to their end, and restores that touch nothing until they are sure."""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from core.postgres.binaries import Binaries
from core.postgres.errors import DumpRefused, ServerError
from core.postgres.errors import marked as _


def client_environment(connection: Mapping[str, str], *, keep_terminal: bool = False) -> dict[str, str]:
    """The environment of a client program: the connection, and none of the caller's own ``PG*`` variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")} if keep_terminal else {}
    return {
        "PATH": os.defpath,
        "LC_ALL": "C",
        **kept,
        "PGHOST": connection["host"],
        "PGPORT": connection["port"],
        "PGUSER": connection["user"],
        "PGPASSWORD": connection["password"],
        "PGDATABASE": connection["dbname"],
    }


def dump(binaries: Binaries, connection: Mapping[str, str], path: Path) -> None:
    """
    Write the database to ``path``; the name appears when the dump has been read back to its end.

    :raises ServerError: it failed; nothing is left behind
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    except OSError as error:
        raise ServerError(_("%(path)s cannot be written: %(why)s"), path=path, why=error.strerror) from error
    os.close(descriptor)
    partial = Path(name)
    try:
        command = [str(binaries.program("pg_dump")), "--format=custom", "--no-password", f"--file={partial}"]
        said = _run(command, client_environment(connection))
        if said is not None:
            raise ServerError(_("pg_dump failed:\n%(said)s"), said=said)
        verify(binaries, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def verify(binaries: Binaries, path: Path) -> None:
    """
    Read a dump from its first byte to its last.

    :raises DumpRefused: it is missing, empty, truncated, damaged, or of another format or a newer version
    """
    try:
        if path.stat().st_size == 0:
            raise DumpRefused(_("%(path)s is empty; nothing was changed"), path=path)
    except OSError as error:
        raise DumpRefused(
            _("%(path)s cannot be read: %(why)s; nothing was changed"), path=path, why=error.strerror
        ) from error
    # The list of contents stands at the front: a dump that was cut short still shows a whole one.
    for reading in ("--list", f"--file={os.devnull}"):
        said = _run([str(binaries.program("pg_restore")), reading, str(path)], {"PATH": os.defpath, "LC_ALL": "C"})
        if said is not None:
            raise DumpRefused(
                _("%(path)s is not a whole dump that this PostgreSQL can read; nothing was changed:\n%(said)s"),
                path=path,
                said=said,
            )


def restore(
    binaries: Binaries,
    connection: Mapping[str, str],
    superuser: Mapping[str, str],
    path: Path,
    *,
    replace: bool,
    former_name: str,
) -> str | None:
    """
    Load a dump into a new database and, once it is whole, give it the present one's name.

    :param former_name: the name that the present database gets, if it holds tables
    :returns: ``former_name``, or ``None`` where the present database was empty and is gone
    :raises DumpRefused: the dump is not whole
    :raises ServerError: it does not load, or the present database holds tables and ``replace`` was not given
    """
    verify(binaries, path)
    name, loading = connection["dbname"], f"{connection['dbname']}_loading"
    holds_tables = _holds_tables(connection)
    if holds_tables and not replace:
        raise ServerError(
            _(
                "The database %(name)s holds tables: give --replace to put the dump in its place "
                "(it is kept under another name)"
            ),
            name=name,
        )
    with psycopg.connect(make_conninfo(**{**superuser, "dbname": "postgres"}), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(loading)))
        make = sql.SQL("CREATE DATABASE {} OWNER {}")
        server.execute(make.format(sql.Identifier(loading), sql.Identifier(connection["user"])))
        # As the application's own role: it owns everything, and a dump cannot do more than that role may.
        command = [str(binaries.program("pg_restore")), "--no-password", "--no-owner", "--exit-on-error"]
        target = f"--dbname={loading}"
        said = _run([*command, "--single-transaction", target, str(path)], client_environment(connection))
        if said is not None:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(loading)))
            raise ServerError(_("The dump does not load; the database is as it was:\n%(said)s"), said=said)
        _swap(server, name=name, loading=loading, former_name=former_name)
        if not holds_tables:
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(former_name)))
    return former_name if holds_tables else None


def _swap(server: psycopg.Connection[tuple[object, ...]], *, name: str, loading: str, former_name: str) -> None:
    present = sql.Identifier(name)
    # A database cannot be renamed under its clients; closed to new ones first, or they would be back at once.
    server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(present))
    try:
        server.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name])
        with server.transaction():
            server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(present, sql.Identifier(former_name)))
            server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(loading), present))
    except psycopg.Error:
        server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(present))
        raise
    server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(former_name)))


def _holds_tables(connection: Mapping[str, str]) -> bool:
    tables = "SELECT 1 FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') LIMIT 1"
    with psycopg.connect(make_conninfo(**connection)) as client:
        return client.execute(tables).fetchone() is not None


def _run(command: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Run a client program; ``None`` when it succeeded, else the end of what it said."""
    result = subprocess.run(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    return None if result.returncode == 0 else result.stderr.strip()[-4000:]
