"""
The form of a refresh token, ``dvr_<secret>``, and how one follows from another.

A successor is computed from its predecessor, as its owner shows it, and a key of the server: when an answer gets lost,
the same one can be given again though no token is stored in clear. Neither the database nor a token alone tells it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256
from typing import Final
from uuid import UUID

_FORM: Final = re.compile(r"dvr_[0-9a-f]{64}", re.ASCII)


def new() -> str:
    """A token that has never been before: 256 bits."""
    return f"dvr_{secrets.token_hex(32)}"


def is_one(text: str) -> bool:
    """Whether a text has the form of a refresh token."""
    return _FORM.fullmatch(text) is not None


def digest(text: str) -> bytes:
    """What is stored of a token: its SHA-256. It is random, so that no salt or slow hash is needed."""
    return sha256(text.encode()).digest()


def successor(shown: str, *, token_id: UUID, key: bytes) -> str:
    """
    The token that follows another.

    :param shown: the predecessor, in clear
    :param token_id: the successor's row
    :param key: the server's
    """
    return f"dvr_{hmac.digest(key, token_id.bytes + shown.encode(), 'sha256').hex()}"
