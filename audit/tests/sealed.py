"""Sealing, and what somebody with the owner's rights could do to what is sealed, for tests of every floor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from audit.operations import seals
from audit.queries.seals import Misfit, find_unnumbered, walk
from audit.sealing import sealed_table
from conftest import TestClock
from core.actors import SYSTEM
from core.database_roles import as_owner
from core.tests.guards import check_deferred, execute


def seal_everything(chain: str, clock: TestClock) -> int:
    """Seal whatever is there, 31 seconds later. :returns: how many rows were sealed"""
    rows = _seal(chain)
    clock.advance(seconds=31)
    return rows + _seal(chain)


def first_misfit(chain: str) -> Misfit | None:
    """What does not fit, if anything."""
    table = sealed_table(chain)
    found = [misfit for _seal, misfit in walk(table) if misfit]
    return found[0] if found else find_unnumbered(table)


@contextmanager
def as_the_owner(table: str) -> Iterator[None]:
    """Without the table's guards: what its owner can do."""
    with as_owner():
        check_deferred()
        execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        check_deferred()
        execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _seal(chain: str) -> int:
    rows, has_more = 0, True
    while has_more:
        sealed = seals.seal(chain=chain, by=SYSTEM)
        rows, has_more = rows + sealed.rows, sealed.has_more
    return rows
