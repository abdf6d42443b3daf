"""Whose address a request came from, when proxies stand between. Only trusted ones are believed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from django.core.exceptions import ImproperlyConfigured

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_WITH_PORT: Final = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+)\](?::\d+)?|(?P<v4>\d+\.\d+\.\d+\.\d+):\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """
    :param hops: how many proxies stand in front, each of which adds the address it saw
    :param networks: where proxies live; used when their number is not fixed
    """

    hops: int = 0
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> TrustedProxies:
        """
        Read the setting: empty for none, a number of proxies, or their networks (``10.0.0.0/8, ::1``).

        :raises django.core.exceptions.ImproperlyConfigured: it is neither
        """
        if text.strip().isdecimal():
            return cls(hops=int(text))
        try:
            return cls(networks=tuple(ip_network(part.strip()) for part in text.split(",") if part.strip()))
        except ValueError as error:
            raise ImproperlyConfigured(f"TRUSTED_PROXIES: {error}; give a number or networks") from None

    def client_of(self, meta: Mapping[str, object]) -> str:
        """
        The client's address; empty where the server knows none (a Unix socket without proxies).

        :param meta: the WSGI environment
        """
        peer = _read(str(meta.get("REMOTE_ADDR") or ""))
        claimed = str(meta.get("HTTP_X_FORWARDED_FOR") or "")
        # Each proxy appends, so the rightmost addresses are the ones that our own proxies saw.
        chain = [_read(part) for part in claimed.split(",")] if claimed else []
        client = self._by_hops(peer, chain) if self.hops else self._by_networks(peer, chain)
        return str(client) if client else ""

    def brought(self, meta: Mapping[str, object]) -> bool:
        """
        Whether a request came through our proxies, so that what they say of it can be believed.

        :param meta: the WSGI environment
        """
        if self.hops:
            claimed = str(meta.get("HTTP_X_FORWARDED_FOR") or "")
            return bool(claimed) and len(claimed.split(",")) >= self.hops
        peer = _read(str(meta.get("REMOTE_ADDR") or ""))
        return peer is not None and self._trusts(peer)

    def _by_hops(self, peer: Address | None, chain: list[Address | None]) -> Address | None:
        if len(chain) < self.hops:
            return peer
        return chain[-self.hops] or peer

    def _by_networks(self, peer: Address | None, chain: list[Address | None]) -> Address | None:
        client = peer
        while chain and client is not None and self._trusts(client):
            said = chain.pop()
            if said is None:
                break
            client = said
        return client

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def network_of(address: str) -> str:
    """
    Whom an address stands for where people are counted: itself, or the /64 that it lies in.

    A household or a server is given a whole /64 of IPv6, and may call from any of its addresses (RFC 6177, 7421).

    :param address: as :meth:`TrustedProxies.client_of` gives it; empty stays empty
    """
    read = _read(address)
    if isinstance(read, IPv6Address):
        return str(IPv6Network((int(read) >> 64 << 64, 64)))
    return address if read is None else str(read)


def _read(text: str) -> Address | None:
    text = text.strip()
    if matched := _WITH_PORT.fullmatch(text):
        text = matched["v6"] or matched["v4"]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # One client must not have two names: ::ffff:192.0.2.1 is 192.0.2.1, and a zone says nothing outside.
        return address.ipv4_mapped or IPv6Address(int(address))
    return address
