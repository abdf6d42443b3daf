"""
What was measured, kept from run to run: a figure that is measured anew takes the place of its older self.

A whole run takes the better part of an hour; nobody should repeat all of it for one figure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.bench.figures.figure import Line, Measured, Missing, Reach, Scale


@dataclass(frozen=True, slots=True)
class Result:
    """
    A figure's lines.

    :param load: the machine's load average while they were measured, the figure's own work included
    :param rounds: how often the two ways took turns
    """

    number: int
    measured_on: str
    load: float
    rounds: int
    lines: Sequence[Line]


def result(number: int, lines: Sequence[Line], scale: Scale, load: float) -> Result:
    """A figure, measured today."""
    return Result(number, f"{datetime.now(UTC):%Y-%m-%d}", round(load, 1), scale.rounds, lines)


def read(path: Path) -> dict[int, Result]:
    """What was kept."""
    if not path.exists():
        return {}
    return {each["number"]: _result(each) for each in json.loads(path.read_text("utf-8"))}


def keep(path: Path, results: Mapping[int, Result]) -> None:
    """Replace what was kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps([asdict(each) for each in results.values()], indent=1, ensure_ascii=False), "utf-8")
    partial.replace(path)


def _result(told: dict[str, Any]) -> Result:
    return Result(**{**told, "lines": [_line(line) for line in told["lines"]]})


def _line(told: dict[str, Any]) -> Line:
    reach = Reach(**told.pop("reach"))
    return Missing(reach=reach, **told) if "why" in told else Measured(reach=reach, **told)
