"""What messaging's tests share."""

from collections.abc import Iterator

import pytest

from messaging import handlers


@pytest.fixture
def registered() -> Iterator[None]:
    """Handlers that a test registers are gone after it, and those of the house are away meanwhile."""
    kept = dict(handlers._handlers)
    handlers._handlers.clear()
    yield
    handlers._handlers.clear()
    handlers._handlers.update(kept)
