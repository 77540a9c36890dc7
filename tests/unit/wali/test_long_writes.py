"""Long writes inside a larger program: a deadline ends them, and nothing is lost where somebody reads."""

from __future__ import annotations

import os
import threading
import time

import pytest
from guest import Guest

import pywasmjit as wj
from pywasmjit.errors import TimedOut

SIZE = 180_000


def ends(guest: Guest, kind: str) -> tuple[int, int]:
    """Return the reading and the writing end, as the guest's numbers."""
    made = guest.pipe2(2000, 0) if kind == "pipe" else guest.socketpair(1, 1, 0, 2000)
    assert made == 0
    first, second = guest.memory.unpack("<ii", 2000)
    return first, second


def write(guest: Guest, call: str, fd: int) -> int:
    if call == "write":
        return guest.write(fd, 4096, SIZE)
    guest.memory.pack("<4I", 2100, 4096, 100_000, 104_096, SIZE - 100_000)
    return guest.writev(fd, 2100, 2)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("call", ["write", "writev"])
def test_a_deadline_ends_a_long_write_to_nobody(kind: str, call: str) -> None:
    with Guest() as guest:
        _, writing = ends(guest, kind)
        begin = time.monotonic()
        with pytest.raises(TimedOut), wj.deadline(0.3):  # noqa: PT012
            for _ in range(10):
                write(guest, call, writing)
        assert time.monotonic() - begin < 10


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("call", ["write", "writev"])
def test_a_long_write_under_a_deadline_is_whole(kind: str, call: str) -> None:
    with Guest() as guest:
        reading, writing = ends(guest, kind)
        data = os.urandom(SIZE)
        guest.memory.write(4096, data)
        found = bytearray()

        def read() -> None:
            host = guest.process.files.file(reading).host
            while len(found) < SIZE:
                found.extend(os.read(host, 5000))

        thread = threading.Thread(target=read)
        thread.start()
        with wj.deadline(30):
            assert write(guest, call, writing) == SIZE
        thread.join()
        assert bytes(found) == data
