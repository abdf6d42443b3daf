"""Figure 1: one statement."""

from __future__ import annotations

import json
from collections.abc import Sequence

from scripts.bench import fill
from scripts.bench.figures.figure import Line, Measured, Reach, Scale
from scripts.bench.house import House

NUMBERS: tuple[int, ...] = (1,)
ONE = Reach("=", 1)


def measure(house: House, scale: Scale) -> Sequence[Line]:  # noqa: ARG001 (one size: the answer is exact)
    environment = house.dvorik()
    fill.customers(house, "bench_dvorik")
    counts = json.loads(house.run("-m", "scripts.bench.probes.statements", environment=environment))
    return [
        Measured("SQL statements in one charge", ONE, [counts["operation"]]),
        Measured(
            "SQL statements in one HTTP charge of a known caller",
            ONE,
            [counts["http"]],
            f"{counts['http_first']} where the key must be looked up first: at most once a second in each process.",
        ),
    ]
