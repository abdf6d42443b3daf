"""Registering jobs, settings and listeners for the length of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core import runtime_settings, time_limits
from core.jobs import registry
from core.limits import outages


@contextmanager
def restored() -> Iterator[None]:
    """Jobs, listeners and settings that are registered within the block are gone after it."""
    kept: list[tuple[Any, Any]] = [
        (each, each.copy())
        for each in (
            registry._definitions,
            registry._on_dead_letter,
            registry._on_decision,
            outages._on_outage,
            outages._on_reached,
            time_limits._on_ended,
            runtime_settings._definitions,
        )
    ]
    try:
        yield
    finally:
        for live, before in kept:
            live.clear()
            live.extend(before) if isinstance(live, list) else live.update(before)
