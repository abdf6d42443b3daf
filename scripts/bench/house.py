"""The server, the databases and the processes of one run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from core.postgres import EmbeddedServer

ROOT = Path(__file__).resolve().parents[2]

# Settings of a small server of its own; durability is left as the house has it: on.
SERVER = {
    "max_connections": "300",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "maintenance_work_mem": "512MB",
}
DVORIK = "dvorik"
STACK = "scripts.bench.stack.settings"


@dataclass
class House:
    """
    :param server: runs, and is removed at the end
    :param folder: for logs and whatever else passes
    """

    server: EmbeddedServer
    folder: Path
    _made: set[str] = field(default_factory=set)

    def environment(self, database: str, **more: str) -> dict[str, str]:
        """The environment of a process that works on one of the databases."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "DATABASE_OWNER_URL", "ENV", "DEBUG", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        }
        return {
            **inherited,
            **self.server.environment(),
            "POSTGRES_DB": database,
            "DVORIK_HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            **more,
        }

    def dvorik(self, database: str = "bench_dvorik") -> dict[str, str]:
        """A migrated database of Dvorik's, made when first asked for, and its environment."""
        environment = self.environment(database, DJANGO_SETTINGS_MODULE="config.settings")
        if self._make(database):
            self.run("manage.py", "migrate", "--verbosity=0", environment=environment)
        return environment

    def stack(self, name: str, **more: str) -> dict[str, str]:
        """A database of another Django project: the common stack, or a package's own tables."""
        database = f"bench_{name}"
        environment = self.environment(database, DJANGO_SETTINGS_MODULE=STACK, BENCH_PROJECT=name, **more)
        if self._make(database):
            self.run("-m", "django", "migrate", "--run-syncdb", "--verbosity=0", environment=environment)
        return environment

    def run(self, *arguments: str, environment: Mapping[str, str]) -> str:
        """Run Python to its end and give what it printed; a failure ends the run with its own words."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def superuser(self, database: str) -> Iterator[psycopg.Connection]:
        """A connection that fills tables: triggers and foreign keys do not fire on it."""
        address = {**self.server.connection(superuser=True), "dbname": database}
        with psycopg.connect(**address, autocommit=True) as connection:  # type: ignore[arg-type]  # all are strings
            connection.execute("SET session_replication_role = replica")
            yield connection

    def _make(self, database: str) -> bool:
        if database in self._made:
            return False
        self._made.add(database)
        address = self.server.connection(superuser=True)
        owner = sql.Identifier(self.server.connection(owner=True)["user"])
        with psycopg.connect(**address, autocommit=True) as connection:  # type: ignore[arg-type]  # all are strings
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), owner))
        return True


@contextmanager
def opened() -> Iterator[House]:
    """Start a server, and remove all that was made, also after SIGTERM."""
    folder = Path(tempfile.mkdtemp(prefix="dvorik-bench-"))
    # The server's user, another one when we are root, has to pass through.
    folder.chmod(0o711)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = EmbeddedServer(folder, options=SERVER)
    try:
        server.start()
        yield House(server, folder)
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)
