"""Which sockets of a guest with single addresses may listen: those that bind was told where, and no other."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from guest import Guest

from pywasmjit.guest.policy.policy import Policy

EACCES, ECONNREFUSED = 13, 111
INET, STREAM, UNSPEC = 2, 1, 0


@pytest.fixture
def port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def guest(port: int) -> Iterator[Guest]:
    with Guest(Policy.sandbox(net=[f"127.0.0.1:{port}"])) as made:
        yield made


def name(guest: Guest, port: int, family: int = INET) -> tuple[int, int]:
    data = struct.pack("=H", family) + struct.pack(">H", port) + bytes([127, 0, 0, 1]) + bytes(8)
    return guest.put(data), len(data)


def test_a_socket_that_was_bound_to_a_granted_address_may_listen(guest: Guest, port: int) -> None:
    fd = guest.socket(INET, STREAM, 0)
    assert guest.bind(fd, *name(guest, port)) == 0
    assert guest.listen(fd, 1) == 0
    assert guest.listen(guest.dup(fd), 2) == 0


def test_a_socket_without_an_address_may_not(guest: Guest) -> None:
    assert guest.listen(guest.socket(INET, STREAM, 0), 1) == -EACCES
    assert "net=0.0.0.0:0" in guest.reports[0]


def test_a_port_that_the_kernel_chose_for_a_connection_is_no_leave_to_listen(guest: Guest, port: int) -> None:
    """It is given back when nobody answers: listening would take another one."""
    fd = guest.socket(INET, STREAM, 0)
    assert guest.connect(fd, *name(guest, port)) == -ECONNREFUSED
    assert guest.listen(fd, 1) == -EACCES


def test_nor_is_that_of_a_connection_that_was_undone(guest: Guest, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        fd = guest.socket(INET, STREAM, 0)
        assert guest.connect(fd, *name(guest, port)) == 0
        assert guest.connect(fd, *name(guest, 0, UNSPEC)) == 0
        assert guest.listen(fd, 1) == -EACCES


def test_what_bind_was_told_outlasts_a_connection(guest: Guest, port: int) -> None:
    fd = guest.socket(INET, STREAM, 0)
    assert guest.bind(fd, *name(guest, port)) == 0
    assert guest.connect(fd, *name(guest, 0, UNSPEC)) == 0
    assert guest.listen(fd, 1) == 0
    found, size = guest.put(bytes(16)), guest.put(struct.pack("=I", 16))
    assert guest.getsockname(fd, found, size) == 0
    assert guest.memory.read(found + 2, 2) == struct.pack(">H", port)


def test_a_grant_of_chosen_ports_is_leave_enough() -> None:
    with Guest(Policy.sandbox(net=["*:0"])) as guest:
        assert guest.listen(guest.socket(INET, STREAM, 0), 1) == 0
