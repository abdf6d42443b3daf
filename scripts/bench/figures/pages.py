"""Figure 10: the last page of a list."""

from __future__ import annotations

import json
from collections.abc import Sequence

from scripts.bench import fill
from scripts.bench.figures.figure import Line, Measured, Reach, Scale, counted
from scripts.bench.figures.long_ledger import LONG, filled
from scripts.bench.house import House

NUMBERS: tuple[int, ...] = (10,)


def measure(house: House, scale: Scale) -> Sequence[Line]:
    environment = filled(house, scale)
    fill.events(house, LONG, rows=scale.rows // 10)
    told = json.loads(house.run("-m", "scripts.bench.probes.pages", str(scale.rounds), environment=environment))
    return [
        Measured(
            f"last page ÷ first page: {name}, {counted(answer['rows'])} rows",
            Reach("≤", 2),
            answer["ratios"],
            f"{answer['ms']:.2f} ms a page of 50",
        )
        for name, answer in told.items()
    ]
