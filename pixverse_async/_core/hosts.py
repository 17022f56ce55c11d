"""Where a host is: this machine, a local network, or the open internet.

Told by its name or address alone, so a name that leads to a private address is not seen here: `_edge.sockets` looks
at each address that is connected to.  Plain http, and links that the service or we may follow, depend on it.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final

_LOCAL_DOMAINS: Final = frozenset({"local", "localdomain", "internal", "intranet", "lan", "home", "corp"})
"""Set apart for local networks (RFC 6762, ICANN 2024), or never delegated because so many of them use it."""
_IPV4_CARRIERS: Final = tuple(ipaddress.IPv6Network(net) for net in ("::/96", "::ffff:0:0/96", "64:ff9b::/96"))
"""IPv4-compatible, IPv4-mapped, and NAT64, which a gateway turns back into IPv4."""
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")


@lru_cache
def is_loopback_host(host: str) -> bool:
    """True for this machine, by name or address. Asked for each link, and most links have the same host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def may_be_public_host(host: str) -> bool:
    """False for this machine, and for what is surely not on the open internet: an address or a name of a local network.

    >>> [may_be_public_host(host) for host in ("storage.example", "8.8.8.8", "10.0.0.1", "localhost.", "127.1", "")]
    [True, True, False, False, False, False]
    >>> [may_be_public_host(host) for host in ("nas.local", "nas", "files.internal", "local.example")]
    [False, False, False, True]
    """
    host = host.rstrip(".").lower()
    if is_loopback_host(host):
        return False
    try:
        return is_public_address(host)
    except ValueError:
        # What ends in a number is an address, in whatever spelling (WHATWG, URL, 3.5).
        last = host.rpartition(".")[2]
        is_local_name = "." not in host or last in _LOCAL_DOMAINS or host.endswith(".home.arpa")
        return not is_local_name and not re.fullmatch(r"\d+|0x[0-9a-f]*", last)


def is_public_address(address: str) -> bool:
    """True for an address that belongs to the open internet; an IPv4 address inside an IPv6 one decides.

    >>> is_public_address("169.254.169.254"), is_public_address("::ffff:10.0.0.1"), is_public_address("8.8.8.8")
    (False, False, True)
    """
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_site_local or ip in _LOCAL_NAT64:
            return False
        ip = _ipv4_inside(ip) or ip
    return ip.is_global and not ip.is_multicast


def _ipv4_inside(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if any(ip in net for net in _IPV4_CARRIERS):
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.sixtofour
