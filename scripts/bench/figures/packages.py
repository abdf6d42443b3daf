"""Figure 4: the wallets and ledgers that others take."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple

from scripts.bench import fill
from scripts.bench.figures.figure import Line, Measured, Missing, Reach, Scale
from scripts.bench.house import House
from scripts.bench.turns import compare, runner

NUMBERS: tuple[int, ...] = (4,)


class Other(NamedTuple):
    """
    :param package: as it is installed
    :param way: the module of ``scripts.bench.ways`` and the project of ``scripts.bench.stack.settings``
    :param called: what of it is called
    """

    package: str
    module: str
    way: str
    called: str
    reach: Reach


OTHERS = (
    Other("dj-wallet", "dj_wallet", "dj_wallet", "`dj-wallet` withdraw", Reach("≥", 4.5)),
    Other("django-hordak", "hordak", "hordak", "`django-hordak` lock + balance + transfer", Reach("≥", 8)),
    Other("django-ledger", "django_ledger", "ledger", "`django-ledger` commit", Reach("≥", 18)),
)


def measure(house: House, scale: Scale) -> Sequence[Line]:
    environment = house.dvorik()
    fill.customers(house, "bench_dvorik")
    return [_against(other, house, scale, environment) for other in OTHERS]


def _against(other: Other, house: House, scale: Scale, environment: dict[str, str]) -> Line:
    what = f"`charges.charge()` ÷ {other.called}; {scale.clients} clients"
    if find_spec(other.module) is None:
        return Missing(what, other.reach, f"{other.package} is not installed")
    name = f"{other.package} {version(other.package)}"
    try:
        with (
            runner("charge", environment, clients=scale.clients) as ours,
            runner(other.way, house.stack(other.way), clients=scale.clients) as theirs,
        ):
            found = compare(ours, theirs, rounds=scale.rounds, seconds=scale.seconds)
    except SystemExit as failure:
        return Missing(what, other.reach, f"{name} does not work here: {_cause(failure)}")
    rates = f"{found.first.rate:.0f} against {found.second.rate:.0f} a second"
    return Measured(what, other.reach, found.ratios, f"{name}; {rates}")


def _cause(failure: SystemExit) -> str:
    """The exception that stands first in what a process said before it died."""
    said = [line for line in str(failure).splitlines() if ("Error" in line or "Exception" in line) and line[0].strip()]
    return said[0] if said else str(failure)
