"""Figure 12: checking the books."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import median
from typing import Any

from scripts.bench import fill
from scripts.bench.figures.figure import Line, Measured, Reach, Scale, counted
from scripts.bench.figures.long_ledger import LONG, filled
from scripts.bench.house import House

NUMBERS: tuple[int, ...] = (12,)
ROUNDS = 5
# Rows that came since the books were last checked, and over how many wallets: a hundredth of the ledger.
ROWS_SHARE = 100
ROWS_PER_WALLET = 20


def measure(house: House, scale: Scale) -> Sequence[Line]:
    environment = filled(house, scale)
    rows = scale.rows // ROWS_SHARE
    wallets = max(1, min(rows // ROWS_PER_WALLET, scale.rows // 10 // fill.ROWS_PER_WALLET))

    def checked(how: str) -> Any:  # Any: what a probe has printed
        return json.loads(house.run("-m", "scripts.bench.probes.books", how, environment=environment))

    before = checked("full")
    each = []
    for _round in range(ROUNDS):
        fill.more_charges(house, LONG, rows=rows, wallets=wallets)
        each.append(checked("since")["seconds"])
    after = checked("full")
    # The full one takes minutes: it runs before and after, and its mean counts for each round.
    whole = (before["seconds"] + after["seconds"]) / 2
    what = f"incremental reconciliation of the last {counted(rows)} rows ÷ the full one at {counted(before['rows'])}"
    note = f"{median(each):.2f} s for {counted(wallets)} wallets against {whole:.0f} s"
    return [Measured(what, Reach("≤", 0.06), [seconds / whole for seconds in each], note)]
