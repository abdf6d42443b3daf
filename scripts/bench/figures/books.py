"""Figure 12: checking the books."""

from __future__ import annotations

import json
from collections.abc import Sequence

from scripts.bench import fill
from scripts.bench.figures.figure import Line, Measured, Reach, Scale
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
    ratios, since, whole = [], {}, {}
    for _round in range(ROUNDS):
        whole = json.loads(house.run("-m", "scripts.bench.probes.books", "full", environment=environment))
        fill.more_charges(house, LONG, rows=rows, wallets=wallets)
        since = json.loads(house.run("-m", "scripts.bench.probes.books", "since", environment=environment))
        ratios.append(since["seconds"] / whole["seconds"])
    what = f"incremental reconciliation of the last {rows:,} rows ÷ the full one at {whole['rows']:,}"
    note = f"{since['seconds']:.2f} s for {wallets} wallets against {whole['seconds']:.1f} s"
    return [Measured(what.replace(",", " "), Reach("≤", 0.06), ratios, note)]
