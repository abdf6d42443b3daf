"""Servers of the tests' own, each in a home of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from core.postgres import EmbeddedServer
from scripts.temporary_server import fastest_place

ROOT = Path(__file__).resolve().parent.parent.parent


pytest.register_assert_rewrite("tests.setup.first_session", "tests.setup.newcomer")


@contextmanager
def open_folder(place: Path | None) -> Iterator[Path]:
    """A short path that every user can pass through; pytest's own is closed to the server's user."""
    path = Path(tempfile.mkdtemp(prefix="dvorik-setup-", dir=place))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where servers keep their files."""
    with open_folder(fastest_place()) as path:
        yield path


@pytest.fixture
def folder_of_programs() -> Iterator[Path]:
    """Not in memory, where some machines run no programs."""
    with open_folder(None) as path:
        yield path


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedServer]:
    """A server that was not made yet; whatever becomes of it, it is gone afterwards."""
    embedded = EmbeddedServer(folder / "home", options={"fsync": "off"})
    yield embedded
    embedded.stop("immediate")


@pytest.fixture(scope="session")
def home_of_a_server() -> Iterator[Path]:
    """Where a server was made, had its first start, and stands still: to be copied, which is faster than making one."""
    with open_folder(fastest_place()) as path:
        made = EmbeddedServer(path / "home", options={"fsync": "off"})
        made.start()
        made.stop()
        yield made.home


@pytest.fixture
def made(home_of_a_server: Path, server: EmbeddedServer) -> EmbeddedServer:
    """A server that has run before and does not now; whatever becomes of it, it is gone afterwards."""
    copy_home(home_of_a_server, server.home)
    return server


@pytest.fixture(scope="module")
def running(home_of_a_server: Path) -> Iterator[EmbeddedServer]:
    """A running server that the tests of one module share; they ask it and change nothing."""
    with open_folder(fastest_place()) as path:
        copy_home(home_of_a_server, path / "home")
        embedded = EmbeddedServer(path / "home", options={"fsync": "off"})
        embedded.start()
        yield embedded
        embedded.stop("immediate")


def copy_home(source: Path, target: Path) -> None:
    """With the owners of the files: the data belongs to the server's user, its folder to whoever made it."""
    subprocess.run(["cp", "-a", source, target], check=True)


def connect(
    server: EmbeddedServer, *, superuser: bool = False, database: str = "dvorik"
) -> "psycopg.Connection[tuple[object, ...]]":
    """A connection in autocommit, as the owner of the tables or as the superuser."""
    keywords = server.connection(owner=True, superuser=superuser) | {"dbname": database}
    return psycopg.connect(make_conninfo(**keywords), autocommit=True)


def value(server: EmbeddedServer, query: str, *, superuser: bool = False) -> object:
    """The one value that a query gives."""
    with connect(server, superuser=superuser) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def environment(home: Path) -> dict[str, str]:
    """The environment of a process that knows of nothing but its home, and speaks English."""
    terminal = {"LC_ALL": "C", "LANGUAGE_CODE": "en"}
    return {"PATH": os.defpath, **terminal, "DVORIK_HOME": str(home), "HOME": "/nonexistent"}
