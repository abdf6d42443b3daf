"""What billing's tests share."""

import pytest

pytest.register_assert_rewrite("billing.tests.deeds", "billing.tests.snapshots")

from billing.tests.snapshots import Unmoved, refused_and_unmoved  # noqa: E402  rewritten first


@pytest.fixture
def unmoved(transactional_db: None) -> Unmoved:
    """
    ``with unmoved(errors.InsufficientTokens) as refusal: …``: refused so, and nothing moved. Transactions are real
    in such a test: what the block committed stays, and is seen.
    """
    return refused_and_unmoved
