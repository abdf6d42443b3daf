"""What billing's tests share."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("billing.tests.deeds", "billing.tests.snapshots")

from billing.tests.snapshots import Unmoved, refused_and_unmoved  # noqa: E402  rewritten first
from core import runtime_settings  # noqa: E402  after what is rewritten


@pytest.fixture
def unmoved(transactional_db: None) -> Unmoved:
    """
    ``with unmoved(errors.InsufficientTokens) as refusal: …``: refused so, and nothing moved. Transactions are real
    in such a test: what the block committed stays, and is seen.
    """
    return refused_and_unmoved


@pytest.fixture(autouse=True)
def settings_forgotten() -> Iterator[None]:
    """What one test has set, the next one does not remember."""
    yield
    runtime_settings.forget_cached()
