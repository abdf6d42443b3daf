"""What the search above the sidebar finds. Each app registers finders for its own things; this floor has jobs only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from django.http import HttpRequest

from core.admin.display import Text

# Nobody types more; what is longer was pasted by mistake.
LONGEST_TERM: Final = 200
# The most that one finder may add.
PER_FINDER: Final = 5


@dataclass(frozen=True, slots=True)
class Hit:
    """
    One thing found.

    :param title: how people call it
    :param description: what it is
    :param link: its page
    :param icon: of Material Symbols
    """

    title: str
    description: Text
    link: str
    icon: str


class Finder(Protocol):
    """
    Finds at most :data:`PER_FINDER` things that the operator may see, by indexes, with one query or none.
    """

    def __call__(self, request: HttpRequest, term: str) -> Iterable[Hit]: ...


_finders: Final[list[Finder]] = []


def register_finder(finder: Finder) -> Finder:
    """Have the search ask a function as well; can be used as a decorator."""
    if finder not in _finders:
        _finders.append(finder)
    return finder


def find(request: HttpRequest, term: str) -> list[Hit]:
    """Whatever the finders know under a term, in the order in which they were registered."""
    term = term.strip()
    if not term or len(term) > LONGEST_TERM:
        return []
    return [hit for finder in _finders for hit in finder(request, term)]
