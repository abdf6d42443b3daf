"""How promo codes are written."""

import secrets
import unicodedata
from typing import Final

# Letters and digits that nobody confuses; 8 of them are about 39 bits, and guessing is throttled.
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def normalised(code: str) -> str:
    """A code as stored: NFKC, trimmed, upper-case."""
    capitals = unicodedata.normalize("NFKC", code).upper()
    # Some letters' capitals are several characters, and those may compose.
    return unicodedata.normalize("NFKC", capitals).strip()


def new_code(prefix: str = "", length: int = 8) -> str:
    """A random code after a prefix (already normalised)."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _position in range(length))
