"""Calls of a guest on machines that are no x86-64, whose kernels are played by `foreign`."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from pathlib import Path
from struct import Struct

import pytest
from foreign import foreign_host
from guest import Guest

import pywasmjit as wj
from pywasmjit.guest.kernel.raw import RawKernel

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="other machines are played on x86-64 Linux"
)

FOREIGN = ("aarch64", "riscv64", "loongarch64")
EFAULT, EBADF, EINVAL = -14, -9, -22
EVENT = Struct("<IQ")
"""A guest's epoll_event."""
EPOLLIN, EPOLLET, ADD, DELETE, MODIFY = 1, 1 << 31, 1, 2, 3


@pytest.mark.parametrize("page", [4096, 1 << 16])
def test_an_emulated_mapping_reaches_its_file(tmp_path: Path, page: int) -> None:
    """By msync, by munmap, and at the end; what is forgotten comes back from the file."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * 10000)
    with foreign_host("aarch64", page), Guest(wj.Policy.allow_all()) as guest:
        assert isinstance(guest.process.kernel, RawKernel)
        assert guest.process.kernel.maps_files == (page == 4096)
        fd = guest.open(guest.text(str(path)), os.O_RDWR, 0)
        shared = guest.mmap(0, 10000, 3, 1, fd, 0)
        private = guest.mmap(0, 8192, 3, 2, fd, 4096)
        guest.memory.write(shared + 4096, b"one")
        guest.memory.write(private, b"mine")
        assert guest.msync(shared, 10000, 4) == 0
        assert path.read_bytes()[4090:4100] == b"aaaaaaonea"
        assert guest.madvise(private, 4096, 4) == 0
        assert guest.mprotect(shared, 4096, 1) == 0
        assert guest.mremap(shared, 8192 + 4096, 4096, 0, 0) == shared
        guest.memory.write(shared, b"two")
        assert guest.munmap(shared, 4096) == 0
        assert path.read_bytes()[:5] == b"twoaa"
        assert guest.memory.read(shared, 4096) == bytes(4096)
        again = guest.mmap(0, 100, 3, 1, fd, 8192)
        guest.memory.write(again, b"three")
        grown = guest.mremap(again, 4096, 8192, 1, 0)
        assert guest.memory.read(grown, 6) == b"threea"
    assert path.read_bytes()[8190:8198] == b"aathreea"


@pytest.mark.parametrize("machine", FOREIGN)
def test_events_arrive_with_all_their_data(machine: str) -> None:
    with foreign_host(machine) as linux, Guest(wj.Policy.allow_all()) as guest:
        epoll = guest.epoll_create1(0)
        pairs = []
        for number in range(3):
            assert guest.pipe2(100, 0) == 0
            reading, writing = Struct("<ii").unpack(guest.memory.read(100, 8))
            guest.memory.write(200, EVENT.pack(EPOLLIN | EPOLLET, 0xFEDC_BA98_7654_3210 + number))
            assert guest.epoll_ctl(epoll, ADD, reading, 200) == 0
            pairs.append((reading, writing))
        guest.memory.write(300, b"\xff" * 60)
        assert guest.epoll_wait(epoll, 300, 5, 0) == 0
        assert guest.memory.read(300, 60) == b"\xff" * 60
        for _, writing in pairs:
            assert guest.write(writing, 100, 1) == 1
        assert guest.epoll_wait(epoll, 300, 5, 0) == 3
        found = guest.memory.read(300, 60)
        assert found[36:] == b"\xff" * 24
        assert sorted(EVENT.iter_unpack(found[:36])) == [(EPOLLIN, 0xFEDC_BA98_7654_3210 + n) for n in range(3)]
        assert guest.epoll_ctl(epoll, DELETE, pairs[0][0], 0) == 0
        assert guest.epoll_ctl(epoll, MODIFY, pairs[1][0], 0) == EFAULT
        assert guest.epoll_wait(epoll, 300, 0, 0) == EINVAL
        assert guest.epoll_wait(77, 300, 1, 0) == EBADF
    assert {"epoll_create1", "epoll_ctl", "epoll_pwait"} <= linux.made


@pytest.mark.parametrize("machine", FOREIGN)
def test_more_events_than_are_converted_at_once_come_by_and_by(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pywasmjit.guest.kernel.raw_events._MOST_EVENTS", 2)
    with foreign_host(machine), Guest(wj.Policy.allow_all()) as guest:
        epoll = guest.epoll_create1(0)
        for number in range(5):
            guest.memory.write(200, EVENT.pack(EPOLLIN | EPOLLET, number))
            assert guest.epoll_ctl(epoll, ADD, guest.eventfd2(1, 0), 200) == 0
        seen = []
        for expected in (2, 2, 1, 0):
            assert guest.epoll_wait(epoll, 300, 1000, 0) == expected
            seen += [data for _, data in EVENT.iter_unpack(guest.memory.read(300, 12 * expected))]
    assert sorted(seen) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("machine", FOREIGN)
def test_struct_stat_at_bad_addresses(machine: str, tmp_path: Path) -> None:
    with foreign_host(machine), Guest(wj.Policy.allow_all()) as guest:
        name = guest.text(str(tmp_path))
        for address in (0, 0xFFFF_FFFF, guest.memory.size_bytes - 143):
            assert guest.stat(name, address) == EFAULT
            assert guest.fstat(0, address) == EFAULT
        assert guest.fstat(77, 300) == EBADF
        last = guest.memory.size_bytes - 144
        assert guest.stat(name, last) == 0
        assert Struct("<Q").unpack(guest.memory.read(last + 8, 8))[0] == tmp_path.stat().st_ino


@pytest.mark.parametrize(("machine", "expected"), [("aarch64", 0o2140402), ("riscv64", 0o2600402)])
def test_flags_of_a_terminals_other_end(machine: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def ioctl(fd: int, request: int, argument: int) -> int:
        seen.append((request, argument))
        return os.dup(0)

    with foreign_host(machine), Guest(wj.Policy.allow_all()) as guest:
        fd = guest.open(guest.text("/dev/null"), os.O_RDWR, 0)
        monkeypatch.setattr(fcntl, "ioctl", ioctl)
        peer = guest.ioctl(fd, 0x5441, 0o2600402)  # O_RDWR | O_NOCTTY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        assert peer == fd + 1
        assert guest.fcntl(peer, 1, 0) == 1
    assert seen == [(0x5441, expected)]


@pytest.mark.parametrize("machine", FOREIGN)
def test_an_interrupted_open_comes_back_at_once(machine: str, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "fifo")
    os.mkfifo(path)
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        with foreign_host(machine), Guest(wj.Policy.allow_all()) as guest:
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
            with pytest.raises(InterruptedError):
                guest.process.kernel.open(-100, path, os.O_RDONLY, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
