"""How transactional tests leave the database behind: as migrations have made it."""

from __future__ import annotations

from typing import Final

from django.db import connection
from django.test import TransactionTestCase

from core.database_roles import as_owner

# What migrations have put into the database.
FURNITURE: Final = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
# Passing over the dead rows of more than this takes longer than making a table's files anew.
_LARGE: Final = 256 * 1024


def clean_quickly() -> None:
    """
    Let transactional tests empty the tables that they filled and leave the furniture where it is: making it anew
    takes ten times as long as most tests. A test that moved the furniture still gets the whole flush.
    """
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # private, and overridden by Django, too
    furniture = furniture_fingerprint()
    may_delete = _may_delete()

    def clean(test: TransactionTestCase) -> None:
        nonlocal furniture
        with as_owner():
            _put_clock_right()
            if furniture_fingerprint() != furniture:
                flush(test)
                furniture = furniture_fingerprint()
                return
            filled = _filled_tables()
            if filled and may_delete and not _is_any_large(filled):
                _delete_from(filled)
            elif filled:
                with connection.cursor() as cursor:
                    cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")

    TransactionTestCase._fixture_teardown = clean  # type: ignore[attr-defined]  # for the whole session


def furniture_fingerprint() -> tuple[str, ...]:
    """By which rows that refer to the furniture know that it is still the same."""
    with connection.cursor() as cursor:
        prints = (f"(SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t)" for table in FURNITURE)
        cursor.execute(f"SELECT {', '.join(prints)}")
        return tuple(cursor.fetchone())


def set_clock(expression: str) -> None:
    """Have the house take something else for now: an expression in SQL."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION core_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE "
            f"AS $$SELECT {expression}$$"
        )


def _put_clock_right() -> None:
    """Whoever has moved it, by the fixture or through a door of the product."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc <> 'SELECT now()' FROM pg_proc WHERE oid = 'core_now()'::regprocedure")
        if cursor.fetchone()[0]:
            set_clock("now()")


def _may_delete() -> bool:
    """Whether the owner may suspend triggers here: ``scripts`` let it do so on their servers, for the tests alone."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT has_parameter_privilege('session_replication_role', 'SET')")
        (may,) = cursor.fetchone()
        return bool(may)


def _filled_tables() -> list[str]:
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    with connection.cursor() as cursor:
        asked = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in sorted(tables.difference(FURNITURE))
        )
        cursor.execute(asked)
        return [name for (name,) in cursor.fetchall()]


def _is_any_large(tables: list[str]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(pg_relation_size(name)) > %s::int FROM unnest(%s::text[]::regclass[]) name", [_LARGE, tables]
        )
        (is_any,) = cursor.fetchone()
        return bool(is_any)


def _delete_from(tables: list[str]) -> None:
    """
    Empty small tables without their triggers and keys. TRUNCATE makes new files for them, their indexes and all that
    refer to them, and has every connection plan its statements anew: it takes ten times as long.
    """
    connection.ensure_connection()
    deletions = "; ".join(f"DELETE FROM {table}" for table in tables)
    # In one message, which cannot be prepared.
    connection.connection.execute(
        f"BEGIN; SET LOCAL session_replication_role = replica; {deletions}; COMMIT", prepare=False
    )
