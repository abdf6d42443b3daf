"""
``python -m scripts.bench [figure …] [--quick] [--rows N]``: measures, and writes ``docs/BENCHMARKS.md``.

Figures that are measured alone take their place among those measured before. What was quick is printed only.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.bench import report, results
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
from scripts.bench.results import Result, result

# In the order of their numbers; books are checked last on the long ledger, because that writes into it.
FIGURES: tuple[Figure, ...] = (
    *(statements, raw_psycopg, orm, packages, batches, http, long_ledger, pages, changelist, races, books),
)

KEPT = ROOT / "var" / "bench" / "results.json"
REPORT = ROOT / "docs" / "BENCHMARKS.md"


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
    found: dict[int, Result] = {}
    with opened() as house:
        for figure in chosen:
            lines = figure.measure(house, scale)
            load = os.getloadavg()[0]
            fresh = {number: result(number, its, scale, load) for number, its in _by_number(figure, lines).items()}
            found |= fresh
            print("\n".join(report.table(fresh.values())[2:]), flush=True)
            if not asked.quick:
                # At once: what a later figure breaks takes nothing of this one along.
                kept = results.read(KEPT) | fresh
                results.keep(KEPT, kept)
                report.write(REPORT, report.document(list(kept.values()), scale))
    if asked.output:
        report.write(asked.output, report.document(list(found.values()), scale))
    return 0


def _by_number(figure: Figure, lines: Sequence[Line]) -> dict[int, Sequence[Line]]:
    """A figure's lines; one line each for a module that measures several figures."""
    if len(figure.NUMBERS) == 1:
        return {figure.NUMBERS[0]: lines}
    return {number: [line] for number, line in zip(figure.NUMBERS, lines, strict=True)}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure, and write docs/BENCHMARKS.md.")
    parser.add_argument("figures", nargs="*", type=int, help="the numbers of figures; all by default")
    parser.add_argument("--quick", action="store_true", help="short turns and a short ledger: to see that it works")
    parser.add_argument("--rows", type=int, help="how long the long ledger is (10 000 000)")
    parser.add_argument("--output", type=Path, help="where to write a report of this run alone")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
