"""Figures 6 to 8: the charge over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.bench import fill, web
from scripts.bench.figures.figure import Line, Measured, Reach, Scale
from scripts.bench.house import House
from scripts.bench.turns import Compared, compare, runner

NUMBERS: tuple[int, ...] = (6, 7, 8)


def measure(house: House, scale: Scale) -> Sequence[Line]:
    fill_from = house.dvorik()
    fill.customers(house, "bench_dvorik")
    lines: list[Line] = []
    with web.dvorik(house, fill_from) as port:
        many = web.charging_dvorik(house, port, wallets="many", clients=scale.callers)
        hot = web.charging_dvorik(house, port, wallets="one", clients=scale.callers)
        for connections, reach, what in (
            ("closed", Reach("≥", 5), "HTTP charge ÷ the common stack (gunicorn sync, `CONN_MAX_AGE=0`)"),
            ("persistent", Reach("≥", 2.4), "HTTP charge ÷ the same stack with persistent connections"),
        ):
            with web.stack(house, connections) as other_port:
                other = web.charging_stack(house, other_port, clients=scale.callers)
                with (
                    runner("http", many, clients=scale.callers) as ours,
                    runner("http", other, clients=scale.callers) as theirs,
                ):
                    found = compare(ours, theirs, rounds=scale.rounds, seconds=scale.seconds)
            lines.append(Measured(f"{what}; {scale.callers} callers", reach, found.ratios, _rates(found)))
        with (
            runner("http", hot, clients=scale.callers) as one,
            runner("http", many, clients=scale.callers) as every,
        ):
            found = compare(one, every, rounds=scale.rounds, seconds=scale.seconds)
        what = f"HTTP charge, one hot wallet ÷ many wallets; {scale.callers} callers"
        lines.append(Measured(what, Reach("≥", 0.85), found.ratios, _rates(found)))
    return lines


def _rates(found: Compared) -> str:
    return f"{found.first.rate:.0f} against {found.second.rate:.0f} a second"
