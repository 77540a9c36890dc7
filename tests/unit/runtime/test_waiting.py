"""memory.atomic.wait and notify."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from pywasmjit.errors import TimedOut, Trap, TrapCode
from pywasmjit.runtime.deadlines import deadline, interruptible
from pywasmjit.runtime.memories import Memory
from pywasmjit.runtime.waiting import NOT_EQUAL, TIMED_OUT, WOKEN

PAGE = 65536
FOREVER = -1


def trap_of(action) -> TrapCode:
    with pytest.raises(Trap) as caught:
        action()
    return caught.value.code


def waiting(memory: Memory) -> int:
    return len(memory._queue()._waiters)


def wait_until(condition) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "took too long"
        time.sleep(0.001)


class Sleeper(threading.Thread):
    """A thread that waits once and keeps what came of it."""

    def __init__(self, memory: Memory, address: int, expected: int = 0, timeout_ns: int = FOREVER) -> None:
        super().__init__(daemon=True)
        self.arguments = (address, expected, timeout_ns)
        self.memory = memory
        self.result: object = None
        before = waiting(memory)
        self.start()
        if memory.unpack("<I", address) == (expected,):
            wait_until(lambda: waiting(memory) > before)

    def run(self) -> None:
        try:
            self.result = self.memory.wait32(*self.arguments)
        except BaseException as error:
            self.result = error

    def end(self) -> object:
        self.join(10)
        assert not self.is_alive()
        return self.result


@pytest.fixture
def memory() -> Memory:
    return Memory(1, 1, shared=True)


def test_another_value_does_not_wait(memory):
    memory.pack("<Q", 8, 0x1_0000_0005)
    assert memory.wait32(8, 6, FOREVER) == NOT_EQUAL
    assert memory.wait64(8, 5, FOREVER) == NOT_EQUAL
    assert memory.wait32(8, 5, 0) == TIMED_OUT
    assert memory.wait64(8, 0x1_0000_0005, 0) == TIMED_OUT
    assert waiting(memory) == 0


def test_time_is_over(memory):
    start = time.monotonic()
    assert memory.wait32(0, 0, 50_000_000) == TIMED_OUT
    assert 0.05 <= time.monotonic() - start < 1
    assert waiting(memory) == 0
    assert memory.notify(0, 1) == 0


def test_notify_wakes_in_order_of_arrival_and_counts(memory):
    sleepers = [Sleeper(memory, 4) for _ in range(4)]
    elsewhere = Sleeper(memory, 8)
    assert memory.notify(4, 0) == 0
    assert memory.notify(4, 1) == 1
    assert sleepers[0].end() == WOKEN
    assert waiting(memory) == 4
    assert memory.notify(4, 2) == 2
    assert [sleepers[1].end(), sleepers[2].end()] == [WOKEN, WOKEN]
    assert sleepers[3].is_alive()
    assert memory.notify(4, 0xFFFFFFFF) == 1
    assert sleepers[3].end() == WOKEN
    assert memory.notify(4, 1) == 0
    assert memory.notify(8, 5) == 1
    assert elsewhere.end() == WOKEN


def test_waking_is_quick(memory):
    times = []
    for _ in range(5):
        sleeper = Sleeper(memory, 4)
        start = time.monotonic()
        memory.notify(4, 1)
        sleeper.join(10)
        times.append(time.monotonic() - start)
    assert min(times) < 0.015


def test_traps(memory):
    unshared = Memory(1, 1)
    assert trap_of(lambda: memory.wait32(2, 0, 0)) is TrapCode.UNALIGNED_ATOMIC
    assert trap_of(lambda: memory.wait64(4, 0, 0)) is TrapCode.UNALIGNED_ATOMIC
    assert trap_of(lambda: memory.notify(1, 0)) is TrapCode.UNALIGNED_ATOMIC
    assert trap_of(lambda: memory.wait32(PAGE, 0, 0)) is TrapCode.MEMORY_OUT_OF_BOUNDS
    assert trap_of(lambda: memory.wait64(PAGE, 0, 0)) is TrapCode.MEMORY_OUT_OF_BOUNDS
    assert trap_of(lambda: memory.notify(PAGE, 0)) is TrapCode.MEMORY_OUT_OF_BOUNDS
    assert trap_of(lambda: unshared.wait32(0, 0, 0)) is TrapCode.EXPECTED_SHARED_MEMORY
    assert trap_of(lambda: unshared.wait64(0, 1, 0)) is TrapCode.EXPECTED_SHARED_MEMORY
    assert unshared.notify(0, 1) == 0
    assert memory.wait32(PAGE - 4, 0, 0) == TIMED_OUT


def test_a_deadline_ends_a_wait(memory):
    start = time.monotonic()
    with pytest.raises(TimedOut), deadline(0.05):
        memory.wait32(0, 0, FOREVER)
    assert 0.05 <= time.monotonic() - start < 0.5
    assert waiting(memory) == 0


def test_another_thread_ends_a_wait(memory):
    class Ended(Exception):
        pass

    job = interruptible(None, Ended)
    results = []

    def guest() -> None:
        try:
            with job:
                memory.wait32(0, 0, FOREVER)
        except Ended:
            results.append("ended")

    thread = threading.Thread(target=guest)
    thread.start()
    wait_until(lambda: waiting(memory) == 1)
    assert job.fire()
    thread.join(10)
    assert results == ["ended"]
    assert waiting(memory) == 0


def test_ctrl_c_ends_a_wait_at_once(memory):
    def interrupt() -> None:
        wait_until(lambda: waiting(memory) == 1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        memory.wait32(0, 0, FOREVER)
    assert time.monotonic() - start < 5
    wait_until(lambda: waiting(memory) == 0)


def test_no_wake_up_is_lost_between_store_and_wait(memory):
    """Two threads hand a token back and forth; one lost notify would leave both asleep."""
    rounds = 2000

    def player(own: int, other: int) -> None:
        for turn in range(1, rounds + 1):
            while memory.unpack("<I", own) != (turn,):
                memory.wait32(own, turn - 1, 5_000_000_000)
            memory.pack("<I", other, turn if other == 4 else turn + 1)
            memory.notify(other, 1)

    threads = [threading.Thread(target=player, args=pair) for pair in ((0, 4), (4, 0))]
    for thread in threads:
        thread.start()
    memory.pack("<I", 0, 1)
    memory.notify(0, 1)
    for thread in threads:
        thread.join(60)
    assert memory.unpack("<2I", 0) == (rounds + 1, rounds)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_after_fork_nobody_waits(memory):
    sleeper = Sleeper(memory, 0)
    child = os.fork()
    if child == 0:
        ok = memory.notify(0, 1) == 0 and memory.wait32(0, 0, 1000) == TIMED_OUT and memory.notify(0, 1) == 0
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert memory.notify(0, 1) == 1
    assert sleeper.end() == WOKEN


@pytest.mark.parametrize(
    ("operation", "operands", "expected"),
    [
        ("add", (200,), (100 + 200) & 0xFF),
        ("sub", (101,), 0xFF),
        ("and", (0x0F,), 100 & 0x0F),
        ("or", (0x0F,), 100 | 0x0F),
        ("xor", (0xFF,), 100 ^ 0xFF),
        ("xchg", (7,), 7),
        ("cmpxchg", (100, 9), 9),
        ("cmpxchg", (101, 9), 100),
    ],
)
def test_locked_read_modify_write(operation, operands, expected):
    memory = Memory(1)
    memory.write(3, bytes([1, 100, 2]))
    assert memory.atomic(operation, 1, 4, *operands) == 100
    assert memory.read(3, 3) == bytes([1, expected, 2])


def test_locked_read_modify_write_traps_and_loses_nothing():
    memory = Memory(1)
    assert trap_of(lambda: memory.atomic("add", 8, 4, 1)) is TrapCode.UNALIGNED_ATOMIC
    assert trap_of(lambda: memory.atomic("add", 4, PAGE, 1)) is TrapCode.MEMORY_OUT_OF_BOUNDS
    threads = [threading.Thread(target=lambda: [memory.atomic("add", 4, 8, 1) for _ in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.unpack("<I", 8) == (8000,)
