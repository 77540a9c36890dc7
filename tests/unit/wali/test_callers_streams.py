"""What would outlast a guest on its caller's open files needs a grant; what is the guest's own does not."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import termios
from collections.abc import Iterator
from errno import EPERM
from pathlib import Path

import pytest
from guest import Guest

from pywasmjit.guest.abi import fcntl as abi
from pywasmjit.guest.abi import ioctl
from pywasmjit.guest.policy.policy import Policy

LOCK = struct.pack("<hhqqi4x", 1, 0, 0, 0, 0)
LOCK_EX, LOCK_UN = 2, 8
O_NONBLOCK = 0o4000
O_RDWR, O_CREAT = 2, 0o100


@pytest.fixture
def output(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "output", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def guest_with(stream: int, *allow: str, everything: bool = False, top: Path | None = None) -> Guest:
    policy = Policy.allow_all() if everything else Policy.sandbox({"/": top} if top else (), allow=allow)
    return Guest(policy, streams=(stream, stream, stream))


@pytest.mark.parametrize("operation", [LOCK_EX, LOCK_UN])
def test_locks_on_output_need_a_grant(output: int, operation: int) -> None:
    with guest_with(output) as guest:
        copy = guest.dup(1)
        assert guest.flock(1, operation) == -EPERM
        assert guest.flock(copy, operation) == -EPERM
        assert guest.fcntl(copy, abi.F_OFD_SETLK, guest.put(LOCK)) == -EPERM
        assert guest.fcntl(copy, abi.F_SETLK, guest.put(LOCK)) == -EPERM
        assert guest.reports == ["denied: flock on a stream of the caller's; --allow system grants it"]
    with guest_with(output, "system") as guest:
        assert guest.flock(1, operation) == 0
    fcntl.flock(output, fcntl.LOCK_UN)


def test_a_file_that_the_guest_has_opened_is_its_own_even_if_output_goes_there(output: int, tmp_path: Path) -> None:
    with guest_with(output, top=tmp_path) as guest:
        own = guest.open("/output", O_RDWR, 0)
        assert guest.flock(own, LOCK_EX) == 0
        assert guest.flock(guest.dup(own), LOCK_EX) == 0
        assert guest.flock(guest.open("/other", O_RDWR | O_CREAT, 0o600), LOCK_EX) == 0


@pytest.mark.parametrize("everything", [False, True])
def test_nonblocking_output_is_blocking_again_after_the_end(output: int, everything: bool) -> None:
    reading, writing = os.pipe()
    try:
        with guest_with(writing, everything=everything) as guest:
            copy = guest.dup(1)
            assert guest.fcntl(copy, abi.F_SETFL, O_NONBLOCK) == 0
            guest.process.files.close(copy)
            guest.process.files.close(1)
            assert not os.get_blocking(writing)
        assert os.get_blocking(writing) is not everything
    finally:
        os.close(reading)
        os.close(writing)


def test_only_what_the_guest_has_changed_is_restored() -> None:
    """A larger program may have changed another flag of its own file meanwhile."""
    with open("/dev/null", "r+b", buffering=0) as file:
        with guest_with(file.fileno()) as guest:
            assert guest.fcntl(1, abi.F_SETFL, O_NONBLOCK) == 0
            fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND | os.O_NONBLOCK)
        flags = fcntl.fcntl(file, fcntl.F_GETFL)
    assert flags & (os.O_APPEND | os.O_NONBLOCK) == os.O_APPEND


def test_a_size_that_somebody_else_has_set_since_stays() -> None:
    master, slave = os.openpty()
    try:
        with guest_with(slave) as guest:
            assert guest.ioctl(0, ioctl.TIOCSWINSZ, guest.put(struct.pack("<4H", 1, 2, 3, 4))) == 0
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 50, 90, 0, 0))
        assert struct.unpack("4H", fcntl.ioctl(slave, termios.TIOCGWINSZ, bytes(8))) == (50, 90, 0, 0)
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("request_name", ["TCFLSH", "TCXONC", "TCSBRK", "TCSBRKP"])
def test_what_a_line_cannot_take_back_needs_a_grant(request_name: str) -> None:
    master, slave = os.openpty()
    try:
        with guest_with(slave) as guest:
            assert guest.ioctl(0, ioctl.NAMES[request_name], 0) == -EPERM
            assert guest.ioctl(guest.dup(0), ioctl.NAMES[request_name], 0) == -EPERM
            assert guest.ioctl(0, ioctl.TCSBRK, 1) == 0
    finally:
        os.close(master)
        os.close(slave)


def test_setting_modes_throws_typed_ahead_input_away_with_a_grant_only() -> None:
    for allow, expected in (((), 6), (("process",), 0)):
        master, slave = os.openpty()
        try:
            os.write(master, b"typed\n")
            assert select.select([slave], [], [], 10)[0]
            with guest_with(slave, *allow) as guest:
                modes = guest.put(bytes(36))
                assert guest.ioctl(0, ioctl.NAMES["TCGETS"], modes) == 0
                assert guest.ioctl(0, ioctl.NAMES["TCSETSF"], modes) == 0
                count = guest.put(bytes(4))
                assert guest.ioctl(0, ioctl.NAMES["FIONREAD"], count) == 0
                assert struct.unpack("<i", guest.memory.read(count, 4)) == (expected,)
        finally:
            os.close(master)
            os.close(slave)


def test_the_callers_socket_keeps_its_options_and_its_ends() -> None:
    one, other = socket.socketpair()
    with one, other, guest_with(one.fileno()) as guest:
        assert guest.shutdown(0, 1) == -EPERM
        assert guest.setsockopt(0, 1, 7, guest.put(b"\0\x10\0\0"), 4) == -EPERM
        assert guest.write(1, guest.put(b"sent"), 4) == 4
        assert other.recv(10) == b"sent"
        ends = guest.put(bytes(8))
        assert guest.socketpair(1, 1, 0, ends) == 0
        (own, _) = struct.unpack("<ii", guest.memory.read(ends, 8))
        assert guest.shutdown(own, 1) == 0


def test_a_pipes_size_and_a_files_seals_need_a_grant() -> None:
    reading, writing = os.pipe()
    sealable = os.memfd_create("sealable", os.MFD_ALLOW_SEALING)
    try:
        with guest_with(writing) as guest:
            assert guest.fcntl(1, abi.F_SETPIPE_SZ, 4096) == -EPERM
        with guest_with(sealable) as guest:
            assert guest.fcntl(0, abi.F_ADD_SEALS, 8) == -EPERM
    finally:
        for each in (reading, writing, sealable):
            os.close(each)


def test_nothing_is_changed_once_the_end_has_begun(output: int) -> None:
    reading, writing = os.pipe()
    try:
        with guest_with(writing) as guest:
            guest.process.streams.restore()
            assert guest.fcntl(1, abi.F_SETFL, O_NONBLOCK) == -EPERM
            assert os.get_blocking(writing)
    finally:
        os.close(reading)
        os.close(writing)
