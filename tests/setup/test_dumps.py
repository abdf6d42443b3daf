"""Dump and restore of the embedded server (RELIABILITY M08, M11, M12)."""

import os
import stat
from pathlib import Path

import psycopg
import pytest

from core.postgres import DumpRefused, EmbeddedServer, ServerError

from .conftest import connect, value

pytestmark = pytest.mark.setup

SCHEMA = """
    CREATE TABLE ledger (id bigserial PRIMARY KEY, tokens bigint NOT NULL, note text);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'append-only'; END$$;
    CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse();
    INSERT INTO ledger (tokens, note) SELECT n, 'строка ' || md5(n::text) FROM generate_series(1, 5000) n;
"""
FINGERPRINT = "SELECT md5(string_agg(ledger::text, '|' ORDER BY id)) FROM ledger"


@pytest.fixture
def ledger(running: EmbeddedServer) -> EmbeddedServer:
    """The shared server with one table that nobody may change, and nothing else."""
    with connect(running, superuser=True, database="postgres") as superuser:
        superuser.execute("DROP DATABASE IF EXISTS dvorik WITH (FORCE)")
        superuser.execute("CREATE DATABASE dvorik OWNER dvorik")
    with connect(running) as connection:
        connection.execute(SCHEMA.encode())
    return running


def databases(server: EmbeddedServer) -> object:
    return value(server, "SELECT array_agg(datname ORDER BY datname) FROM pg_database", superuser=True)


def test_a_dump_brings_every_row_and_trigger_back(ledger: EmbeddedServer, folder: Path) -> None:
    before = value(ledger, FINGERPRINT)
    ledger.dump(folder / "a dump")
    assert stat.S_IMODE((folder / "a dump").stat().st_mode) == 0o600
    with connect(ledger) as client:
        client.execute("INSERT INTO ledger (tokens) VALUES (-1)")
        kept = ledger.restore(folder / "a dump", replace=True)
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    assert kept is not None
    assert value(ledger, FINGERPRINT) == before
    with connect(ledger) as connection:
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute("UPDATE ledger SET tokens = 0")
        following = connection.execute("INSERT INTO ledger (tokens) VALUES (1) RETURNING id").fetchone()
        assert following == (5001,), "the sequence goes on"
    with connect(ledger, database=kept) as connection:
        assert connection.execute("SELECT count(*) FROM ledger").fetchone() == (5001,)


def test_fills_an_empty_database_without_asking(ledger: EmbeddedServer, folder: Path) -> None:
    before = value(ledger, FINGERPRINT)
    ledger.dump(folder / "dump")
    with connect(ledger) as connection:
        connection.execute("DROP TABLE ledger; DROP FUNCTION refuse")
    assert ledger.restore(folder / "dump") is None
    assert value(ledger, FINGERPRINT) == before


def test_does_not_replace_tables_unasked(ledger: EmbeddedServer, folder: Path) -> None:
    before = databases(ledger)
    ledger.dump(folder / "dump")
    with pytest.raises(ServerError, match="holds tables: give --replace"):
        ledger.restore(folder / "dump")
    assert databases(ledger) == before


@pytest.mark.parametrize("damage", ["missing", "empty", "cut in the middle", "last byte", "garbage", "newer"])
def test_m11_refuses_a_dump_that_is_not_whole(ledger: EmbeddedServer, folder: Path, damage: str) -> None:
    dump = folder / "dump"
    ledger.dump(dump)
    whole = dump.read_bytes()
    dump.unlink()
    remains = {
        "empty": b"",
        "cut in the middle": whole[: len(whole) // 2],
        "last byte": whole[:-1],
        "garbage": os.urandom(4096),
        # The archive's version follows its five magic bytes.
        "newer": whole[:5] + bytes([1, 99, 0]) + whole[8:],
    }
    if damage in remains:
        dump.write_bytes(remains[damage])
    before = (databases(ledger), value(ledger, FINGERPRINT))
    with pytest.raises(DumpRefused, match="nothing was changed"):
        ledger.restore(dump, replace=True)
    assert (databases(ledger), value(ledger, FINGERPRINT)) == before


def test_a_dump_that_does_not_load_changes_nothing(ledger: EmbeddedServer, folder: Path) -> None:
    before = (databases(ledger), value(ledger, FINGERPRINT))
    with connect(ledger, superuser=True) as superuser:
        # An object that the application's role may not make itself.
        superuser.execute("CREATE FUNCTION spy() RETURNS int LANGUAGE internal AS 'pg_backend_pid'")
        superuser.execute("GRANT EXECUTE ON FUNCTION spy TO dvorik")
    ledger.dump(folder / "dump")
    with pytest.raises(ServerError, match="does not load; the database is as it was"):
        ledger.restore(folder / "dump", replace=True)
    assert (databases(ledger), value(ledger, FINGERPRINT)) == before


def test_a_dump_that_fails_leaves_nothing_behind(ledger: EmbeddedServer, folder: Path) -> None:
    with connect(ledger, superuser=True) as superuser:
        superuser.execute("CREATE TABLE secret (n int)")
    with pytest.raises(ServerError, match="permission denied for table secret"):
        ledger.dump(folder / "dump")
    with pytest.raises(ServerError, match="cannot be written"):
        ledger.dump(folder / "nowhere" / "dump")
    assert list(folder.iterdir()) == []


def test_says_what_to_do_when_the_server_is_down(folder: Path) -> None:
    server = EmbeddedServer(folder / "home")
    for act in (server.dump, server.restore):
        with pytest.raises(ServerError, match="pg start"):
            act(folder / "dump")
