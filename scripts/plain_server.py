"""
Runs a command with ``DATABASE_URL`` and ``DATABASE_OWNER_URL`` pointing at the plain PostgreSQL of this machine:
``python -m scripts.plain_server make test``.

The command gets two roles of its own, the owner of its database and the application's, neither a superuser; the roles
and their databases are dropped afterwards.
"""

import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
from psycopg import sql

from scripts import foreground

OLDEST_VERSION = 15
# Nothing outlives the run, and its statements are short.
DISPOSABLE = (sql.Identifier("synchronous_commit"), sql.Identifier("jit"))
# Where no server takes us in, nothing was tested, and nothing has failed.
NO_SERVER = 75


class NoServerError(Exception):
    """Why there is no server to use."""


@contextmanager
def own_roles(server: str) -> Iterator[dict[str, str]]:
    """
    Make an owner with its database and an application's role for the length of the block, and yield their addresses:
    ``DATABASE_OWNER_URL`` and ``DATABASE_URL``.

    :param server: a connection string of somebody who may make roles
    :raises NoServerError: the server does not answer, does not let us in or make roles, or is too old
    """
    owner = f"dvorik_ci_{secrets.token_hex(4)}"
    passwords = {owner: secrets.token_urlsafe(24), f"{owner}_app": secrets.token_urlsafe(24)}
    try:
        with psycopg.connect(server, autocommit=True, connect_timeout=3) as connection:
            info = connection.info
            if info.server_version // 10000 < OLDEST_VERSION:
                raise NoServerError(f"it is PostgreSQL {info.server_version // 10000}, and {OLDEST_VERSION} is needed")
            for name, password in passwords.items():
                make = "CREATE ROLE {} LOGIN " + ("CREATEDB" if name == owner else "") + " NOSUPERUSER PASSWORD {}"
                connection.execute(sql.SQL(make).format(sql.Identifier(name), sql.Literal(password)))
                for setting in DISPOSABLE:
                    connection.execute(sql.SQL("ALTER ROLE {} SET {} = off").format(sql.Identifier(name), setting))
            role = sql.Identifier(owner)
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
            # Tests log in as the owner and work as the application.
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(f"{owner}_app"), role))
            # And they empty tables that refuse it.
            connection.execute(sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(role))
            host, port = info.host, info.port
    except psycopg.Error as error:
        raise NoServerError(str(error).strip()) from error
    urls = (f"postgres://{name}:{word}@{quote(host, safe='')}:{port}/{owner}" for name, word in passwords.items())
    try:
        yield dict(zip(("DATABASE_OWNER_URL", "DATABASE_URL"), urls, strict=True))
    finally:
        with psycopg.connect(server, autocommit=True, connect_timeout=30) as connection:
            owned = "SELECT datname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE rolname = %s"
            for (database,) in connection.execute(owned, [owner]).fetchall():
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
            taken = sql.SQL("REVOKE SET ON PARAMETER session_replication_role FROM {}").format(sql.Identifier(owner))
            connection.execute(taken)
            for name in passwords:
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with own_roles("host=127.0.0.1 port=5432 user=postgres dbname=postgres") as urls:
            return foreground.run(sys.argv[1:], environment={**os.environ, **urls})
    except NoServerError as error:
        print(f"No plain PostgreSQL on 127.0.0.1:5432 that can be used: {error}", file=sys.stderr)
        return NO_SERVER


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
