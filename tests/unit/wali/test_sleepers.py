"""memory.atomic.wait and notify on the memory of a program, whose threads sleep by the kernel's futexes."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest import Guest

from pywasmjit.guest.policy.policy import Policy
from pywasmjit.runtime.memories import Memory
from pywasmjit.runtime.waiting import NOT_EQUAL, TIMED_OUT, WOKEN

WORD = 4096
FOREVER = -1
FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAKE_BITSET, PRIVATE = 0, 1, 10, 128
O_RDWR, MAP_SHARED = 2, 1


@pytest.fixture
def guest() -> Iterator[Guest]:
    with Guest() as made:
        yield made


def sleepers(count: int, *arguments: object, action: object) -> tuple[list[threading.Thread], list[object]]:
    """Start threads that call `action` and keep what it returns."""
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(action(*arguments))) for _ in range(count)]  # type: ignore[operator]
    for thread in threads:
        thread.start()
    return threads, results


def until(condition: object) -> None:
    end = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "took too long"
        time.sleep(0.001)


@pytest.mark.parametrize("width", [4, 8])
def test_the_call_wakes_who_waits_by_an_instruction(guest: Guest, width: int) -> None:
    wait = guest.memory.wait32 if width == 4 else guest.memory.wait64
    threads, results = sleepers(3, WORD, 0, FOREVER, action=wait)
    woken: list[int] = []
    until(lambda: woken.append(guest.futex(WORD, FUTEX_WAKE | PRIVATE, 2, 0, 0, 0)) or sum(woken) == 3)
    for thread in threads:
        thread.join(20)
    assert max(woken) <= 2
    assert results == [WOKEN] * 3


def test_notify_wakes_who_waits_by_the_call(guest: Guest) -> None:
    threads, results = sleepers(3, WORD, FUTEX_WAIT | PRIVATE, 0, 0, 0, 0, action=guest.futex)
    assert guest.memory.notify(WORD, 0) == 0
    woken: list[int] = []
    until(lambda: woken.append(guest.memory.notify(WORD, 2)) or sum(woken) == 3)
    for thread in threads:
        thread.join(20)
    assert max(woken) <= 2
    assert results == [0] * 3
    assert guest.memory.notify(WORD, 0xFFFF_FFFF) == 0


def test_what_kinds_of_waits_say(guest: Guest) -> None:
    guest.memory.pack("<Q", WORD, 1 << 32 | 7)
    assert guest.memory.wait32(WORD, 8, FOREVER) == NOT_EQUAL
    assert guest.memory.wait32(WORD, 7, 0) == TIMED_OUT
    assert guest.memory.wait32(WORD, 7, 3_000_000) == TIMED_OUT
    assert guest.memory.wait64(WORD, 7, FOREVER) == NOT_EQUAL
    assert guest.memory.wait64(WORD, 1 << 32 | 7, 3_000_000) == TIMED_OUT


def test_a_word_of_a_file_that_was_cut_off_is_zero(tmp_path: Path) -> None:
    """The kernel's futexes do not reach it before anybody has touched the page."""
    file = tmp_path / "file"
    file.write_bytes(b"\1" * 8192)
    with Guest(Policy.sandbox([str(tmp_path)]), cwd=str(tmp_path)) as guest:
        fd = guest.open(str(file), O_RDWR, 0)
        at = guest.mmap(0, 8192, 3, MAP_SHARED, fd, 0)
        os.truncate(file, 0)
        assert guest.memory.notify(at, 1) == 0
        assert guest.memory.wait32(at + 4096, 0, 1_000_000) == TIMED_OUT
        assert guest.memory.wait32(at + 4096, 0x01010101, FOREVER) == NOT_EQUAL


def test_a_memory_outlives_the_program_that_used_it() -> None:
    memory = Memory(1, 1, shared=True)
    with Guest(memory=memory) as guest:
        process = weakref.ref(guest.process)
    del guest
    gc.collect()
    assert process() is None
    threads, results = sleepers(1, 64, 0, FOREVER, action=memory.wait32)
    until(lambda: memory.notify(64, 1) == 1)
    threads[0].join(20)
    assert results == [WOKEN]
