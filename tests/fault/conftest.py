"""One stack for all crash tests of a process: making it takes longer than crashing it."""

from collections.abc import Iterator

import pytest

from tests.fault.stack import Stack


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """A running stack; whatever is left of it at the end is removed."""
    made = Stack()
    try:
        made.start()
        yield made
    finally:
        made.stop()
