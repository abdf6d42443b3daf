"""A PostgreSQL that lives as long as one run of the tests or of the laws."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from core.postgres import EmbeddedServer

# Nothing in it outlives the run, so nothing in it has to survive a power cut.
DISPOSABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
    "shared_buffers": "256MB",
}


# Memory, where a machine keeps files in it, and how much of it must be free for one run.
MEMORY = Path("/dev/shm")  # noqa: S108  a name of our own is made in it
ROOM = 4 * 1024**3


def is_elsewhere() -> bool:
    """Whether the environment points at a server of somebody else's making."""
    return bool(os.environ.get("DATABASE_URL") or os.environ.get("POSTGRES_HOST"))


@contextmanager
def temporary_server() -> Iterator[dict[str, str]]:
    """
    Start a server of our own and yield the environment that points at it; with one given, only pass that on.

    Everything is removed at the end, also after SIGTERM.
    """
    home = Path(tempfile.mkdtemp(prefix="dvorik-", dir=fastest_place()))
    # The server's user, another one when we are root, has to pass through.
    home.chmod(0o711)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    environment = {**os.environ, "DVORIK_HOME": str(home)}
    server = EmbeddedServer(home, options=DISPOSABLE)
    try:
        if not is_elsewhere():
            server.start()
            _lend_to_tests(server)
            environment |= server.environment()
        yield environment
    finally:
        server.stop("immediate")
        shutil.rmtree(home)


def _lend_to_tests(server: EmbeddedServer) -> None:
    """Let the owner suspend triggers, which nobody may in production: so tests empty tables that refuse it."""
    with psycopg.connect(make_conninfo(**server.connection(superuser=True)), autocommit=True) as connection:
        owner = sql.Identifier(server.connection(owner=True)["user"])
        connection.execute(sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(owner))


def fastest_place() -> Path | None:
    """Where tables are emptied and filled again the fastest: in memory, if there is room; else wherever files go."""
    is_there = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    return MEMORY if is_there and shutil.disk_usage(MEMORY).free > ROOM else None
