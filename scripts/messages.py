"""
``make messages``: collects the texts to translate and compiles the translations, without GNU gettext.

``--check`` writes nothing and says which text has no translation, which one is used no more and what is not compiled.
"""

import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
# Of the scripts only what operators see; the others are for developers, who read English.
PLACES = (
    *("accounts", "audit", "billing", "config", "core", "messaging"),
    *("scripts/run.py", "scripts/children.py"),
)
HOUSE = LOCALE / "ru" / "LC_MESSAGES" / "django.po"
PLACE = re.compile(r"%\(\w+\)|\{\w+\}")
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), (1,)),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}


def collected() -> Catalog:
    """Every text of the house that is shown to people, and where it stands."""
    catalog = Catalog(charset="utf-8", fuzzy=False)
    nowhere: Any = None  # line numbers would change with every commit; the types do not know of places without one
    for path in _sources():
        place = path.relative_to(ROOT).as_posix()
        code = io.BytesIO(_as_python(path).encode())
        for _line, text, _comments, context in extract("python", code, keywords=KEYWORDS):
            catalog.add(text, locations=[(place, nowhere)], context=context)
    return catalog


def _sources() -> Iterator[Path]:
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")) if (ROOT / place).is_dir() else [ROOT / place]:
            parts = path.relative_to(ROOT).parts
            if path.suffix in {".py", ".html"} and not {"tests", "migrations"}.intersection(parts):
                yield path


def _as_python(path: Path) -> str:
    source = path.read_text("utf-8")
    if path.suffix == ".py":
        return source
    # What Django makes of a template for gettext is Python but for its indentation.
    return "\n".join(line.strip() for line in templatize(source).splitlines())


def merged(source: Path) -> Catalog:
    """The translations of the house with the texts of today; new ones are empty, forgotten ones are gone."""
    catalog = _read(source)
    catalog.update(collected(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    return catalog


def compiled(source: Path) -> bytes:
    """
    The compiled form of one translation; the same source gives the same bytes.

    :raises ValueError: a translation does not fit its text, such as a lost ``%(name)s``
    """
    catalog = _read(source)
    for message, errors in catalog.check():
        raise ValueError(f"{source.name}:{message.lineno}: {message.id!r}: {errors[0]}")
    # Babel finds places that nothing fills, but not those that are lost.
    for message in catalog:
        if lost := _lost(message.id, message.string):
            raise ValueError(f"{source.name}:{message.lineno}: {message.id!r} lost {', '.join(sorted(lost))}")
    result = io.BytesIO()
    write_mo(result, catalog)
    return result.getvalue()


def _lost(text: object, translation: object) -> set[str]:
    # Of several forms, "one token" needs no number.
    if not (isinstance(text, str) and isinstance(translation, str) and translation):
        return set()
    return set(PLACE.findall(text)) - set(PLACE.findall(translation))


def findings() -> Iterator[str]:
    """What is wrong with the translations, one sentence each."""
    kept = {(message.id, message.context) for message in _read(HOUSE) if message.id}
    used = {(message.id, message.context) for message in collected() if message.id}
    yield from (f"{text!r} is not in {HOUSE.name}: run `make messages`" for text, _context in used - kept)
    yield from (f"{text!r} is used no more: run `make messages`" for text, _context in kept - used)
    for source in sorted(LOCALE.rglob("*.po")):
        yield from of_one_file(source)


def of_one_file(source: Path) -> Iterator[str]:
    """What is wrong within one file of translations and with what it was compiled to."""
    for message in _read(source):
        forms = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
        if message.id and (message.fuzzy or not all(forms)):
            yield f"{source.name}: {message.id!r} has no translation"
    try:
        expected = compiled(source)
    except ValueError as error:
        yield str(error)
        return
    target = source.with_suffix(".mo")
    if not target.exists() or target.read_bytes() != expected:
        yield f"{target.name} is not compiled from its source: run `make messages`"


def _read(source: Path) -> Catalog:
    with source.open("rb") as file:
        return read_po(file)


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    if "--check" in sys.argv[1:]:
        found = sorted(findings())
        print("\n".join(found))
        return 1 if found else 0
    catalog = merged(HOUSE)
    with HOUSE.open("wb") as file:
        write_po(file, catalog, width=0, sort_output=True)
    for source in sorted(LOCALE.rglob("*.po")):
        source.with_suffix(".mo").write_bytes(compiled(source))
        print(f"compiled {source.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
