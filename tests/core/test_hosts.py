"""Where a host is: on this machine, in a local network, or on the open internet."""

from __future__ import annotations

import pytest

from pixverse_async._core.hosts import is_loopback_host, is_public_address


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("queue.localhost", True),
        ("notlocalhost", False),
        ("localhost.example", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, is_ours: bool) -> None:
    """Only what cannot be another machine is spared TLS."""
    assert is_ours == is_loopback_host(host)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "142.250.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_the_open_internet_is_public(address: str) -> None:
    """An address that anybody can reach is public, also when it is IPv4 within IPv6."""
    assert is_public_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
        "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    ],
)  # fmt: skip
def test_everything_else_is_not(address: str) -> None:
    """No private, local, reserved or multicast address is public, however it is wrapped in IPv6."""
    assert not is_public_address(address)
