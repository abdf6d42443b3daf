"""Figure 2: what Python adds to the statement."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.bench import fill
from scripts.bench.figures.figure import Line, Measured, Reach, Scale
from scripts.bench.house import House
from scripts.bench.turns import compare, runner

NUMBERS: tuple[int, ...] = (2,)
REACH = Reach("≥", 0.9)


def measure(house: House, scale: Scale) -> Sequence[Line]:
    environment = house.dvorik()
    fill.customers(house, "bench_dvorik")
    lines = []
    for clients, cursor, what in (
        (1, "", "`charges.charge()` ÷ the same CTE by raw psycopg, prepared; one client"),
        (scale.clients, "", f"the same; {scale.clients} clients"),
        (scale.clients, "kept", f"the same; {scale.clients} clients, psycopg with a cursor that is kept"),
    ):
        with (
            runner("charge", environment, clients=clients) as ours,
            runner("raw_sql", {**environment, "BENCH_CURSOR": cursor}, clients=clients) as raw,
        ):
            found = compare(ours, raw, rounds=scale.rounds, seconds=scale.seconds)
        note = (
            f"{found.first.rate:.0f} against {found.second.rate:.0f} a second; "
            f"{found.first.cpu * 1e6:.0f} µs of the client's processor against {found.second.cpu * 1e6:.0f}"
        )
        lines.append(Measured(what, REACH, found.ratios, note))
    return lines
