"""Descriptors in messages, and names of Unix sockets, as a process sees them."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest import Guest

import pywasmjit as wj
from pywasmjit.guest.kernel.portable import PortableKernel

AF_UNIX, SOCK_STREAM, SOCK_DGRAM = 1, 1, 2
MSG_CTRUNC = 8
EMFILE, ENAMETOOLONG = -24, -36


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    guest = Guest(wj.Policy.sandbox({"/": tmp_path}))
    yield guest
    guest.process.close()


def host_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def pair(guest: Guest, call: str = "socketpair") -> tuple[int, int]:
    numbers = guest.put(bytes(8))
    result = guest.pipe(numbers) if call == "pipe" else guest.socketpair(AF_UNIX, SOCK_DGRAM, 0, numbers)
    assert result == 0
    return struct.unpack("<ii", guest.memory.read(numbers, 8))


def message(guest: Guest, control: int, size: int) -> int:
    part = guest.put(struct.pack("<II", guest.put(b"data"), 4))
    return guest.put(struct.pack("<IiIi4xII4xi", 0, 0, part, 1, control, size, 0))


def send_descriptors(guest: Guest, socket: int, *numbers: int) -> int:
    size = 16 + 4 * len(numbers)
    control = guest.put(struct.pack(f"<IIii{len(numbers)}i", size, 0xABCD, 1, 1, *numbers))
    return guest.sendmsg(socket, message(guest, control, size), 0)


def receive(guest: Guest, socket: int, room: int = 256) -> tuple[int, bytes, int]:
    """Return recvmsg's result, the control messages and the flags."""
    control = guest.put(bytes(room))
    header = message(guest, control, room)
    result = guest.recvmsg(socket, header, 0)
    used, flags = struct.unpack("<I4xi", guest.memory.read(header + 24, 12))
    return result, bytes(guest.memory.read(control, used)), flags


def test_descriptors_get_the_lowest_numbers_of_the_receiver(guest: Guest) -> None:
    one, other = pair(guest)
    reading, writing = pair(guest, "pipe")
    assert send_descriptors(guest, one, writing, reading) == 4
    result, control, flags = receive(guest, other)
    assert (result, flags) == (4, 0)
    assert struct.unpack("<IIiiii", control) == (24, 0, 1, 1, 7, 8)
    assert guest.write(7, guest.put(b"through"), 7) == 7
    assert guest.read(reading, guest.put(bytes(8)), 8) == 7


def test_a_full_table_takes_what_it_can_and_the_rest_is_closed(guest: Guest) -> None:
    one, other = pair(guest)
    guest.process.files.limit = 7
    before = host_descriptors()
    assert send_descriptors(guest, one, 0, 1, 2, one) == 4
    result, control, flags = receive(guest, other)
    assert (result, flags) == (4, MSG_CTRUNC)
    assert struct.unpack("<IIiiii", control) == (24, 0, 1, 1, 5, 6)
    assert host_descriptors() == before + 2


def test_descriptors_of_the_engine_cannot_be_sent(guest: Guest) -> None:
    one, _ = pair(guest)
    open_on_the_host = [int(name) for name in os.listdir("/proc/self/fd")]
    for number in {*open_on_the_host, 1000, -1} - {0, 1, 2, 3, 4}:
        assert send_descriptors(guest, one, number) == -9


def test_without_numbers_for_both_ends_there_is_neither(guest: Guest) -> None:
    before = host_descriptors()
    guest.process.files.limit = 4
    assert guest.pipe(guest.put(bytes(8))) == EMFILE
    assert guest.socketpair(AF_UNIX, SOCK_STREAM, 0, guest.put(bytes(8))) == EMFILE
    assert guest.epoll_create1(0) == 3
    assert guest.eventfd(0) == guest.timerfd_create(1, 0) == guest.socket(AF_UNIX, SOCK_STREAM, 0) == EMFILE
    assert host_descriptors() == before + 1


def unix_name(guest: Guest, path: str) -> tuple[int, int]:
    name = struct.pack("<H", AF_UNIX) + path.encode() + b"\0"
    return guest.put(name), len(name)


def name_of(guest: Guest, socket: int) -> str:
    name, size = guest.put(bytes(110)), guest.put(struct.pack("<I", 110))
    assert guest.getsockname(socket, name, size) == 0
    (used,) = struct.unpack("<I", guest.memory.read(size, 4))
    return bytes(guest.memory.read(name, used))[2:].rstrip(b"\0").decode()


def test_names_of_unix_sockets_are_the_guest_s(guest: Guest, tmp_path: Path) -> None:
    """Sockets of the same name in two directories stay apart, though the kernel knows both by a descriptor."""
    sockets = {}
    for directory in ("a", "b", "c"):
        (tmp_path / directory).mkdir()
        sockets[directory] = guest.socket(AF_UNIX, SOCK_DGRAM, 0)
        assert guest.bind(sockets[directory], *unix_name(guest, f"/{directory}/name")) == 0
        assert (tmp_path / directory / "name").is_socket()
    assert [name_of(guest, each) for each in sockets.values()] == ["/a/name", "/b/name", "/c/name"]
    for path in ("/a/name", "a/name", "./b/../a/name", "../../a/name"):
        assert guest.sendto(sockets["b"], guest.put(b"x"), 1, 0, *unix_name(guest, path)) == 1
        sender, size = guest.put(bytes(110)), guest.put(struct.pack("<I", 110))
        assert guest.recvfrom(sockets["a"], guest.put(b"x"), 1, 0, sender, size) == 1
        assert bytes(guest.memory.read(sender, 10)) == b"\x01\x00/b/name\x00"


def test_a_link_is_followed_in_the_guest_s_terms(guest: Guest, tmp_path: Path) -> None:
    socket = guest.socket(AF_UNIX, SOCK_DGRAM, 0)
    (tmp_path / "sub").mkdir()
    assert guest.bind(socket, *unix_name(guest, "/sub/name")) == 0
    (tmp_path / "link").symlink_to("/sub/name")
    assert guest.sendto(socket, guest.put(b"x"), 1, 0, *unix_name(guest, "/link")) == 1


def test_a_name_too_long_for_a_descriptor_s_path(guest: Guest) -> None:
    socket = guest.socket(AF_UNIX, SOCK_DGRAM, 0)
    assert guest.bind(socket, *unix_name(guest, "x" * 100)) == ENAMETOOLONG
    assert guest.bind(socket, *unix_name(guest, "x" * 85)) == 0


@pytest.mark.parametrize("kernel", ["raw", "portable"])
def test_a_message_from_nobody_has_no_name(guest: Guest, kernel: str) -> None:
    """Not even a family: the kernel writes nothing, and says so."""
    if kernel == "portable":
        guest.process.kernel = PortableKernel(guest.process.memory)
    one, other = pair(guest)
    assert guest.write(other, guest.put(b"sent"), 4) == 4
    name, length = guest.put(b"\xff" * 16), guest.put(struct.pack("<i", 16))
    assert guest.recvfrom(one, guest.put(bytes(4)), 4, 0, name, length) == 4
    assert guest.memory.read(name, 16) == b"\xff" * 16
    assert guest.memory.read(length, 4) == bytes(4)
