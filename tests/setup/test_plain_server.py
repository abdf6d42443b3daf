"""The roles that the suite gets on a server of somebody else's."""

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from core.postgres import EmbeddedServer
from scripts.plain_server import NoServerError, own_roles

from .conftest import value

pytestmark = pytest.mark.setup

OURS = """
    SELECT (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'dvorik\\_ci%')
         + (SELECT count(*) FROM pg_database WHERE datname = 'ours')
"""


def test_are_no_superusers_and_leave_nothing_behind(running: EmbeddedServer) -> None:
    with own_roles(make_conninfo(**running.connection(superuser=True))) as urls:
        with psycopg.connect(urls["DATABASE_OWNER_URL"], autocommit=True) as connection:
            role = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
            assert connection.execute(role).fetchone() == (False, True, False)
            connection.execute("CREATE DATABASE ours")
        with psycopg.connect(urls["DATABASE_URL"], autocommit=True) as connection:
            assert connection.execute(role).fetchone() == (False, False, False)
        assert value(running, OURS, superuser=True) == 3
    assert value(running, OURS, superuser=True) == 0


def test_says_why_a_server_cannot_be_used(running: EmbeddedServer) -> None:
    connection = running.connection()
    refusing = [
        (connection, "permission denied to create role"),
        (connection | {"password": "wrong"}, "password authentication failed"),
        (connection | {"host": "127.0.0.1", "port": "1"}, "Connection refused"),
    ]
    for keywords, why in refusing:
        with pytest.raises(NoServerError, match=why), own_roles(make_conninfo(**keywords)):
            pass
    assert value(running, OURS, superuser=True) == 0
