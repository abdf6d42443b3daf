"""Makes a cluster, writes its configuration, and gives it the application's role and database."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from core.postgres.binaries import MAJOR_VERSION, Binaries
from core.postgres.errors import ServerError
from core.postgres.errors import marked as _
from core.postgres.identity import Identity
from core.postgres.layout import State

SUPERUSER = "postgres"

SETTINGS: Mapping[str, str] = {
    "cluster_name": "dvorik",
    "max_connections": "100",
    "shared_buffers": "128MB",
    # Committed means on disk: there is money in it.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Short statements only: compiling them costs more than it saves.
    "jit": "off",
    # A week of logs, each day over the last one's.
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_lock_waits": "on",
}

# The variables of the caller's shell (PGHOST, PGDATA, LC_ALL ...) are none of the server's business.
ENVIRONMENT: Mapping[str, str] = {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"}


def create(data: Path, *, binaries: Binaries, identity: Identity, superuser_password: str, durable: bool) -> None:
    """
    Make an empty cluster at ``data``: UTF-8, the built-in locale, passwords for everyone.

    The built-in C.UTF-8 folds the case of Cyrillic letters under any locale of the machine.

    :param durable: whether it must survive a power cut; a disposable one is made much faster
    :raises ServerError: initdb failed; its output is in the message
    """
    # An initdb that was cut short must not be taken for a cluster: the name appears when it is whole.
    for unfinished in data.parent.glob("data.new-*"):
        shutil.rmtree(unfinished)
    partial = Path(tempfile.mkdtemp(prefix="data.new-", dir=data.parent))
    identity.take(partial, mode=0o700)
    descriptor, name = tempfile.mkstemp(prefix="password-", dir=data.parent)
    password_file = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(superuser_password + "\n")
        identity.take(password_file, mode=0o600)
        result = identity.run(
            [
                binaries.program("initdb"),
                f"--pgdata={partial}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--auth=scram-sha-256",
                "--no-instructions",
                *(() if durable else ("--no-sync",)),
            ],
            environment=ENVIRONMENT,
        )
    finally:
        password_file.unlink()
    if result.returncode != 0:
        shutil.rmtree(partial)
        raise ServerError(_("initdb failed:\n%(said)s"), said=result.stdout.strip())
    partial.rename(data)


def check_version(data: Path) -> None:
    """
    Compare the cluster with the programs.

    :raises ServerError: another major version made it
    """
    made_by = (data / "PG_VERSION").read_text("ascii").strip()
    if made_by != MAJOR_VERSION:
        raise ServerError(
            _(
                "%(data)s was made by PostgreSQL %(made_by)s, and this release carries %(version)s: "
                "with the release that made it, run `manage.py pg dump FILE`; then move %(data)s away and, "
                "with this release, run `manage.py pg restore FILE`"
            ),
            data=data,
            made_by=made_by,
            version=MAJOR_VERSION,
        )


def configure(state: State, *, identity: Identity, options: Mapping[str, str]) -> None:
    """Write the server's configuration; it is generated anew at every start."""
    listens = "listen_addresses" in options
    settings = {
        **SETTINGS,
        "listen_addresses": "",
        "port": str(state.port),
        "unix_socket_directories": state.socket_directory,
        "unix_socket_permissions": "0700",
        "log_directory": os.fspath(state.log),
        **options,
    }
    lines = [
        "# Generated at every start; see core/postgres/cluster.py.",
        *(_line(*item) for item in settings.items()),
    ]
    access = ["local all all scram-sha-256", *(["host all all samehost scram-sha-256"] if listens else [])]
    for name, content in (
        ("postgresql.auto.conf", ["# Overwritten at every start."]),
        ("pg_hba.conf", access),
    ):
        _write(state.data / name, content, identity)
    _write(state.data / "postgresql.conf", lines, identity)


def provide_application(state: State, *, superuser_password: str) -> None:
    """
    Make the owner's role, the application's, and the database, if they are not there; a second call changes nothing.

    The owner may log in, make databases and work in the application's role (tests need both), the application may log
    in. What the latter may do to tables is granted with them, after each migration.
    """
    with psycopg.connect(
        host=state.socket_directory,
        port=state.port,
        user=SUPERUSER,
        password=superuser_password,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        _provide_role(connection, state.user, state.password, "CREATEDB")
        _provide_role(connection, state.application_user, state.application_password, "NOCREATEDB")
        owner, application = sql.Identifier(state.user), sql.Identifier(state.application_user)
        connection.execute(sql.SQL("GRANT {} TO {}").format(application, owner))
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [state.database]).fetchone() is None:
            make = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(make.format(sql.Identifier(state.database), owner))


def _provide_role(
    connection: psycopg.Connection[tuple[object, ...]], name: str, password: str, databases: LiteralString
) -> None:
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
        make = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEROLE " + databases + " PASSWORD {}")
        connection.execute(make.format(sql.Identifier(name), sql.Literal(password)))


def new_password() -> str:
    """A password nobody has to type: 256 random bits."""
    return secrets.token_urlsafe(32)


def _line(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"{name} = '{escaped}'"


def _write(path: Path, lines: list[str], identity: Identity) -> None:
    partial = path.with_name(path.name + ".new")
    partial.write_bytes(os.fsencode("\n".join(lines) + "\n"))
    identity.take(partial, mode=0o600)
    partial.replace(path)
