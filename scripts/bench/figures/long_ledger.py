"""Figure 9: the charge on a long ledger."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.bench import fill
from scripts.bench.figures.figure import Line, Measured, Reach, Scale, counted
from scripts.bench.house import House
from scripts.bench.turns import compare, runner

NUMBERS: tuple[int, ...] = (9,)
LONG = "bench_long"


def filled(house: House, scale: Scale) -> dict[str, str]:
    """The database with the long ledger, which several figures share, and its environment."""
    environment = house.dvorik(LONG)
    fill.ledger(house, LONG, rows=scale.rows)
    return environment


def measure(house: House, scale: Scale) -> Sequence[Line]:
    environment = filled(house, scale)
    empty = house.dvorik("bench_short")
    fill.customers(house, "bench_short", rows_each=1)
    with (
        runner("charge", environment, clients=scale.clients) as long,
        runner("charge", empty, clients=scale.clients) as short,
    ):
        found = compare(long, short, rounds=scale.rounds, seconds=scale.seconds)
    rates = f"{found.first.rate:.0f} against {found.second.rate:.0f} a second"
    what = f"charge with {counted(scale.rows)} ledger rows ÷ with none; {scale.clients} clients"
    return [Measured(what, Reach("≥", 0.9), found.ratios, rates)]
