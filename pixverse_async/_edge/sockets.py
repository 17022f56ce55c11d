"""Sockets for connections to storage: to any host, or only to the open internet."""

from __future__ import annotations

import errno
import socket

from .._core.hosts import is_public_address

_Address = tuple[int, int, int, str, tuple[object, ...]]
"""What getaddrinfo gives: family, kind, protocol, name, and the address whose first part is the host."""


def any_socket(address: _Address) -> socket.socket:
    return socket.socket(*address[:3])


def public_socket(address: _Address) -> socket.socket:
    """A socket to the open internet only.

    It sees each final address, literals and DNS answers alike; a resolver of ours would not be asked about literals.
    """
    host = str(address[4][0])
    if not is_public_address(host):
        # With a number, or aiohttp would leave the words out of its own error.
        raise OSError(errno.EACCES, f"{host} is not an address on the open internet")
    return any_socket(address)
