"""
The database's guards, fired by raw SQL: each refuses by its own name, lets its neighbour pass, and is what stands
between the harm and the table.

Everything runs as the role that owns the tables: guards bind it, too. What the application's role may not even try is
held by tests/laws/test_database_roles.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from json import dumps
from typing import Any, ClassVar, Final

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model

Rows = Mapping[str, Model]

# A moment to write where it does not matter which.
SOME_MOMENT: Final = "2026-01-31T12:00:00Z"


@dataclass(frozen=True)
class Id:
    """The id of one of the test's rows, wherever a value may stand."""

    row: str


@dataclass(frozen=True)
class Deed(ABC):
    """
    One statement about one row.

    :param row: which of the test's rows
    """

    row: str

    @abstractmethod
    def run(self, rows: Rows) -> int:
        """:returns: how many rows it touched"""


@dataclass(frozen=True)
class Change(Deed):
    """``UPDATE`` of the row."""

    values: Mapping[str, object] = field(default_factory=dict)

    def run(self, rows: Rows) -> int:
        sets = ", ".join(f"{column} = %s" for column in self.values)
        found = [_value(value, rows) for value in self.values.values()]
        return execute(f"UPDATE {_table(rows[self.row])} SET {sets} WHERE {_is(rows[self.row])}", *found)


@dataclass(frozen=True)
class Copy(Deed):
    """``INSERT`` of the row's twin with other values; the new id is part of them."""

    values: Mapping[str, object] = field(default_factory=dict)

    def run(self, rows: Rows) -> int:
        table = _table(rows[self.row])
        changed = dumps({column: _value(value, rows) for column, value in self.values.items()}, default=str)
        return execute(
            f"INSERT INTO {table} SELECT (jsonb_populate_record(t, %s::jsonb)).* FROM {table} t "
            f"WHERE {_is(rows[self.row])}",
            changed,
        )


@dataclass(frozen=True)
class Delete(Deed):
    """``DELETE`` of the row."""

    def run(self, rows: Rows) -> int:
        return execute(f"DELETE FROM {_table(rows[self.row])} WHERE {_is(rows[self.row])}")


@dataclass(frozen=True)
class Case:
    """
    :param guard: the constraint, unique index or trigger
    :param refused: what it refuses
    :param allowed: its nearest neighbour that passes
    :param behind: guards that would refuse the same if this one were away
    :param in_front: guards that refuse the same earlier, and are away in the test
    """

    guard: str
    refused: Deed
    allowed: Deed
    behind: tuple[str, ...] = ()
    in_front: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.guard


@pytest.mark.usefixtures("as_the_owner")
class GuardTests:
    """For each of a table's guards; a subclass is parametrised with its cases and has the fixture ``rows``."""

    pytestmark: ClassVar = [pytest.mark.django_db]

    def test_refuses_one_thing_and_permits_its_neighbour(self, case: Case, rows: Rows) -> None:
        table = _table(rows[case.refused.row])
        switch_off(table, *case.in_front)
        with refused_by(case.guard):
            case.refused.run(rows)
        with undone():
            assert case.allowed.run(rows) == 1
        # The negative control: nothing else stands in the way.
        switch_off(table, case.guard, *case.behind)
        assert case.refused.run(rows) == 1


@pytest.mark.usefixtures("as_the_owner")
class TruncationTests:
    """For tables that are never emptied; a subclass is parametrised with ``guard`` and has the fixture ``rows``."""

    pytestmark: ClassVar = [pytest.mark.django_db]

    def test_is_refused(self, truncation_guards: None, rows: Rows, guard: str) -> None:
        many = _number_of_rows(guard)
        assert many
        check_deferred()
        with refused_by(guard):
            execute(f"TRUNCATE {_guarded(guard)} CASCADE")
        assert _number_of_rows(guard) == many

    def test_would_forget_everything_without_it(self, rows: Rows, guard: str) -> None:
        check_deferred()
        execute(f"TRUNCATE {_guarded(guard)} CASCADE")
        assert not _number_of_rows(guard)


@contextmanager
def undone() -> Iterator[None]:
    """What the block does is taken back at its end."""
    block = transaction.atomic()
    # As the transaction around a test, which what counts outside of transactions does not mind.
    block._from_testcase = True  # type: ignore[attr-defined]  # Django gives it to its own
    with block:
        yield
        transaction.set_rollback(True)


@contextmanager
def refused_by(guard: str) -> Iterator[None]:
    """The block violates this guard and no other; what it did before is undone."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        yield
    assert guard_of(refusal.value) == guard


def guard_of(error: IntegrityError) -> str | None:
    """The constraint, unique index or trigger that said no."""
    cause = error.__cause__
    assert isinstance(cause, psycopg.Error)
    return cause.diag.constraint_name


def execute(statement: str, *params: Any) -> int:
    """:returns: how many rows the statement touched"""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        touched: int = cursor.rowcount
    return touched


def check_deferred() -> None:
    """Check now what is checked at the transaction's end; a table with checks to come cannot be altered."""
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("SET CONSTRAINTS ALL DEFERRED")


def switch_off(table: str, *guards: str) -> None:
    """Take guards away until the test's transaction is rolled back."""
    if guards:
        check_deferred()
    for guard in guards:
        execute(_way_off(table, guard))


def _way_off(table: str, guard: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT format('ALTER TABLE %%s DISABLE TRIGGER %%I', tgrelid::regclass, tgname)
            FROM pg_trigger WHERE tgrelid = %(table)s::text::regclass AND tgname = %(guard)s::text
            UNION ALL
            SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname)
            FROM pg_constraint
            WHERE conrelid = %(table)s::text::regclass AND conname = %(guard)s::text AND contype <> 't'
            UNION ALL
            SELECT format('DROP INDEX %%I', indexname) FROM pg_indexes
            WHERE tablename = %(table)s::text AND indexname = %(guard)s::text
                AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)
            """,
            {"table": table, "guard": guard},
        )
        ((statement,),) = cursor.fetchall()
    return str(statement)


def _guarded(guard: str) -> str:
    return guard.removesuffix("_is_never_truncated")


def _number_of_rows(guard: str) -> int:
    return execute(f"SELECT FROM {_guarded(guard)}")


def _table(row: Model) -> str:
    return row._meta.db_table


def _is(row: Model) -> str:
    return f"{row._meta.pk.column} = '{row.pk}'"


def _value(value: object, rows: Rows) -> object:
    return rows[value.row].pk if isinstance(value, Id) else value
