"""What core's tests share."""

from collections.abc import Iterator
from typing import Any

import pytest

from core import runtime_settings
from core.jobs import registry, wake_ups


@pytest.fixture
def registry_restored() -> Iterator[None]:
    """Jobs, listeners and settings that a test registers are gone after it."""
    kept: list[tuple[Any, Any]] = [
        (each, each.copy())
        for each in (
            registry._definitions,
            registry._on_dead_letter,
            registry._on_decision,
            runtime_settings._definitions,
        )
    ]
    yield
    for live, before in kept:
        live.clear()
        live.extend(before) if isinstance(live, list) else live.update(before)


@pytest.fixture
def fresh_process() -> Iterator[None]:
    """This process remembers neither settings nor that a broker was away, before the test and after it."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    runtime_settings.forget_cached()
    wake_ups._silent_until = 0.0
