"""The application's role, as which everything runs outside of tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from psycopg import sql

from core.database_roles import application_role

Connection = psycopg.Connection[tuple[object, ...]]


@contextmanager
def all_connections() -> Iterator[None]:
    """
    Within the block, each connection that Django opens works as the application: what a test does, it may do outside of
    tests as well. What only the owner can do stands under :func:`core.database_roles.as_owner`, or the test asks for
    ``as_the_owner``.
    """
    if application_role() is None:
        yield
        return
    connection.close()
    connection_created.connect(_become_the_application)
    try:
        yield
    finally:
        connection_created.disconnect(_become_the_application)
        connection.close()


def _become_the_application(connection: BaseDatabaseWrapper, **_sent: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(application_role() or "")))


def the_role() -> str:
    """Its name. Where one role does everything there is none to try, and the test that asks is skipped."""
    role = application_role()
    if role is None:
        pytest.skip("one role does everything here: DATABASE_OWNER_URL, or POSTGRES_OWNER_USER, is not set")
    return role


@contextmanager
def connected(*, as_owner: bool = False) -> Iterator[Connection]:
    """A connection of its own to the test's database, in autocommit: as the application, or as the owner."""
    the_role()
    who = settings.DATABASE_OWNER if as_owner else settings.DATABASE_APPLICATION
    assert who is not None
    at = {**connection.settings_dict, **who}
    with psycopg.connect(
        host=at["HOST"],
        port=at["PORT"] or None,
        user=at["USER"],
        password=at["PASSWORD"],
        dbname=at["NAME"],
        autocommit=True,
    ) as opened:
        yield opened


def owner_environment() -> dict[str, str]:
    """What lets a command of another process work as the owner, where that is another role."""
    owner = settings.DATABASE_OWNER
    return {"POSTGRES_OWNER_USER": owner["USER"], "POSTGRES_OWNER_PASSWORD": owner["PASSWORD"]} if owner else {}


def environment(kept: Mapping[str, str]) -> dict[str, str]:
    """
    Of another process that works on the test's database as the application, where it has a role of its own.

    :param kept: what it inherits; what in it points at a database is left out
    """
    at = {**connection.settings_dict, **(settings.DATABASE_APPLICATION or {})}
    names = {"HOST": "HOST", "PORT": "PORT", "USER": "USER", "PASSWORD": "PASSWORD", "NAME": "DB"}
    foreign = ("DATABASE_", "POSTGRES_")
    own = {name: value for name, value in kept.items() if not name.startswith(foreign)}
    return own | {f"POSTGRES_{name}": str(at[part] or "") for part, name in names.items()}
