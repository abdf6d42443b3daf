"""Cells that spreadsheets do not compute (RELIABILITY S16)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.cells import LONGEST, as_text, as_typed, defused

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\tplain",
    "\rplain",
    "\nplain",
    " =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    "−1",
    '=HYPERLINK("http://evil.example","x")',
    "=cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "-",
]
PLAIN = ["", "Anna", "a=b", "1-1", "'=1", "user@example.org", "Анна", "«=»", "100 %", "\u202eanna", '"=1+1"', ";=1"]


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_puts_an_apostrophe_before_what_would_be_a_formula(text: str) -> None:
    assert defused(text) == f"'{text}"
    assert as_typed(text) == f"'{text}"
    assert str(as_text(text)).replace("'", "") == text.replace("'", "")
    assert str(as_text(text)).startswith("'")


# Texts that hide a cell, and what a file of commas writes.
HIDDEN = {
    "a;=1": "a;'=1",
    ";=1": ";'=1",
    "a; =1": "a;' =1",
    'a;"=1': "a;'\"=1",
    "a;=cmd|' /C calc'!A0;b": "a;'=cmd|' /C calc'!A0;b",
    "a\t=1": "a\t'=1",
    "a\n=1": "a\n'=1",
    "a\r\n@SUM(1)": "a\r'\n'@SUM(1)",
    "a;＝1;−1": "a;'＝1;'−1",
    "a;b": "a;b",
    "a;1": "a;1",
    "1-1": "1-1",
}


@pytest.mark.parametrize("text", HIDDEN, ids=ascii)
def test_puts_one_before_what_would_be_a_formula_to_a_reader_of_other_separators(text: str) -> None:
    assert as_text(text) == HIDDEN[text]
    assert as_typed(text) == text, "a workbook has its cells already"


READERS = [",", ";", "\t"]


def cells_of(texts: list[str], separator: str, *, write: Callable[[str], object] = as_text) -> list[str]:
    """What a reader that splits at a separator takes for cells, of a line of texts between two others."""
    file = io.StringIO()
    lines = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
    lines.writerow(["id", *[write(text) for text in texts], "end"])
    return [cell for line in csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=separator) for cell in line]


def is_formula(cell: str) -> bool:
    return cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


@pytest.mark.parametrize("separator", READERS, ids=ascii)
@given(texts=st.lists(st.text("ab;,\t\r\n\"'=+-@＝ \u200b"), max_size=3))
def test_no_reader_finds_a_formula(separator: str, texts: list[str]) -> None:
    assert not [cell for cell in cells_of(texts, separator) if is_formula(cell)]


@pytest.mark.parametrize("separator", [";", "\t"], ids=ascii)
def test_a_reader_of_other_separators_would_find_one(separator: str) -> None:
    """The control: the first character alone is not enough, although each text is quoted."""
    assert any(is_formula(cell) for cell in cells_of([f"a{separator}=1"], separator, write=defused))


@pytest.mark.parametrize("text", PLAIN, ids=ascii)
def test_leaves_everything_else_as_it_is(text: str) -> None:
    assert defused(text) == text


@given(st.text())
def test_no_text_begins_a_formula(text: str) -> None:
    assert not defused(text).lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert defused(text)[:1] not in {"\t", "\r", "\n"}


def test_replaces_what_no_file_can_hold() -> None:
    assert defused("a\x00b\x0bc\ud800d\uffff") == "a\ufffdb\ufffdc\ufffdd\ufffd"
    assert defused("\x00=1") == "\ufffd=1"


def test_cuts_what_is_too_long_for_a_cell() -> None:
    assert defused("a" * LONGEST) == "a" * LONGEST
    assert defused("a" * (LONGEST + 1)) == "a" * (LONGEST - 1) + "…"
    assert len(defused("=" * LONGEST)) == LONGEST


def test_numbers_stay_numbers() -> None:
    for number in (-30, 0, 7, Decimal("-149.00")):
        assert as_text(number) == as_typed(number) == number
    assert as_typed(10**15) == str(10**15)
    assert as_text(10**18) == 10**18


def test_moments_are_in_utc() -> None:
    moment = datetime(2026, 1, 31, 15, 0, 0, 5, tzinfo=timezone(timedelta(hours=3)))
    assert as_text(moment) == "2026-01-31T12:00:00Z"
    assert as_typed(moment) == datetime(2026, 1, 31, 12, 0, 0)
    assert as_text(datetime(2026, 1, 31, tzinfo=UTC)) == "2026-01-31T00:00:00Z"


def test_nothing_and_truth() -> None:
    assert (as_text(None), as_text(True), as_text(False)) == ("", "true", "false")
    assert (as_typed(None), as_typed(True)) == (None, True)
