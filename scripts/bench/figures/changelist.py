"""Figure 11: Admin's page of a long ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence

from scripts.bench.figures.figure import Line, Measured, Missing, Reach, Scale, counted
from scripts.bench.figures.long_ledger import filled
from scripts.bench.house import House

NUMBERS: tuple[int, ...] = (11,)
FEW = Reach("≤", 12)


def measure(house: House, scale: Scale) -> Sequence[Line]:
    what = f"an Admin changelist over {counted(scale.rows)} ledger rows: queries"
    told = json.loads(house.run("-m", "scripts.bench.probes.changelist", environment=filled(house, scale)))
    if told is None:
        return [Missing(what, FEW, "Admin has no page of the ledger")]
    return [
        Measured(what, FEW, [told["queries"]], f"{told['ms']:.0f} ms for the whole page"),
        Measured("exact counts among them", Reach("=", 0), [told["counts"]]),
    ]
