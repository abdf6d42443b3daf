"""Figure 13: nothing twice."""

from __future__ import annotations

import json
from collections.abc import Sequence

from scripts.bench import fill
from scripts.bench.figures.figure import Line, Measured, Reach, Scale
from scripts.bench.house import House

NUMBERS: tuple[int, ...] = (13,)


def measure(house: House, scale: Scale) -> Sequence[Line]:  # noqa: ARG001 (one size: the answer is exact)
    environment = house.dvorik("bench_races")
    fill.customers(house, "bench_races", rows_each=1)
    told = json.loads(house.run("-m", "scripts.bench.probes.races", environment=environment))
    lines: list[Line] = [
        Measured(f"effects too many or too few under 1 000 racers: {name}", Reach("=", 0), [wrong])
        for name, wrong in told["wrong"].items()
    ]
    found = told["divergences"]
    what = "what a full reconciliation finds wrong after them"
    return [*lines, Measured(what, Reach("=", 0), [len(found)], "; ".join(found))]
