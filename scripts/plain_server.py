"""
Runs a command with ``DATABASE_URL`` pointing at the plain PostgreSQL of this machine: ``python -m scripts.plain_server
make test``.

The command gets a role of its own, which is no superuser; the role and its databases are dropped afterwards.
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
# Where no server takes us in, nothing was tested, and nothing has failed.
NO_SERVER = 75


class NoServerError(Exception):
    """Why there is no server to use."""


@contextmanager
def own_role(server: str) -> Iterator[str]:
    """
    Make a role and its database for the length of the block, and yield their ``DATABASE_URL``.

    :param server: a connection string of somebody who may make roles
    :raises NoServerError: the server does not answer, does not let us in or make roles, or is too old
    """
    name, password = f"dvorik_ci_{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    role = sql.Identifier(name)
    try:
        with psycopg.connect(server, autocommit=True, connect_timeout=3) as connection:
            info = connection.info
            if info.server_version // 10000 < OLDEST_VERSION:
                raise NoServerError(f"it is PostgreSQL {info.server_version // 10000}, and {OLDEST_VERSION} is needed")
            make = "CREATE ROLE {} LOGIN CREATEDB NOSUPERUSER PASSWORD {}"
            connection.execute(sql.SQL(make).format(role, sql.Literal(password)))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
            host, port = info.host, info.port
    except psycopg.Error as error:
        raise NoServerError(str(error).strip()) from error
    try:
        yield f"postgres://{name}:{password}@{quote(host, safe='')}:{port}/{name}"
    finally:
        with psycopg.connect(server, autocommit=True, connect_timeout=30) as connection:
            owned = "SELECT datname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE rolname = %s"
            for (database,) in connection.execute(owned, [name]).fetchall():
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with own_role("host=127.0.0.1 port=5432 user=postgres dbname=postgres") as url:
            return foreground.run(sys.argv[1:], environment={**os.environ, "DATABASE_URL": url})
    except NoServerError as error:
        print(f"No plain PostgreSQL on 127.0.0.1:5432 that can be used: {error}", file=sys.stderr)
        return NO_SERVER


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
