"""What a cell of a spreadsheet may hold, so that nothing in it is computed when somebody opens the file."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

Cell = str | int | bool | Decimal | datetime | None

# Spreadsheets take a cell that begins so for a formula, full-width letters included; some skip what stands before it.
_BEGINS_A_FORMULA: Final = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212]|[\t\r\n]")
# A reader that splits a line of commas elsewhere, at semicolons as Excel does in Russia, or at tabs, loses track of the
# quotes, and finds new cells, or new lines, within a text.
_BEGINS_ELSEWHERE: Final = re.compile(
    r"([;\t\r\n])(?=[\s\"\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212])"
)
# XML cannot hold them, and no reader shows them.
_UNWRITABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# The most that Excel keeps in one cell.
LONGEST: Final = 32_767


def defused(text: str) -> str:
    """
    The text as a cell shows it: one that would be a formula gets an apostrophe in front (OWASP, CSV Injection).

    What no file can hold becomes a replacement character, and what is too long for a cell ends in an ellipsis.
    """
    written = _UNWRITABLE.sub("\ufffd", text)
    if _BEGINS_A_FORMULA.match(written):
        written = f"'{written}"
    return written if len(written) <= LONGEST else f"{written[: LONGEST - 1]}…"


def as_text(cell: Cell) -> str | int | Decimal:
    """
    A cell of a CSV file. Numbers stay numbers, moments are RFC 3339 in UTC, and nothing is an empty text. What would
    be a formula after a semicolon, a tab or the end of a line gets an apostrophe in front, too.
    """
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case datetime():
            return cell.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case str():
            return _BEGINS_ELSEWHERE.sub(r"\1'", defused(cell))
    return cell


def as_typed(cell: Cell) -> str | int | bool | Decimal | datetime | None:
    """A cell of an XLSX file. Moments are in UTC: spreadsheets know no zones."""
    match cell:
        case datetime():
            return cell.astimezone(UTC).replace(tzinfo=None, microsecond=0)
        case str():
            return defused(cell)
        case int() if not isinstance(cell, bool) and abs(cell) >= 10**15:
            # Spreadsheets count with 15 digits; an id of more would come out as another one.
            return str(cell)
    return cell
