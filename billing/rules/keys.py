"""Idempotency keys of the ledger, and what a key stands for."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Final

from core import errors

# Keys that billing makes itself begin so; a caller's may not, or it could stand in a payment's way.
RESERVED_PREFIX: Final = "billing:"
# Made once: json.dumps would make an encoder for each call.
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
_PRINTABLE: Final = re.compile(r"[ -~]{1,255}")


def checked(key: str) -> str:
    """
    A caller's key, if it is one.

    :raises core.errors.IdempotencyKeyInvalid: empty, longer than 255, not printable ASCII, or reserved
    """
    if not _PRINTABLE.fullmatch(key) or key.startswith(RESERVED_PREFIX):
        raise errors.IdempotencyKeyInvalid(fields={"idempotency_key": [errors.IdempotencyKeyInvalid.title]})
    return key


def own(*parts: object) -> str:
    """A key that billing makes: ``billing:invoice:<id>:purchase``."""
    return RESERVED_PREFIX + ":".join(str(part) for part in parts)


def request_hash(what: str, **asked: object) -> bytes:
    """SHA-256 over what was asked for, as canonical JSON: equal requests, equal hashes."""
    return hashlib.sha256(_CANONICAL.encode([what, asked]).encode()).digest()
