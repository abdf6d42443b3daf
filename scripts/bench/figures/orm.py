"""Figure 3: the ORM way."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.bench import fill
from scripts.bench.figures.figure import Line, Measured, Reach, Scale
from scripts.bench.house import House
from scripts.bench.turns import compare, runner

NUMBERS: tuple[int, ...] = (3,)
REACH = Reach("≥", 4.5)


def measure(house: House, scale: Scale) -> Sequence[Line]:
    environment, other = house.dvorik(), house.stack("shop")
    fill.customers(house, "bench_dvorik")
    with (
        runner("charge", environment, clients=scale.clients) as ours,
        runner("orm", other, clients=scale.clients) as orm,
    ):
        found = compare(ours, orm, rounds=scale.rounds, seconds=scale.seconds)
    return [
        Measured(
            f"`charges.charge()` ÷ the ORM way; {scale.clients} clients",
            REACH,
            found.ratios,
            f"{found.first.rate:.0f} against {found.second.rate:.0f} a second",
        )
    ]
