"""Tables of related things on an object's page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.admin.display import Text


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column of a panel.

    :param numeric: whether it is aligned to the right
    """

    title: Text
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in its column."""

    value: object
    numeric: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """
    A titled table.

    :param rows: cells in the order of the columns
    :param empty: what stands there when there are no rows
    :param more_url: the list of all, where the panel shows only some
    """

    title: Text
    columns: Sequence[Column]
    rows: Sequence[Sequence[object]]
    empty: Text
    more_url: str = ""
    note: Text = ""

    @property
    def cells(self) -> Iterator[list[Cell]]:
        """The rows, each cell with its column's alignment."""
        for row in self.rows:
            yield [Cell(value, column.numeric) for value, column in zip(row, self.columns, strict=True)]
