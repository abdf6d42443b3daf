"""Identifiers."""

from datetime import datetime
from uuid import UUID

from uuid_utils import compat


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562): it begins with the time, so that new rows land at an index's end."""
    return compat.uuid7()


def earliest_at(moment: datetime) -> UUID:
    """The smallest id of version 7 that a moment can have: ids made later are larger."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=(milliseconds << 80) | (7 << 76) | (0b10 << 62))
