"""What can be exported, and who wants to hear of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from django.utils.functional import Promise

from core.actors import Actor
from core.rules.cells import Cell


@dataclass(frozen=True, slots=True)
class Column:
    """
    :param title: its heading, in the language of whoever asks
    :param value: its cell, from a row; no query of its own
    """

    title: str | Promise
    # Any: rows of different models, each read by its own columns.
    value: Callable[[Any], Cell]


@dataclass(frozen=True, slots=True)
class Definition:
    """
    Something that can be exported.

    :param name: ``ledger``; ``core.export_ledger`` is the right to do so
    :param title: how people call it
    :param related: what the columns read besides the row itself
    :param compute: of what is no list of Admin: its rows, from the query string that it is asked for with; few enough
        for memory
    """

    name: str
    title: str | Promise
    columns: tuple[Column, ...]
    related: tuple[str, ...] = ()
    compute: Callable[[str], Sequence[Any]] | None = None

    @property
    def permission(self) -> str:
        """The right that it takes."""
        return f"core.export_{self.name}"


@dataclass(frozen=True, slots=True)
class Deed:
    """
    Something that was done with an export: ``made`` or ``downloaded``.

    :param filters: the list's query string
    """

    deed: str
    export_id: str
    name: str
    file_format: str
    filters: str
    rows: int


class OnDeed(Protocol):
    def __call__(self, deed: Deed, /, *, by: Actor) -> object: ...


_definitions: Final[dict[str, Definition]] = {}
_on_deed: Final[list[OnDeed]] = []


def register(
    *,
    name: str,
    title: str | Promise,
    columns: Sequence[Column],
    related: Sequence[str] = (),
    compute: Callable[[str], Sequence[Any]] | None = None,
) -> Definition:
    """
    Register an export. For the parameters see :class:`Definition`.

    :raises RuntimeError: the name is taken
    """
    if name in _definitions:
        raise RuntimeError(f"the export {name} is registered twice")
    return _definitions.setdefault(name, Definition(name, title, tuple(columns), tuple(related), compute))


def definition(name: str) -> Definition:
    """:raises KeyError: nothing is registered under the name"""
    return _definitions[name]


def definitions() -> list[Definition]:
    """Everything that can be exported, by name."""
    return [_definitions[name] for name in sorted(_definitions)]


def on_deed(callback: OnDeed) -> OnDeed:
    """Have a function called, in the transaction in which an export is made or given out."""
    _on_deed.append(callback)
    return callback


def announce(deed: Deed, *, by: Actor) -> None:
    """Tell whoever wants to hear of it."""
    for listener in _on_deed:
        listener(deed, by=by)
