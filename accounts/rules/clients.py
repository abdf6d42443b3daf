"""Clients: what a browser calls itself, and whether it is the same one that comes again."""

from hashlib import sha256
from typing import Final

LONGEST_NAME: Final = 300


def name(user_agent: str) -> str:
    """What a browser calls itself, as a line of text that can be stored and shown; cut where it is long."""
    return "".join(each for each in user_agent if each.isprintable())[:LONGEST_NAME]


def digest(*, ip: str, user_agent: str) -> bytes:
    """What tells one client from another: the SHA-256 of its address and its browser."""
    return sha256(f"{ip}\n{user_agent}".encode()).digest()
