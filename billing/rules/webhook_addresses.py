"""Where a webhook may lead: which addresses are the outside, and which URLs name something there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import quote, urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LONGEST_URL: Final = 2048
# Where web servers of others listen.
PORTS: Final = frozenset({80, 443, 8080, 8443})

_UNWANTED: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\\]")
_HOST: Final = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
# Networks by which a translator reaches IPv4: the address within is what counts (RFC 6052).
_NAT64: Final = (IPv6Network("64:ff9b::/96"),)
# What Python's lists do not call private, or not in every release.
_INSIDE: Final = (
    IPv6Network("::/96"),  # IPv4-compatible, long abandoned
    IPv6Network("64:ff9b:1::/48"),  # a translator's, for its own network
    IPv6Network("100::/64"),  # discarded
    IPv6Network("2001::/32"),  # Teredo: an IPv4 address behind a tunnel
    IPv6Network("2002::/16"),  # 6to4: likewise
    IPv6Network("fec0::/10"),  # site-local, as it was once
)


@dataclass(frozen=True, slots=True)
class Target:
    """
    What a URL names.

    :param host: in ASCII, without brackets
    :param path: with the query, percent-encoded
    """

    is_tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The header ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


class Refused(ValueError):
    """
    A URL or an address to which nothing is sent.

    :param why: in words for whoever typed it
    """

    def __init__(self, why: str | Promise) -> None:
        super().__init__(str(why))
        self.why = why


def parse(url: str, *, allow_http: bool, allow_private: bool) -> Target:
    """
    Read a URL strictly. Names are not resolved: where they lead is known when connecting.

    :param allow_http: whether it may go without TLS
    :param allow_private: whether it may lead inside, to any port
    :raises Refused: it is no URL of a web server outside
    """
    if len(url) > LONGEST_URL or _UNWANTED.search(url):
        raise Refused(_("This is not a web address."))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as wrong:
        raise Refused(_("This is not a web address.")) from wrong
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        raise Refused(_("This is not a web address."))
    if parts.scheme == "http" and not allow_http:
        raise Refused(_("The address must begin with https://."))
    if "@" in parts.netloc:
        raise Refused(_("The address must not name a user or a password."))
    is_tls = parts.scheme == "https"
    port = (443 if is_tls else 80) if port is None else port
    if port not in PORTS and not (allow_private and port):
        raise Refused(_("This port is not allowed."))
    host = _host(parts.hostname)
    literal = _literal(host)
    if literal is not None and not allow_private and not is_outside(literal):
        raise Refused(_("The address leads inside, where nothing is sent."))
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/?%:@!$&'()*+,;=~-._")
    return Target(is_tls, host, port, f"{path}?{query}" if query else path)


def _host(name: str) -> str:
    if _literal(name) is not None:
        return name
    try:
        # A dot at the end names the same host, and some resolvers do not know it.
        ascii_name = name.removesuffix(".").encode("idna").decode().lower()
    except UnicodeError as wrong:
        raise Refused(_("This is not a web address.")) from wrong
    if not _HOST.fullmatch(ascii_name):
        raise Refused(_("This is not a web address."))
    return ascii_name


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_outside(address: IPv4Address | IPv6Address) -> bool:
    """
    Whether an address is of the public internet: neither of this machine or its networks, nor a group's, nor reserved;
    nor an IPv6 address that stands for such an IPv4 one.
    """
    if isinstance(address, IPv6Address):
        # With a zone it is this machine's own view.
        if address.scope_id is not None:
            return False
        if address.ipv4_mapped is not None:
            return is_outside(address.ipv4_mapped)
        if any(address in network for network in _NAT64):
            return is_outside(IPv4Address(int(address) & 0xFFFF_FFFF))
        if any(address in network for network in _INSIDE):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
