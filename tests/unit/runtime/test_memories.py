"""Memory: bounds, growth, the host's methods, closing, and every kind of storage."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import struct
import subprocess
import sys
import threading
import time

import pytest

from pywasmjit.errors import ResourceLimit, TimedOut, Trap, TrapCode
from pywasmjit.runtime import depth, reservations
from pywasmjit.runtime.deadlines import deadline
from pywasmjit.runtime.memories import Memory
from pywasmjit.runtime.views import WIDTHS, StructView
from pywasmjit.wasm.types import MemoryType

PAGE = 65536


class Holder:
    """An instance in miniature: it keeps views and renews them when the memory says so."""

    def __init__(self, memory: Memory, *keys: tuple[str, int]) -> None:
        self.keys = keys
        self.refreshed = 0
        self.refresh_memory(memory)
        memory.attach(self)

    def refresh_memory(self, memory: Memory) -> None:
        self.refreshed += 1
        self.views = {key: memory.strided(*key) for key in self.keys}


def out_of_bounds(action) -> None:
    with pytest.raises(Trap) as caught:
        action()
    assert caught.value.code is TrapCode.MEMORY_OUT_OF_BOUNDS


# -- construction ---------------------------------------------------------------------------------------------------


def test_size_type_and_zeros_at_birth():
    memory = Memory(2, 5)
    assert (memory.pages, len(memory), memory.size_bytes) == (2, 2 * PAGE, 2 * PAGE)
    assert memory.type == MemoryType(2, 5)
    assert bytes(memory) == bytes(2 * PAGE)
    assert repr(memory) == "<pywasmjit.Memory 2 pages, at most 5>"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((-1,), ValueError),
        ((2, 1), ValueError),
        ((65537,), ValueError),
        ((0, 65537), ValueError),
        ((1, None, True), ValueError),
        (("1",), TypeError),
        ((1, 2.0), TypeError),
    ],
)
def test_nonsense_limits_are_refused(arguments, error):
    with pytest.raises(error):
        Memory(*arguments)


def test_65536_pages_are_over_the_cap_but_a_maximum_of_65536_is_not():
    with pytest.raises(ResourceLimit):
        Memory(65536)
    memory = Memory(0, 65536)
    assert memory.grow(65536) == -1
    assert memory.grow(65535) == 0
    assert memory.grow(1) == -1
    memory[-1] = 7
    assert memory[65535 * PAGE - 1] == 7


def test_limit_bytes():
    with pytest.raises(ResourceLimit) as caught:
        Memory(2, limit_bytes=2 * PAGE - 1)
    assert (caught.value.name, caught.value.value) == ("memory", 2 * PAGE - 1)
    memory = Memory(2, limit_bytes=4 * PAGE - 1)
    assert [memory.grow(2), memory.grow(1), memory.grow(1)] == [-1, 2, -1]


# -- growth ---------------------------------------------------------------------------------------------------------


def test_grow_answers_the_old_size_or_minus_one():
    memory = Memory(1, 3)
    assert [memory.grow(0), memory.grow(1), memory.grow(2), memory.grow(1), memory.grow(0)] == [1, 1, -1, 2, 3]
    assert memory.type == MemoryType(3, 3)
    with pytest.raises(ValueError, match="shrink"):
        memory.grow(-1)


def test_growing_does_not_move_and_keeps_content_and_host_views():
    memory = Memory(1, 100)
    view, base = memory.view(), memory.base
    memory[5] = 42
    memory.grow(99)
    assert memory.base == base
    assert (len(view), view[5], len(memory.view())) == (PAGE, 42, 100 * PAGE)
    view[6] = 43
    assert memory[6] == 43
    assert memory[PAGE:] == bytes(99 * PAGE)


def test_attached_objects_are_refreshed_and_held_weakly():
    memory = Memory(1, 10)
    holder, other = Holder(memory, ("I", 4)), Holder(memory, ("I", 4))
    memory.attach(holder)  # twice counts once
    assert len(holder.views["I", 4]) == PAGE - 7
    memory.grow(1)
    assert (holder.refreshed, other.refreshed) == (2, 2)
    assert len(holder.views["I", 4]) == 2 * PAGE - 7
    del other
    memory.grow(1)
    assert holder.refreshed == 3


def test_an_interrupt_between_size_and_refresh_leaves_both_new():
    class Interrupted(Holder):
        def refresh_memory(self, memory: Memory) -> None:
            super().refresh_memory(memory)
            if self.refreshed == 2:
                self.views = {}
                raise KeyboardInterrupt

    memory = Memory(1)
    holder = Interrupted(memory, ("B", 0))
    with pytest.raises(KeyboardInterrupt):
        memory.grow(1)
    assert memory.pages == 2
    assert len(holder.views["B", 0]) == 2 * PAGE


def test_grow_with_256_views_is_fast():
    memory = Memory(1, 100)
    holder = Holder(memory, *[("bBhHiIqQfd"[n % 10], n * 4) for n in range(256)])
    times = []
    for _ in range(20):
        start = time.perf_counter()
        memory.grow(1)
        times.append(time.perf_counter() - start)
    assert len(holder.views["b", 0]) == 21 * PAGE
    assert min(times) < 0.001


def test_concurrent_growth_counts_every_page():
    memory = Memory(0, 400, shared=True)
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.extend([memory.grow(1) for _ in range(100)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(400))


# -- views for compiled code ----------------------------------------------------------------------------------------


def check_view(memory: Memory, fmt: str, offset: int) -> None:
    width = WIDTHS[fmt]
    view = memory.strided(fmt, offset)
    last = len(memory) - offset - width
    assert len(view) == last + 1
    value = {"f": 1.5, "d": -0.1}.get(fmt, -2 if fmt.islower() else (1 << 8 * width) - 2)
    for address in (0, 1, 3, last):
        view[address] = value
        assert view[address] == value
        assert memory.unpack("<" + fmt, address + offset) == (value,)
    for address in (last + 1, len(memory), 2**32 - 1):
        with pytest.raises(IndexError):
            view[address]
        with pytest.raises(IndexError):
            view[address] = value
    check_stores_out_of_range(view, fmt, width)


def check_stores_out_of_range(view, fmt: str, width: int) -> None:
    view[0] = 0
    if fmt == "f":
        view[0] = 1e39
        assert view[0] == float("inf")
        view[0] = -1e39
        assert view[0] == float("-inf")
    elif fmt != "d":
        for value in (1 << 8 * width, -(1 << 8 * width)):
            with pytest.raises(ValueError):  # noqa: PT011 - CPython's words
                view[0] = value
        with pytest.raises(TypeError):
            view[0] = 1.0
        assert view[0] == 0
        view[0] = True
        assert view[0] == 1


@pytest.mark.parametrize("fmt", WIDTHS)
@pytest.mark.parametrize("offset", [0, 1, 65528])
def test_views_are_exact_at_any_alignment(fmt, offset):
    check_view(Memory(2, 3), fmt, offset)


@pytest.mark.parametrize("fmt", WIDTHS)
def test_views_without_ctypes_do_the_same(fmt, monkeypatch):
    monkeypatch.setattr(reservations, "_address_of", lambda mapping: None)
    memory = Memory(2, 3)
    assert memory.base is None
    if fmt != "B":
        assert isinstance(memory.strided(fmt, 0), StructView)
    check_view(memory, fmt, 1)


@pytest.mark.parametrize("fmt", WIDTHS)
@pytest.mark.parametrize("pages", [0, 1])
def test_views_beyond_the_end_are_empty(fmt, pages):
    memory = Memory(pages)
    for offset in (PAGE, PAGE + 1, 2**32 - 1, 2**64 - 1):
        view = memory.strided(fmt, offset)
        assert len(view) == 0
        with pytest.raises(IndexError):
            view[0]
        with pytest.raises(IndexError):
            view[0] = 0


def test_signalling_nan_survives_integer_views_and_doubles():
    memory = Memory(1)
    memory.pack("<Q", 0, 0x7FF0000000000001)
    view = memory.strided("d", 0)
    view[8] = view[0]
    assert memory.unpack("<Q", 8) == (0x7FF0000000000001,)


# -- bulk operations ------------------------------------------------------------------------------------------------


def test_fill_copy_init():
    memory = Memory(1)
    memory.fill(10, 0x1FF, 3)
    assert memory[9:14] == b"\0\xff\xff\xff\0"
    memory.init(0, b"abcdef", 2, 3)
    memory.copy(1, memory, 0, 3)
    assert memory[:5] == b"ccde\0"
    other = Memory(1)
    other.copy(PAGE - 3, memory, 1, 3)
    assert other[-4:] == b"\0cde"


def test_bulk_operations_check_before_they_write():
    memory, other = Memory(1), Memory(2)
    other.fill(0, 7, 2 * PAGE)
    out_of_bounds(lambda: memory.fill(PAGE - 1, 1, 2))
    out_of_bounds(lambda: memory.copy(PAGE - 1, other, 0, 2))
    out_of_bounds(lambda: memory.copy(0, other, 2 * PAGE - 1, 2))
    out_of_bounds(lambda: memory.init(PAGE - 1, b"ab", 0, 2))
    out_of_bounds(lambda: memory.init(0, b"ab", 1, 2))
    out_of_bounds(lambda: memory.init(0, b"ab", 3, 0))
    out_of_bounds(lambda: memory.fill(2**32 - 1, 0, 2**32 - 1))
    assert bytes(memory) == bytes(PAGE)
    memory.fill(PAGE, 1, 0)
    memory.copy(PAGE, other, 2 * PAGE, 0)
    memory.init(PAGE, b"ab", 2, 0)
    out_of_bounds(lambda: memory.fill(PAGE + 1, 1, 0))


@pytest.mark.parametrize("shift", [1, -1, 3 << 20, -(3 << 20), 5 << 20])
def test_large_overlapping_copies(shift):
    size = 9 << 20
    memory = Memory(512)
    content = os.urandom(1 << 12) * (size >> 12)
    start = 8 << 20
    memory[start : start + size] = content
    memory.copy(start + shift, memory, start, size)
    assert memory[start + shift : start + shift + size] == content


def test_large_fill_init_and_copy_between_memories():
    memory, other = Memory(200), Memory(200)
    data = bytes(range(256)) * 20000
    memory.init(3, data, 0, len(data))
    assert memory[: len(data) + 5] == b"\0\0\0" + data + b"\0\0"
    other.copy(1, memory, 3, len(data))
    assert other[: len(data) + 2] == b"\0" + data + b"\0"
    memory.fill(1, 9, 5_000_000)
    assert memory[:5_000_003] == b"\0" + b"\x09" * 5_000_000 + data[4_999_998:5_000_000]


def test_huge_bulk_operations_can_be_interrupted():
    memory = Memory(65535)
    start = time.monotonic()
    with pytest.raises(TimedOut), deadline(0.03):
        memory.fill(0, 1, 65535 * PAGE)
    with pytest.raises(TimedOut), deadline(0.03):
        memory.copy(1 << 31, memory, 0, 1 << 30)
    assert time.monotonic() - start < 2
    memory.close()


# -- the host's methods ---------------------------------------------------------------------------------------------


def test_read_write_strings_and_structs():
    memory = Memory(1)
    memory.write(4, b"h\xc3\xa9llo\0")
    assert memory.read(4, 3) == b"h\xc3\xa9"
    assert memory.read_str(4) == "héllo"
    assert memory.read_str(4, 3) == "hé"
    assert memory.read_str(5, 2, "latin-1") == "Ã©"
    memory.pack("IHd", 100, 1, 2, 0.5)
    assert memory.unpack("<IHd", 100) == (1, 2, 0.5)
    memory.write(0, memoryview(struct.pack("<2I", 1, 2)).cast("I"))
    assert memory.unpack("2I", 0) == (1, 2)
    memory.write(0, bytearray(b"xy"))
    assert memory.read(0, 4) == b"xy\0\0"


def test_long_strings_and_strings_without_end():
    memory = Memory(2)
    memory.fill(0, 65, 70_000)
    assert memory.read_str(0) == "A" * 70_000
    memory.fill(PAGE, 66, PAGE)
    out_of_bounds(lambda: memory.read_str(PAGE))
    assert memory.read_str(PAGE, PAGE) == "B" * PAGE
    memory.write(0, b"\xff\0")
    with pytest.raises(UnicodeDecodeError):
        memory.read_str(0)
    assert memory.read_str(0, errors="replace") == "�"


def test_addresses_outside_trap_and_negative_ones_are_unsigned():
    memory = Memory(1)
    memory.pack("<I", PAGE - 4, 5)
    out_of_bounds(lambda: memory.read(PAGE - 1, 2))
    out_of_bounds(lambda: memory.write(PAGE - 1, b"ab"))
    out_of_bounds(lambda: memory.pack("<I", PAGE - 3, 0))
    out_of_bounds(lambda: memory.unpack("<I", PAGE - 3))
    out_of_bounds(lambda: memory.read(-4, 4))
    out_of_bounds(lambda: memory.read(0, -1))
    out_of_bounds(lambda: memory.read_str(-1))
    assert memory.unpack("<I", PAGE - 4) == (5,)
    big = Memory(65535)
    big.pack("<I", -(2**31), 77)
    assert big.unpack("<I", 2**31) == (77,)


def test_subscripts_are_those_of_a_bytearray_that_cannot_be_resized():
    memory, model = Memory(1), bytearray(PAGE)
    for target in (memory, model):
        target[0] = 1
        target[-1] = 2
        target[10:14] = b"abcd"
        target[20:30:3] = b"wxyz"
        target[5:2] = b""
        target[40:43] = [7, 8, 9]
        target[50::-10] = b"543210"
    assert bytes(memory) == bytes(model)
    for index in (0, -1, 12, slice(0, 60), slice(-3, None), slice(30, 0, -2), slice(PAGE - 2, PAGE + 50)):
        assert memory[index] == model[index]
    for index in (PAGE, -PAGE - 1):
        with pytest.raises(IndexError):
            memory[index]
        with pytest.raises(IndexError):
            memory[index] = 1
    for index, value in ((slice(0, 2), b"abc"), (slice(0, 2), b""), (slice(PAGE, PAGE), b"x"), (0, 256)):
        with pytest.raises(ValueError):  # noqa: PT011 - several wordings
            memory[index] = value
    with pytest.raises(TypeError):
        memory[0:2] = 2
    assert len(memory) == PAGE


def test_buffer_protocol():
    memory = Memory(1)
    view = memory.view()
    assert (view.format, view.readonly, view.itemsize, len(view)) == ("B", False, 1, PAGE)
    if sys.version_info >= (3, 12):
        memoryview(memory)[3] = 9
        assert memory[3] == 9


def test_no_pickling_no_copying():
    for action in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            action(Memory(1))


# -- close ----------------------------------------------------------------------------------------------------------


def mapped_kib() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * 4


def test_a_closed_memory_is_empty_and_its_address_space_is_free():
    memory = Memory(1)
    holder = Holder(memory, ("I", 0), ("B", 0), ("b", 8))
    before = mapped_kib()
    memory.close()
    memory.close()
    assert mapped_kib() < before - (4 << 20) + 1000
    assert (len(memory), memory.pages, memory.closed, memory.base) == (0, 0, True, None)
    assert [len(view) for view in holder.views.values()] == [0, 0, 0]
    assert (memory.grow(0), memory.grow(1)) == (-1, -1)
    assert (bytes(memory), len(memory.view())) == (b"", 0)
    out_of_bounds(lambda: memory.read(0, 1))
    out_of_bounds(lambda: memory.fill(0, 1, 1))
    with pytest.raises(IndexError):
        memory[0]
    assert repr(memory) == "<pywasmjit.Memory closed>"


def test_context_manager_closes():
    with Memory(1) as memory:
        memory[0] = 1
    assert memory.closed


def test_host_views_survive_close():
    memory = Memory(1)
    view = memory.view()[10:20]
    memory.write(10, b"0123456789")
    before = mapped_kib()
    memory.close()
    assert view.tobytes() == b"0123456789"
    del view
    assert mapped_kib() < before - (4 << 20) + 1000


def test_close_waits_for_guests_that_run():
    memory = Memory(1)
    view = memory.strided("I", 0)  # stands for one on the value stack of a guest
    view[0] = 5
    cell = depth.entry_cell()
    before = mapped_kib()
    cell[0] += 1
    try:
        memory.close()
        assert len(memory) == 0
        assert view[0] == 5
        assert mapped_kib() > before - 1000
    finally:
        cell[0] -= 1
    del view
    Memory(0, 0).close()
    assert mapped_kib() < before - (4 << 20) + 1000


def test_storage_stays_when_a_refresh_fails():
    class Broken(Holder):
        def refresh_memory(self, memory: Memory) -> None:
            if self.__dict__.get("views"):
                raise RuntimeError("broken")
            super().refresh_memory(memory)

    memory = Memory(1)
    holder = Broken(memory, ("I", 0))
    with pytest.raises(RuntimeError):
        memory.close()
    holder.views["I", 0][0] = 3
    assert memory.closed


def test_ten_thousand_memories_leave_nothing():
    def run(count: int) -> None:
        for _ in range(count):
            memory = Memory(1, 10)
            memory[0] = 1
            memory.strided("I", 0)[0] = 1

    run(500)
    gc.collect()
    before, descriptors = mapped_kib(), len(os.listdir("/proc/self/fd"))
    run(10_000)
    assert mapped_kib() - before < 2000
    assert len(os.listdir("/proc/self/fd")) == descriptors


# -- other kinds of storage -----------------------------------------------------------------------------------------


def exercise(memory: Memory) -> None:
    """Do a bit of everything; used under every kind of storage."""
    holder = Holder(memory, ("I", 4), ("b", 0), ("d", 9))
    holder.views["I", 4][1] = 0xDEADBEEF
    assert memory.unpack("<I", 5) == (0xDEADBEEF,)
    host = memory.view()
    assert memory.grow(1) == 1
    holder.views["d", 9][PAGE] = 2.5
    assert memory.unpack("<d", PAGE + 9) == (2.5,)
    with pytest.raises(IndexError):
        holder.views["d", 9][2 * PAGE - 16]
    memory.copy(PAGE, memory, 5, 4)
    assert memory[PAGE : PAGE + 4] == b"\xef\xbe\xad\xde"
    memory.close()
    assert host[5:9].tobytes() == b"\xef\xbe\xad\xde"
    assert [len(view) for view in holder.views.values()] == [0, 0, 0]


def test_inaccessible_reservation(monkeypatch):
    monkeypatch.setattr(reservations, "_try_full", lambda minimum, maximum: None)
    before = mapped_kib()
    memory = Memory(1)
    assert type(memory._reservation).__name__ == "_ProtectedReservation"
    assert mapped_kib() > before + (4 << 20) - 1000
    exercise(memory)
    assert mapped_kib() < before + 1000
    del memory
    memory = Memory(1)
    view = memory.view()
    del memory
    view[65535] = 1
    del view
    assert mapped_kib() < before + 1000
    exercise(Memory(1, 2))
    Memory(0, 0).close()


def test_bytearray_where_mmap_is_missing(monkeypatch):
    monkeypatch.setattr(reservations, "mmap", None)
    memory = Memory(1, 10)
    assert type(memory._reservation).__name__ == "_BytesReservation"
    exercise(memory)


LITTLE_ADDRESS_SPACE = """
import resource, sys
used = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + (400 << 20), used + (400 << 20)))
from pywasmjit.errors import ResourceLimit
from pywasmjit.runtime.memories import Memory
from tests.unit.runtime.test_memories import exercise
exercise(Memory(1))
memory = Memory(1)
grown = 0
while memory.grow(1) != -1:
    grown += 1
assert 500 < grown < 4000, grown
memory[-1] = 1
exercise(Memory(1))
try:
    Memory(16000)
except ResourceLimit as error:
    print(error)
keep = []
try:
    while True:
        keep.append(Memory(100))
except ResourceLimit as error:
    print(len(keep) > 5)
bytearray(4 << 20)
"""

NO_CTYPES = """
import sys
sys.modules["ctypes"] = sys.modules["_ctypes"] = None
from pywasmjit.runtime.memories import Memory
from tests.unit.runtime.test_memories import exercise
memory = Memory(1)
assert memory.base is None
exercise(memory)
with Memory(1) as memory:
    memory.grow(1000)
    memory[-1] = 3
"""


def run_script(script: str) -> str:
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_under_a_small_limit_of_address_space():
    assert run_script(LITTLE_ADDRESS_SPACE).split("\n")[1] == "True"


def test_without_ctypes():
    run_script(NO_CTYPES)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork_makes_memory_private():
    memory = Memory(1)
    memory[0] = 1
    child = os.fork()
    if child == 0:
        memory[0] = 2
        memory.grow(1)
        os._exit(memory[0])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert (memory[0], memory.pages) == (1, 1)
