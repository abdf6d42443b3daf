"""Figure 5: charges in sets."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.bench import fill
from scripts.bench.figures.figure import Line, Measured, Reach, Scale
from scripts.bench.house import House
from scripts.bench.turns import compare, runner

NUMBERS: tuple[int, ...] = (5,)


def measure(house: House, scale: Scale) -> Sequence[Line]:
    environment = house.dvorik()
    fill.customers(house, "bench_dvorik")
    lines = []
    for wallets, what, reach in (
        ("many", "many wallets", Reach("≥", 8)),
        ("one", "one hot wallet", Reach("≥", 10)),
    ):
        chosen = {**environment, "BENCH_WALLETS": wallets}
        # One caller at a time: what a single server of a bot's owner does.
        with runner("charge_many", chosen, clients=1) as sets, runner("charge", chosen, clients=1) as single:
            found = compare(sets, single, rounds=scale.rounds, seconds=scale.seconds)
        rates = f"{found.first.rate:.0f} against {found.second.rate:.0f} a second"
        lines.append(Measured(f"`charge_many` of 100 ÷ single charges; {what}", reach, found.ratios, rates))
    return lines
