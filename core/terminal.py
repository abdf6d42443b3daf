"""
The language of whoever sits at the terminal, and the house's words in it.

Nothing here imports Django: what is said before there are settings, or without them, is said in that language, too.
"""

import gettext as catalogues
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

LANGUAGES: Final = ("ru", "en")
LOCALE: Final = Path(__file__).resolve().parent.parent / "locale"
# Whose words argparse asks for, by Python's own gettext.
_PYTHONS_OWN: Final = "messages"


def language(environment: Mapping[str, str] = os.environ, *, encoding: str | None = None) -> str:
    """
    ``ru`` or ``en``: what the terminal asks for, else the house's own language; English where the terminal has not
    all of the letters that Russian texts need.

    :param encoding: what the terminal writes in; by default this process's standard output
    """
    # The first that is set decides, as everywhere on such a system.
    asked = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environment.get(name))), "")
    for wanted in (asked, environment.get("LANGUAGE_CODE", ""), LANGUAGES[0]):
        if (known := wanted[:2].lower()) in LANGUAGES and not wanted[2:3].isalpha():
            return known if known == "en" or _has_our_letters(encoding or sys.stdout.encoding) else "en"
    raise AssertionError


def gettext(text: str) -> str:
    """A text of the house in the terminal's language."""
    return _catalogue(language()).gettext(text)


def adopt(chosen: str) -> None:
    """Let Python's own words, those of ``--help`` and of wrong arguments, come in a language."""
    catalogues.bindtextdomain(_PYTHONS_OWN, LOCALE / "argparse")
    # The one thing that Python's gettext asks before everything else.
    os.environ["LANGUAGE"] = chosen


@cache
def _catalogue(chosen: str) -> catalogues.NullTranslations:
    return catalogues.translation("django", LOCALE, languages=[chosen], fallback=True)


def _has_our_letters(encoding: str | None) -> bool:
    try:
        "ёЯ№—«…".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
