"""Whose request it is, by network address: what is counted as one, and which proxies are believed."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ONES_OWN = 64
"""Bits of an IPv6 address that name a subscriber; who has one such network has 2⁶⁴ addresses."""
FORWARDED_FOR = "X-Forwarded-For"
KNOWN = 8_192
HEADER_TAIL = 2_048
"""Characters that are read of the header; those that our own proxies wrote stand last."""


@lru_cache(KNOWN)
def counted_as(address: str) -> str:
    """An IPv4 address as it is; an IPv6 address as its /64 network; what is neither, as it is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), ONES_OWN), strict=False))
    return str(parsed)


class Proxies:
    """The networks whose word about the client's address is believed: those of our own ingress."""

    def __init__(self, networks: Iterable[Network], *, header: str = FORWARDED_FOR) -> None:
        """`header`: the only one that is read, a list of addresses. Our proxies must write it themselves: one that
        they pass on untouched is the client's own word."""
        self._networks = tuple(networks)
        self._header = header.lower().encode()
        self._trusts = lru_cache(KNOWN)(self._among_them)

    def trusts(self, address: str) -> bool:
        return bool(self._networks) and self._trusts(address)

    def _among_them(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        plain = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(plain.version == one.version and plain in one for one in self._networks)

    def client(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Who sent a request that came from `peer`: the last address on the way that is not one of our proxies. What
        stands before it was written by that client, and could say anything."""
        client = peer
        if self.trusts(client):
            for hop in reversed(self._hops(headers)):
                client = hop
                if not self.trusts(client):
                    break
        return counted_as(client)

    def _hops(self, headers: Iterable[tuple[bytes, bytes]]) -> Sequence[str]:
        """In the order of the way. Several lines of a header are one list (RFC 9110, 5.3)."""
        given = b",".join(value for name, value in headers if name == self._header)
        named = given.decode("latin-1")[-HEADER_TAIL:].split(",")
        return [_without_port(one.strip()) for one in named if one.strip()]


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
