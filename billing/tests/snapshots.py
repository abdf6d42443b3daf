"""Every row of every table, compared before and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

import pytest
from django.apps import apps
from django.db import connection

from core.errors import DomainError

E = TypeVar("E", bound=DomainError)

Snapshot = dict[str, list[str]]

APPS = ("core", "audit", "accounts", "messaging", "billing")


def snapshot() -> Snapshot:
    """The rows of all tables of the house, as text, by table."""
    tables = [model._meta.db_table for app in APPS for model in apps.get_app_config(app).get_models()]
    with connection.cursor() as cursor:
        rows = (f"ARRAY(SELECT t::text FROM {table} t ORDER BY 1)" for table in tables)
        cursor.execute(f"SELECT {', '.join(rows)}")
        return dict(zip(tables, cursor.fetchone(), strict=True))


class Unmoved(Protocol):
    """The fixture ``unmoved``."""

    def __call__(self, error: type[E]) -> AbstractContextManager[pytest.ExceptionInfo[E]]: ...


@contextmanager
def refused_and_unmoved(error: type[E]) -> Iterator[pytest.ExceptionInfo[E]]:
    """The block is refused with this very error, and no row of any table is another than before it."""
    before = snapshot()
    with pytest.raises(error) as refusal:
        yield refusal
    assert type(refusal.value) is error, "a subclass is another cause"
    assert snapshot() == before
