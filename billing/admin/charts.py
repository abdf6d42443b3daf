"""Figures and drawings of Admin's pages about the business: data for Chart.js, and the same in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils.formats import date_format

# Axes write numbers as the figures above them do, in either language: 18 849,60.
NUMBERS: Final = "ru"
GREEN, BLUE, AMBER, RED, GREY = "#1f9d8f", "#5b8def", "#e0a33a", "#d9635b", "#a3acb9"
PLUM: Final = "#9b6dc6"
_AXIS: Final = "#8b95a5"


@dataclass(frozen=True, slots=True)
class Figure:
    """
    A number at the top.

    :param note: what puts it into proportion
    """

    title: str
    value: str
    note: str
    url: str


@dataclass(frozen=True, slots=True)
class Chart:
    """
    A drawing and what it says in words.

    :param kind: of Chart.js
    :param data: of one drawing, or of several under each other, each with a scale of its own
    :param words: for those who cannot see it
    """

    title: str
    kind: str
    data: Sequence[str]
    options: str
    words: str
    legend: Sequence[tuple[str, str, str]] = ()
    is_empty: bool = False


def bars(label: str, values: Sequence[float], colour: str, *, stack: str = "") -> dict[str, Any]:
    """
    A row of bars.

    :param stack: those of one name stand upon each other
    """
    return {
        "label": label,
        "data": values,
        "backgroundColor": colour,
        "borderRadius": 0 if stack else 3,
        "maxBarThickness": 18,
        "categoryPercentage": 0.75,
        "barPercentage": 0.9,
    } | ({"stack": stack} if stack else {})


def line(label: str, values: Sequence[float], colour: str, *, filled: bool = True) -> dict[str, Any]:
    """A line, with the ground below it in the same colour."""
    return {
        "label": label,
        "data": values,
        "borderColor": colour,
        "backgroundColor": f"{colour}24",
        "fill": filled,
        "tension": 0.3,
        "borderWidth": 2,
        "pointRadius": 0,
        "pointHitRadius": 12,
    }


def data(days: Sequence[date], *datasets: Mapping[str, Any]) -> str:
    """What one drawing shows, by days."""
    return json.dumps({"labels": [date_format(day, "MONTH_DAY_FORMAT") for day in days], "datasets": datasets})


def options(*, is_stacked: bool = False) -> str:
    """How a drawing by days looks."""
    grid = {"drawTicks": False, "lineWidth": 0.6}
    return json.dumps(
        {
            "animation": False,
            "responsive": True,
            "maintainAspectRatio": False,
            "locale": NUMBERS,
            "interaction": {"mode": "index", "intersect": False},
            "plugins": {"legend": {"display": False}},
            "scales": {
                "x": {
                    "stacked": is_stacked,
                    "grid": {"display": False},
                    "border": {"display": False},
                    "ticks": {"color": _AXIS, "maxTicksLimit": 8, "maxRotation": 0},
                },
                "y": {
                    "stacked": is_stacked,
                    "beginAtZero": True,
                    "grid": grid,
                    "border": {"display": False},
                    "ticks": {"color": _AXIS, "maxTicksLimit": 5, "precision": 0, "padding": 6},
                },
            },
        }
    )
