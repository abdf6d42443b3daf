"""Writing rows into a file, one page of the list after another: memory holds one page, however many there are."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from django.db.models import Model, QuerySet
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from core.api.pagination import Keyset
from core.exports.registry import Definition
from core.rules.cells import Cell, as_text, as_typed

PAGE_ROWS: Final = 1_000
FORMATS: Final = ("csv", "xlsx")
# A sheet holds no more, its heading included; what comes after stands on the next one.
_SHEET_ROWS: Final = 1_048_576


class Line(Protocol):
    def __call__(self, cells: Sequence[Cell], /) -> None: ...


def write(
    definition: Definition,
    rows: QuerySet[Any],
    keyset: Keyset,
    *,
    file_format: str,
    path: Path,
    progress: Callable[[int], None],
) -> int:
    """
    Write all rows of a list, in the list's order.

    :param file_format: ``csv`` or ``xlsx``
    :param path: the file, which is made or written over
    :param progress: told after each page how many rows are written by then
    :returns: how many rows there are
    """
    read = rows.select_related(*definition.related) if definition.related else rows
    return write_pages(definition, _pages(read, keyset), file_format=file_format, path=path, progress=progress)


def write_pages(
    definition: Definition,
    pages: Iterable[Sequence[Any]],
    *,
    file_format: str,
    path: Path,
    progress: Callable[[int], None],
) -> int:
    """Write rows that come in pages, whatever they are. For the parameters see :func:`write`."""
    written = 0
    headings = [str(column.title) for column in definition.columns]
    values = [column.value for column in definition.columns]
    with (_csv if file_format == "csv" else _xlsx)(path, headings) as line:
        for page in pages:
            for row in page:
                line([value(row) for value in values])
            written += len(page)
            progress(written)
    return written


def _pages(rows: QuerySet[Any], keyset: Keyset) -> Iterator[list[Model]]:
    cursor: str | None = None
    while True:
        page = keyset.page(rows, limit=PAGE_ROWS, cursor=cursor)
        if page.rows:
            yield page.rows
        cursor = page.next
        if cursor is None:
            return


@contextmanager
def _csv(path: Path, headings: Sequence[str]) -> Iterator[Line]:
    # With the mark at its beginning, spreadsheets read it as UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        lines = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        lines.writerow([as_text(heading) for heading in headings])
        yield lambda cells: lines.writerow([as_text(cell) for cell in cells])


@contextmanager
def _xlsx(path: Path, headings: Sequence[str]) -> Iterator[Line]:
    book = Workbook(write_only=True)
    sheets = _Sheets(book, headings)
    yield sheets.line
    sheets.begin_if_none()
    book.save(path)


class _Sheets:
    """The sheets of one book, begun as they are needed."""

    def __init__(self, book: Workbook, headings: Sequence[str]) -> None:
        self._book = book
        self._headings = headings
        self._sheet: Any = None  # the stubs do not know which kind a write-only book makes
        self._rows = 0

    def begin_if_none(self) -> None:
        """A book has one sheet at least."""
        if self._sheet is None:
            self._begin()

    def line(self, cells: Sequence[Cell], /) -> None:
        if self._sheet is None or self._rows >= _SHEET_ROWS:
            self._begin()
        self._append(cells)

    def _begin(self) -> None:
        self._sheet = self._book.create_sheet()
        self._rows = 0
        self._append(self._headings)

    def _append(self, cells: Sequence[Cell]) -> None:
        self._sheet.append([self._cell(as_typed(cell)) for cell in cells])
        self._rows += 1

    def _cell(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        cell = WriteOnlyCell(self._sheet, value)
        # openpyxl takes a text that begins with = for a formula, and one like #N/A for an error.
        cell.data_type = "s"
        return cell
