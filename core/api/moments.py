"""Moments as the API writes and reads them: RFC 3339 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

FIRST_YEAR: Final = 1970

_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


def as_rfc3339(moment: datetime) -> str:
    """``2026-01-31T12:00:00.123456Z``."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_rfc3339(text: str) -> datetime:
    """
    Read a moment; any offset is allowed, none is not. Digits beyond microseconds are cut off.

    :returns: the moment in UTC
    :raises ValueError: it is not RFC 3339, does not exist in the calendar, or lies outside 1970..9999
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError("not RFC 3339")
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the calendar") from None
    if moment.year < FIRST_YEAR:
        raise ValueError("before 1970")
    return moment
