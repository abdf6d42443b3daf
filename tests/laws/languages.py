"""What is Russian, what is English, and what is neither: names and codes that are the same in every language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from django.utils import translation

from core.money import EXPONENTS

Text = object
Said = Iterable[tuple[str, Text]]

# What stands in Latin letters in Russian texts, and why it is no English.
PROPER: Final[Mapping[str, str]] = {
    **dict.fromkeys(("Telegram Premium", "Telegram Stars", "Telegram", "Stars", "Dvorik"), "a product's name"),
    **dict.fromkeys(("Telegram Payments", "Kassa", "YooKassa", "Stripe"), "a payment provider's name"),
    "MRR": "a term of the trade",
    **dict.fromkeys(("PostgreSQL", "Redis", "Django", "Python", "Ctrl-C"), "a product's name, or a key's"),
    **dict.fromkeys(
        ("API", "UUID", "IP", "JSON", "CSV", "XLSX", "CIDR", "URL", "UTC", "NUL", "ASCII"), "a term's letters"
    ),
    **dict.fromkeys(("ISO", "RFC", "SHA", "CSRF", "Refresh-", "refresh-"), "a standard's name"),
    **dict.fromkeys(("Idempotency-Key", "Content-Length", "Retry-After", "Accept"), "a header's name"),
    **dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), "a request's method"),
    **dict.fromkeys(("psql", "ipython", "bpython", "python", "PYTHONSTARTUP"), "a program's name, or a variable's"),
    **dict.fromkeys(("immediate", "audit:read, staff", "staff"), "what an option takes, as it is typed"),
    **dict.fromkeys(("esc", "MSK", "SPRING-", "cookie"), "a key, a time zone, an example, a browser's word"),
    **dict.fromkeys(("staff: ",), "a scope, before what it means"),
    **dict.fromkeys(EXPONENTS, "a currency's code"),
    **dict.fromkeys(("id", "Id", "ID"), "what Russian operators call it, too"),
}
_PROPER: Final = re.compile(
    r"(?<![A-Za-z])(?:" + "|".join(map(re.escape, sorted(PROPER, key=len, reverse=True))) + r")(?![A-Za-z])"
)
# What stands in texts as it is typed: names in code (`x`, a.b, a_b, --option, /path, @name, %(place)s, A1) and what is
# quoted.
_CODE: Final = re.compile(
    r"`[^`]*`|«[^»]*»|\"[^\"]*\"|%\(\w+\)[a-z]|%[sd]|\{\w+\}|https?://\S+"
    r"|[\w@./:=*+-]*(?:[_/@=\d]|(?<=\w)[.:](?=\w)|(?<!\w)-{1,2}(?=\w))[\w@./:=*+-]*"
)
_LATIN: Final = re.compile(r"[A-Za-z]{2,}|(?<=[А-яё])[A-Za-z]")
_CYRILLIC: Final = re.compile(r"[Ѐ-ӿ]+")


def english_in(text: str) -> list[str]:
    """The English words of a text that is to be Russian."""
    return _LATIN.findall(_CODE.sub(" ", _PROPER.sub(" ", text)))


def russian_in(text: str) -> list[str]:
    """The Russian words of a text that is to be English."""
    return _CYRILLIC.findall(text)


FOREIGN: Final[Mapping[str, Callable[[str], list[str]]]] = {"ru": english_in, "en": russian_in}


def monolingual(said: Said) -> Iterator[str]:
    """Texts that are not in the language that is asked for, one sentence each, by where they stand."""
    for place, text in said:
        for language, foreign in FOREIGN.items():
            with translation.override(language):
                words = str(text)
            if found := foreign(words):
                yield f"{place}: {words!r} is not in {language} ({', '.join(found)})"
