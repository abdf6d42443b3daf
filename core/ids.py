"""Identifiers."""

from uuid import UUID

from uuid_utils import compat


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562): it begins with the time, so that new rows land at an index's end."""
    return compat.uuid7()
