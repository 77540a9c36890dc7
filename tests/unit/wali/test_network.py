"""Network grants: what is read from text, what they cover."""

from __future__ import annotations

import socket

import pytest

import pywasmjit as wj
from pywasmjit.guest.policy.network import Endpoint, NetGrant, endpoint
from pywasmjit.guest.policy.policy import Capability


def packed(address: str) -> bytes:
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address)
    return bytes(10) + b"\xff\xff" + socket.inet_pton(socket.AF_INET, address)


def covers(text: str, address: str, port: int) -> bool:
    return any(grant.covers(packed(address), port) for grant in NetGrant.parse(text))


@pytest.mark.parametrize(
    ("grant", "address", "port", "expected"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80, True),
        ("127.0.0.1:80", "127.0.0.1", 81, False),
        ("127.0.0.1:80", "127.0.0.2", 80, False),
        ("127.0.0.1:80", "::1", 80, False),
        ("127.0.0.1:80", "::ffff:127.0.0.1", 80, True),
        ("127.0.0.1:80", "::7f00:1", 80, False),
        ("127.0.0.1", "127.0.0.1", 0, True),
        ("127.0.0.1:1-65535", "127.0.0.1", 0, False),
        ("127.0.0.1:0", "127.0.0.1", 0, True),
        ("127.0.0.1:8000-8010", "127.0.0.1", 8010, True),
        ("127.0.0.1:8000-8010", "127.0.0.1", 8011, False),
        ("127.0.0.1:*", "127.0.0.1", 65535, True),
        ("10.0.0.0/8:443", "10.255.3.4", 443, True),
        ("10.0.0.0/8:443", "11.0.0.0", 443, False),
        ("0.0.0.0/0", "203.0.113.9", 1, True),
        ("0.0.0.0/0", "2001:db8::1", 1, False),
        ("0.0.0.0:80", "127.0.0.1", 80, False),
        ("[::1]:80", "::1", 80, True),
        ("::1", "::1", 80, True),
        ("[2001:db8::]/32:53", "2001:db8:1::5", 53, True),
        ("[2001:db8::]/32:53", "2001:db9::", 53, False),
        ("[::]/0", "203.0.113.9", 5, True),
        ("*", "203.0.113.9", 5, True),
        ("*:53", "2001:db8::1", 53, True),
        (":53", "203.0.113.9", 54, False),
        ("localhost:80", "127.0.0.1", 80, True),
        ("localhost:80", "::1", 80, True),
        ("localhost:80", "127.0.0.2", 80, False),
    ],
)
def test_grants_cover(grant: str, address: str, port: int, expected: bool) -> None:
    assert covers(grant, address, port) == expected


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:65536",
        "127.0.0.1:x",
        "127.0.0.1:-1",
        "127.0.0.1:10-5",
        "127.0.0.1:5-",
        "127.0.0.1/33",
        "127.0.0.1/x",
        "[::1]/129:80",
        "[::1",
        "[::1]80",
        "1.2.3.4.5:80",
        "no-such-host.invalid:80",
        "nul\0:80",
        "::1%lo/64",
    ],
)
def test_what_is_no_grant(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|port|form|bits"):
        NetGrant.parse(text)


def test_a_policy_takes_addresses_among_the_capabilities() -> None:
    policy = wj.Policy.sandbox(allow=["exec", "net=127.0.0.1:80"], net=["[::1]:81", NetGrant()])
    assert policy.capabilities == {Capability.EXEC}
    assert policy.net == (*NetGrant.parse("[::1]:81"), NetGrant(), *NetGrant.parse("127.0.0.1:80"))
    with pytest.raises(ValueError, match="not a port"):
        wj.Policy.sandbox(allow=["net=127.0.0.1:http"])


def test_endpoints() -> None:
    inet = b"\x02\0\x01\xbb" + bytes([127, 0, 0, 1]) + bytes(8)
    assert endpoint(inet) == Endpoint(packed("127.0.0.1"), 443)
    assert endpoint(b"\0\0" + inet[2:]) == endpoint(inet)
    assert str(endpoint(inet)) == "127.0.0.1:443"
    inet6 = b"\x0a\0\0\x50" + bytes(4) + packed("2001:db8::1") + bytes(4)
    assert str(endpoint(inet6)) == "[2001:db8::1]:80"
    assert endpoint(inet6[:24]) == endpoint(inet6)
    assert endpoint(b"\x10\0" + bytes(10)) is None
    for short in (inet[:15], inet6[:23], b"\0\0"):
        with pytest.raises(OSError, match="address too short"):
            endpoint(short)
