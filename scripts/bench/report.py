"""``docs/BENCHMARKS.md``: what was measured, where, and what to think of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from core.postgres.binaries import MAJOR_VERSION
from scripts.bench.figures.figure import Line, Measured, Scale

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


def table(results: Mapping[int, Sequence[Line]]) -> list[str]:
    """The rows of the table."""
    rows = ["| # | figure | measured: median (min–max) | reach | reached | remarks |", "|--:|---|---|---|---|---|"]
    for number, lines in sorted(results.items()):
        for line in lines:
            if isinstance(line, Measured):
                cells = [line.spread, str(line.reach), "yes" if line.is_reached else "**no**", line.note]
            else:
                cells = ["not measured", str(line.reach), "—", line.why]
            rows.append(f"| {number} | {line.what} | {' | '.join(cells)} |")
    return rows


def document(results: Mapping[int, Sequence[Line]], scale: Scale, load: float) -> str:
    """The whole text."""
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`; do not edit. Figures are ratios between two ways that take turns on one server",
            f"({scale.rounds} rounds, each of three turns of {scale.seconds:g} s a side; the median of the rounds):",
            "absolute times say more about a machine than about a program.",
            "",
            f"- Measured on {datetime.now(UTC):%Y-%m-%d}, on {machine()}.",
            f"- {versions()}.",
            f"- The load average when the run began: {load:.2f}. PostgreSQL, servers and callers share the machine.",
            "- PostgreSQL runs as Dvorik starts it, `fsync` and `synchronous_commit` on; more connections fit in.",
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
- **Pages** are measured below HTTP, as query and rows, so that nothing else hides a difference.
"""


def write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []
