"""What the database holds, to be put back later: telling the demo's two months again takes a hundred times as long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection, transaction
from psycopg import sql

from core.tests.cleaning import FURNITURE
from core.tests.guards import execute


@dataclass(frozen=True)
class KeptRows:
    """
    :param tables: rows by table, as COPY writes them, but for what migrations have put there
    :param sequences: the last numbers given
    """

    tables: Mapping[str, bytes]
    sequences: Mapping[str, int]

    @classmethod
    def of_now(cls) -> KeptRows:
        with connection.cursor() as cursor:
            tables = {}
            for table in sorted(set(connection.introspection.django_table_names(only_existing=True)) - {*FURNITURE}):
                with cursor.copy(sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(*_parts(table))) as copied:
                    rows = b"".join(bytes(each) for each in copied)
                if rows:
                    tables[table] = rows
            cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL")
            return cls(tables, dict(cursor.fetchall()))

    def put_back(self) -> None:
        """Into tables that are empty. No trigger fires: what they would write is among the rows."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT format('ALTER TABLE %%s %%s TRIGGER %%I', tgrelid::regclass, '{}', tgname) FROM pg_trigger "
                "WHERE tgrelid = ANY(%s::text[]::regclass[]) AND NOT tgisinternal AND tgenabled <> 'D'",
                [list(self.tables)],
            )
            switches = [switch for (switch,) in cursor.fetchall()]
            for switch in switches:
                execute(switch.format("DISABLE"))
            for table, rows in self.tables.items():
                with cursor.copy(sql.SQL("COPY {1} ({0}) FROM STDIN").format(*_parts(table))) as copied:
                    copied.write(rows)
            execute("SET CONSTRAINTS ALL IMMEDIATE")
            for switch in switches:
                execute(switch.format("ENABLE"))
            for name, last in self.sequences.items():
                cursor.execute("SELECT setval(%s::text::regclass, %s)", [name, last])


def _parts(table: str) -> tuple[sql.Composable, sql.Composable]:
    """A table's columns, those left out that the database computes itself, and its name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::text::regclass AND attnum > 0 AND NOT attisdropped "
            "AND attgenerated = '' ORDER BY attnum",
            [table],
        )
        names = [name for (name,) in cursor.fetchall()]
    return sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table)
