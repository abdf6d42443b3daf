"""
``python -m scripts.bench [figure …] [--quick] [--rows N]``: measures, and writes ``docs/BENCHMARKS.md``.

A run that was quick, smaller or of some figures only is printed and not written, unless a file is named.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.bench import report
from scripts.bench.figures import (
    batches,
    books,
    changelist,
    http,
    long_ledger,
    orm,
    packages,
    pages,
    races,
    raw_psycopg,
    statements,
)
from scripts.bench.figures.figure import QUICK, Figure, Line, Scale
from scripts.bench.house import ROOT, opened

# In the order of their numbers; books are checked last on the long ledger, because that writes into it.
FIGURES: tuple[Figure, ...] = (
    *(statements, raw_psycopg, orm, packages, batches, http, long_ledger, pages, changelist, races, books),
)


def main() -> int:
    asked = _arguments().parse_args()
    wanted = set(asked.figures)
    chosen = [figure for figure in FIGURES if not wanted or wanted & set(figure.NUMBERS)]
    if unknown := wanted - {number for figure in FIGURES for number in figure.NUMBERS}:
        print(f"There is no figure {', '.join(map(str, sorted(unknown)))}.", file=sys.stderr)
        return 2
    scale = QUICK if asked.quick else Scale()
    if asked.rows:
        scale = replace(scale, rows=asked.rows)
    load = os.getloadavg()[0]
    results: dict[int, Sequence[Line]] = {}
    with opened() as house:
        for figure in chosen:
            lines = figure.measure(house, scale)
            numbered = dict.fromkeys(figure.NUMBERS, lines) if len(figure.NUMBERS) == 1 else _each(figure, lines)
            results |= numbered
            print("\n".join(report.table(numbered)[2:]), flush=True)
    text = report.document(results, scale, load)
    is_whole = not (wanted or asked.quick or asked.rows)
    if asked.output or is_whole:
        report.write(asked.output or ROOT / "docs" / "BENCHMARKS.md", text)
    return 0


def _each(figure: Figure, lines: Sequence[Line]) -> dict[int, Sequence[Line]]:
    """One line for each number."""
    return {number: [line] for number, line in zip(figure.NUMBERS, lines, strict=True)}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure, and write docs/BENCHMARKS.md.")
    parser.add_argument("figures", nargs="*", type=int, help="the numbers of figures; all by default")
    parser.add_argument("--quick", action="store_true", help="short turns and a short ledger: to see that it works")
    parser.add_argument("--rows", type=int, help="how long the long ledger is (10 000 000)")
    parser.add_argument("--output", type=Path, help="where to write the report, also that of a part")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
