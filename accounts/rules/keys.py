"""The form of an API key, ``dvk_<prefix>_<secret>``, and who may use it from where."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Final

# 48 bits by which the row is found, 256 bits that nobody guesses.
_FORM: Final = re.compile(r"dvk_(?P<prefix>[0-9a-f]{12})_(?P<secret>[0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """
    :param prefix: the part by which the key is found; not secret
    :param secret: the part that only its owner knows
    """

    prefix: str
    secret: str = field(repr=False)

    def __str__(self) -> str:
        """The key as its owner sends it."""
        return f"dvk_{self.prefix}_{self.secret}"

    @property
    def digest(self) -> bytes:
        """What is stored of the secret: its SHA-256. It is random, so that no salt or slow hash is needed."""
        return sha256(self.secret.encode()).digest()

    def fits(self, digest: bytes) -> bool:
        """Whether this is the key whose digest is stored, in constant time."""
        return hmac.compare_digest(self.digest, digest)


def new() -> Key:
    """A key that has never been before."""
    return Key(prefix=secrets.token_hex(6), secret=secrets.token_hex(32))


def parse(text: str) -> Key | None:
    """Read a key as it was sent; None when it does not have the form of one."""
    form = _FORM.fullmatch(text)
    return Key(form["prefix"], form["secret"]) if form else None


def is_allowed_from(ip: str, networks: Sequence[str]) -> bool:
    """
    Whether a key may be used from an address.

    :param ip: the caller's address; text that is no address is in no network
    :param networks: CIDR; none at all means anywhere
    """
    if not networks:
        return True
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in ip_network(network) for network in networks)
