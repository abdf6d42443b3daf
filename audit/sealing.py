"""
Which tables are sealed. An app names its own from its ``apps.py``; each table has a chain of seals of its own.

A sealed table is append-only, and each of its rows has a number that was drawn from a sequence when the row was
written. Numbers are drawn before their rows are committed: :mod:`audit.operations.seals` minds that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import models


@dataclass(frozen=True, slots=True)
class SealedTable:
    """
    :param model: whose rows are sealed
    :param ordering: the column of the numbers, drawn from its own sequence
    """

    model: type[models.Model]
    ordering: str

    @property
    def chain(self) -> str:
        """The name of its chain: ``audit.auditlog``."""
        return self.model._meta.label_lower

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def key(self) -> str:
        """The column that identifies a row."""
        return str(self.model._meta.pk.column)


_tables: Final[dict[str, SealedTable]] = {}


def register(model: type[models.Model], *, ordering: str) -> SealedTable:
    """
    Have a table's rows sealed.

    :param ordering: the column of its numbers
    """
    table = SealedTable(model, ordering)
    return _tables.setdefault(table.chain, table)


def sealed_tables() -> list[SealedTable]:
    """Every sealed table, by the names of their chains."""
    return [_tables[chain] for chain in sorted(_tables)]


def sealed_table(chain: str) -> SealedTable:
    """:raises LookupError: no table is registered under the name"""
    try:
        return _tables[chain]
    except KeyError:
        raise LookupError(f"{chain} is not sealed") from None
