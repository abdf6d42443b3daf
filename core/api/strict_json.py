"""
Reads JSON from strangers: what is ambiguous, endless or unstorable is refused, and nothing is worth an error 500.
"""

from __future__ import annotations

import json
import math
import re
from typing import Final

from django.utils.translation import gettext as _

from core.api.errors import BodyMalformed

MAX_BODY_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 64
MAX_INT: Final = 2**63 - 1

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

# Strings are skipped whole, so that brackets inside them do not count. The closing quote is optional and nothing is
# given back, so that a string without an end is read once and not once per quote.
_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
# PostgreSQL cannot store these: NUL in text, and halves of UTF-16 pairs that stand alone.
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def loads(body: bytes) -> Json:
    """
    The value that a JSON text stands for.

    :param body: at most :data:`MAX_BODY_BYTES`; the caller has seen to it while reading
    :raises core.api.errors.BodyMalformed: it is not JSON in UTF-8, or is nested too deeply, names a key twice,
        or holds NUL, a lone surrogate, NaN, an infinity or a number beyond 64 bits
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BodyMalformed(_("It is not UTF-8 (byte %(at)d).") % {"at": error.start}) from None
    _refuse_depth(text)
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise BodyMalformed(
            _("It is not JSON (line %(line)d, column %(column)d).") % {"line": error.lineno, "column": error.colno}
        ) from None
    if "\\u" in text:
        _refuse_unstorable(value)
    return value


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep the text: no NUL, no lone surrogate."""
    return _UNSTORABLE.search(text) is None


def _refuse_depth(text: str) -> None:
    # json.loads recurses, so the depth must be known before it starts. Few brackets cannot nest deeply.
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _BRACKET.finditer(text):
        match token.group()[0]:
            case "[" | "{":
                depth += 1
                if depth > MAX_DEPTH:
                    raise BodyMalformed(_("It is nested deeper than %(depth)d levels.") % {"depth": MAX_DEPTH})
            case "]" | "}":
                depth -= 1


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _value in pairs:
            if name in seen:
                raise BodyMalformed(_("The key %(key)s stands twice.") % {"key": _shown(name)})
            seen.add(name)
    return members


def _integer(digits: str) -> int:
    # Python refuses to read very long numbers with a ValueError of its own; nothing here is longer than 64 bits.
    if len(digits) > 20 or abs(number := int(digits)) > MAX_INT:
        raise BodyMalformed(_("A number is larger than 64 bits hold."))
    return number


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise BodyMalformed(_("A number is too large."))
    return number


def _constant(name: str) -> Json:
    raise BodyMalformed(_("%(name)s is not JSON.") % {"name": name})


def _refuse_unstorable(value: Json) -> None:
    # The depth is bounded already, so a plain stack is all that is needed.
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                if not is_storable(text):
                    raise BodyMalformed(_("A string holds NUL or half of a surrogate pair."))
            case list() as items:
                waiting.extend(items)
            case dict() as members:
                waiting.extend(members.keys())
                waiting.extend(members.values())


def _shown(name: str) -> str:
    """A name from outside, short and clean enough to stand in an answer."""
    cleaned = name[:60].encode("utf-8", "replace").decode("utf-8")
    return json.dumps(cleaned, ensure_ascii=False)
