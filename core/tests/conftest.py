"""What core's tests share."""

from collections.abc import Iterator

import pytest

from core import runtime_settings
from core.jobs import wake_ups
from core.tests import registries


@pytest.fixture
def registry_restored() -> Iterator[None]:
    """Jobs, listeners and settings that a test registers are gone after it."""
    with registries.restored():
        yield


@pytest.fixture
def fresh_process() -> Iterator[None]:
    """This process remembers neither settings nor that a broker was away, before the test and after it."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    runtime_settings.forget_cached()
    wake_ups._silent_until = 0.0
