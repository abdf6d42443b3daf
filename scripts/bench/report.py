"""``docs/BENCHMARKS.md``: what was measured, where, and what to think of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil

from core.postgres.binaries import MAJOR_VERSION
from scripts.bench.figures.figure import Measured, Scale
from scripts.bench.results import Result
from scripts.bench.turns import TURNS_PER_ROUND

PACKAGES = ("django", "djangorestframework", "psycopg", "gunicorn")


def machine() -> str:
    """What it ran on, without its name."""
    processor = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} processors ({processor}), {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def versions() -> str:
    """Of what matters here."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, PostgreSQL {MAJOR_VERSION}, {packages}"


def table(results: Iterable[Result]) -> list[str]:
    """The rows of the table."""
    rows = [
        "| # | figure | measured: median (min–max) | reach | reached | remarks | load |",
        "|--:|---|---|---|---|---|--:|",
    ]
    for result in sorted(results, key=lambda each: each.number):
        for line in result.lines:
            if isinstance(line, Measured):
                cells = [line.spread, str(line.reach), "yes" if line.is_reached else "**no**", line.note]
            else:
                cells = ["not measured", str(line.reach), "—", line.why]
            rows.append(f"| {result.number} | {line.what} | {' | '.join(cells)} | {result.load:g} |")
    return rows


def document(results: Sequence[Result], scale: Scale) -> str:
    """The whole text."""
    days = sorted({result.measured_on for result in results})
    measured_on = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`; do not edit. Figures are ratios between two ways that take turns on one server",
            f"({scale.rounds} rounds, each of {TURNS_PER_ROUND} turns of {scale.seconds:g} s a side; the median of the",
            "rounds): absolute times say more about a machine than about a program.",
            "",
            f"- Measured on {measured_on}, on {machine()}.",
            f"- {versions()}.",
            "- PostgreSQL runs as Dvorik starts it, `fsync` and `synchronous_commit` on; more connections fit in.",
            "- `load` is the machine's load average when the figure was done: PostgreSQL, servers and callers share",
            "  it with one another and with whatever else ran. Both ways of a figure had the same of it.",
            "",
            *table(results),
            "",
            NOTES.strip(),
            "",
        ]
    )


NOTES = """
## What to think of it

- **The raw psycopg way** sends the very statement of `charges.charge()`, with `prepare=True`, and does what no caller
  can leave out: it makes an id and a key, and reads the row. It hashes nothing and checks nothing. The stricter line
  keeps one cursor for all its statements, as `core.prepared` does.
- **The ORM way** and **the common stack** are `scripts/bench/stack`: what a Django project looks like that follows the
  manuals. It honours idempotency keys, too; it has no holds, no lots, no frozen wallets and no audit.
- **The packages** do less than a charge does (none knows idempotency keys) or something else (double entry); each is
  called as its own manual shows, with wallets, accounts or books of its own for each client, so that none waits for
  another. They run with Django's usual connection settings.
- **Over HTTP** Dvorik is served as configured (2 workers of 4 threads, a line of log for each request), the common
  stack by synchronous workers, twice the processors and one. Callers keep connections open where the server does;
  synchronous gunicorn does not.
- **The long ledger** is written by the superuser with triggers and foreign keys suspended and indexes built at the end,
  because ten million operations would take hours; what is measured on it runs with everything in force. A tenth of its
  rows belong to one wallet, the others have a hundred each.
- **Checking the books** in full takes minutes, so it runs once before and once after the rounds, and its mean counts.
  A check since the last one replays the lots of each wallet that has moved, from the checkpoint that an earlier check
  left there; one of up to 16 rows has none and is read from its first row. Here twenty new rows each came to ledgers of
  a hundred. The questions about holds, payments and codes are asked of all rows by either check.
- **Pages** are measured below HTTP, as query and rows, so that nothing else hides a difference.
"""


def write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []
