"""What a page of Admin says to a person, apart from what it shows: names, notes and codes of the rows behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any, Final

from django.contrib.auth.models import Group
from django.urls import reverse

from tests.laws.house import house_models

# Elements whose text is no language: programs, identifiers, moments.
_MUTE: Final = frozenset({"script", "style", "code", "pre", "svg"})
_EMPTY: Final = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
_ICON: Final = "material-symbols-outlined"
# Attributes that are read, by eyes or by a screen reader.
_SPOKEN: Final = ("title", "placeholder", "aria-label", "alt")
_BUTTONS: Final = frozenset({"submit", "button", "reset"})


class _Reader(HTMLParser):
    """Collects the texts of a page, each with its element's name."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.said += [given[name] for name in _SPOKEN if given.get(name)]
        if tag == "input" and given.get("type") in _BUTTONS:
            self.said.append(given.get("value", ""))
        if tag not in _EMPTY:
            # The switch calls each language by its own name.
            switches = tag == "form" and given.get("action") == reverse("set_language")
            self.open.append((tag, tag in _MUTE or _ICON in given.get("class", "") or switches))

    def handle_endtag(self, tag: str) -> None:
        while self.open and tag in [name for name, _is_mute in self.open]:
            if self.open.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        if not any(is_mute for _name, is_mute in self.open):
            self.said.append(data)


def texts_of(page: str) -> list[str]:
    """Every text of a page that somebody reads or hears."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return [text for each in reader.said if (text := " ".join(each.split()))]


def data() -> set[str]:
    """The texts that the house's rows hold; codes of choices are none, for these are shown in words."""
    return {text for model in (*house_models(), Group) for text in _of_model(model)}


def _of_model(model: Any) -> Iterator[str]:
    fields = [
        field.attname
        for field in model._meta.concrete_fields
        if not field.choices and field.get_internal_type() in _TEXTS
    ]
    for row in model._default_manager.values_list(*fields) if fields else ():
        yield from _leaves(row)


_TEXTS: Final = frozenset({"CharField", "TextField", "SlugField", "EmailField", "JSONField", "ArrayField"})


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield " ".join(value.split())
        case dict():
            yield from _leaves(list(value.values()))
        case list() | tuple():
            for each in value:
                yield from _leaves(each)


class Without:
    """Takes known texts out of others; longer ones first, and only whole ones."""

    def __init__(self, known: Iterable[str]) -> None:
        found = sorted({text for text in known if re.search(r"[^\W\d]", text)}, key=len, reverse=True)
        self.pattern = (
            re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, found)) + r")(?!\w)", re.IGNORECASE) if found else None
        )

    def __call__(self, text: str) -> str:
        return self.pattern.sub(" ", text) if self.pattern else text
