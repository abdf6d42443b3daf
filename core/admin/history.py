"""
What happened to an object, shown beside it. This floor keeps no history; whoever does registers a reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from django.db.models import Model


@dataclass(frozen=True, slots=True)
class Change:
    """One column's step. Empty where there was nothing, or is nothing now."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One thing that happened.

    :param deed: in words
    :param who: how people call the one who did it
    :param url: the page that tells all of it
    """

    at: datetime
    who: str
    deed: str
    reason: str
    changes: Sequence[Change]
    url: str


class HistoryReader(Protocol):
    """Answers with the newest first."""

    def latest(self, row: Model, limit: int) -> Sequence[Entry]: ...

    def url(self, row: Model) -> str:
        """The page of all of it."""


_readers: Final[list[HistoryReader]] = []


def register_history_reader(reader: HistoryReader) -> None:
    """Name the one who keeps history. A later reader takes over."""
    _readers[:] = [reader]


def latest(row: Model, limit: int = 8) -> Sequence[Entry]:
    """What happened to an object lately."""
    return _readers[0].latest(row, limit) if _readers else []


def url_of(row: Model) -> str | None:
    """Where all of an object's history is shown."""
    return _readers[0].url(row) if _readers else None
