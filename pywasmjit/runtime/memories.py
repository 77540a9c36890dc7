"""Linear memory: one mapping that never moves, seen by compiled code through typed views and by the host as bytes.

Invariants:

* the address of the storage is fixed from birth to `close`; growing changes `size_bytes` only, which never falls
  before `close`;
* a view is made for the size of its moment: after growth it is too short, never wrong;
* everything that reads or writes takes `_whole` first and `size_bytes` second, and `close` clears them in the
  other order: so no thread ever pairs the old size with the empty storage;
* bulk operations check all bounds before the first byte is written, and work in pieces so that a deadline or
  Ctrl-C gets in between.

A closed memory behaves like an empty one that cannot grow.
"""

from __future__ import annotations

import operator
import struct
import threading
import weakref
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, TypeVar

from pywasmjit.errors import ResourceLimit, Trap, TrapCode
from pywasmjit.runtime import reservations
from pywasmjit.runtime.depth import register_after_fork
from pywasmjit.runtime.reservations import PAGE_SIZE
from pywasmjit.runtime.views import StructView, View, make_view
from pywasmjit.wasm.types import MemoryType

if TYPE_CHECKING:
    from pywasmjit.runtime.waiting import Sleepers, WaitQueue

Result = TypeVar("Result")

MAX_PAGES: Final = 65536
"""Largest size that a type may state, in pages: 2**32 bytes."""

PAGES_CAP: Final = 65535
"""Largest size that the engine gives, in pages: one page less, so that an address plus 1 never wraps."""

PIECE: Final = 4 << 20
"""Most bytes that a bulk operation moves before an interrupt can get in."""

_FILL_PIECE: Final = 1 << 20
_U32: Final = 0xFFFF_FFFF

_growing = threading.RLock()
"""Guards every change of size in the process: rare, short, and one lock is easily renewed after `fork`."""


_modifying = threading.RLock()
"""Guards atomic read-modify-writes that are not done in line."""

_OPERATIONS: Final[dict[str, Callable[[int, int], int]]] = {
    "add": operator.add,
    "sub": operator.sub,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "xchg": lambda old, operand: operand,
}


_RESIZING_DEPTH: Final = 24
"""More calls than lie between `Memory._resize` and what renews a view."""


def _need_stack(levels: int) -> None:
    """Raise RecursionError now if so many calls could not nest, rather than in the middle of what must be whole."""
    if levels:
        _need_stack(levels - 1)


def _renew_locks() -> None:
    global _growing, _modifying
    _growing = threading.RLock()
    _modifying = threading.RLock()


register_after_fork(_renew_locks)


def whole_memories() -> AbstractContextManager[object]:
    """Return a context in which no other thread changes a memory's size, so that a child finds each of them whole."""
    return _growing


class Refresher(Protocol):
    """What `Memory.attach` takes: an object that holds views of memories."""

    def refresh_memory(self, memory: Memory, /) -> None:
        """Replace every view of `memory` by a new one from `memory.strided`; called with the memory's lock held."""


class Memory:
    """A linear memory, to be shared with modules or taken from an instance's exports.

    minimum, maximum: pages of 64 KiB, 0 to 65536, minimum <= maximum; a maximum of None stands for all that there
    is.  shared: for threads; needs a maximum.  limit_bytes: the embedder's own bound, None for none.
    Raises ResourceLimit if the initial size is over `limit_bytes`, over 65535 pages, or cannot be had.

    The host sees bytes: `memory[address]` is an int, `memory[a:b]` is bytes, both as for a bytearray that cannot be
    resized (IndexError, negative indices count from the end).  The methods `read`, `write`, `read_str`, `unpack` and
    `pack` take addresses as guests pass them, -2**31 .. 2**32-1 with negative ones meaning the unsigned value of the
    same bits, and raise Trap(MEMORY_OUT_OF_BOUNDS): inside a host function that ends the guest as its own access
    would have.
    """

    __slots__ = (
        "__weakref__",
        "_attached",
        "_closed",
        "_limit_pages",
        "_maximum",
        "_pages",
        "_reservation",
        "_shared",
        "_waiting",
        "_whole",
        "size_bytes",
        "sleepers",
    )

    size_bytes: int
    """Current size in bytes; compiled code reads it, only `grow` and `close` write it."""

    sleepers: Sleepers | None
    """Other threads that sleep on words of this memory, and the host's way to do so; set by whoever knows of them."""

    def __init__(
        self, minimum: int, maximum: int | None = None, shared: bool = False, *, limit_bytes: int | None = None
    ) -> None:
        _check_limits(minimum, maximum, shared)
        limit_pages = PAGES_CAP if maximum is None else min(maximum, PAGES_CAP)
        if minimum > PAGES_CAP:
            raise ResourceLimit("memory pages", PAGES_CAP, f"the memory starts with {minimum}")
        if limit_bytes is not None:
            if minimum * PAGE_SIZE > limit_bytes:
                raise ResourceLimit("memory", limit_bytes, f"the memory starts with {minimum * PAGE_SIZE} bytes")
            limit_pages = min(limit_pages, limit_bytes // PAGE_SIZE)
        self._maximum = maximum
        self._shared = shared
        self._attached: list[weakref.ref[Refresher]] = []
        self._waiting: WaitQueue | None = None
        self.sleepers = None
        self._closed = False
        self._reservation = reservations.reserve(minimum * PAGE_SIZE, limit_pages * PAGE_SIZE)
        self._limit_pages = self._reservation.size // PAGE_SIZE
        self._whole = self._reservation.whole
        self.size_bytes = minimum * PAGE_SIZE
        self._pages = minimum

    # -- what the memory is ---------------------------------------------------------------------------------------

    @property
    def type(self) -> MemoryType:
        """Its type now: the minimum is the current size, as linking sees it."""
        return MemoryType(self.pages, self._maximum, self._shared)

    @property
    def pages(self) -> int:
        """Current size in pages of 64 KiB, which all views reach."""
        return self._pages

    @property
    def shared(self) -> bool:
        """Whether threads may share it."""
        return self._shared

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def base(self) -> int | None:
        """Address of the first byte in the process, None without `ctypes` or after `close`.

        Whoever uses it keeps the memory alive and stays below `size_bytes`.
        """
        return None if self._closed else self._reservation.base

    def __len__(self) -> int:
        return self.size_bytes

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self.pages} pages"
        maximum = "" if self._maximum is None else f", at most {self._maximum}"
        return f"<pywasmjit.Memory {state}{maximum}{', shared' if self._shared else ''}>"

    # -- growth and end -------------------------------------------------------------------------------------------

    def grow(self, delta: int) -> int:
        """Add `delta` pages of zeros and return the size before, in pages; -1 if that much cannot be had.

        Views that the host holds stay valid for the extent that they had.  Raises ValueError if delta < 0.
        """
        if delta < 0:
            raise ValueError("a memory cannot shrink")
        with _growing:
            before = self.size_bytes >> 16
            pages = before + delta
            if self._closed or pages > self._limit_pages or not self._reservation.commit(pages * PAGE_SIZE):
                return -1
            if delta:
                self._resize(pages * PAGE_SIZE, self._whole)
        return before

    def _resize(self, size_bytes: int, whole: memoryview) -> None:
        """Set the size and tell everyone who is attached, a second time if an interrupt came in between."""
        _need_stack(_RESIZING_DEPTH)
        try:
            self._set_extent(size_bytes, whole)
        except BaseException:
            self._set_extent(size_bytes, whole)
            raise

    def _set_extent(self, size_bytes: int, whole: memoryview) -> None:
        pages = size_bytes >> 16
        if pages < self._pages:
            self._pages = pages
        self.size_bytes = size_bytes
        self._whole = whole
        for reference in self._attached:
            refresher = reference()
            if refresher is not None:
                refresher.refresh_memory(self)
        self._pages = pages  # last: a guest thread that sees the new size may use it

    def attach(self, refresher: Refresher) -> None:
        """Have `refresher.refresh_memory(self)` called after each growth, and at `close`, with the lock held.

        Only a weak reference is kept: attach an object that everything which may use the views keeps alive.
        A view that was made while another thread grew the memory may be too short; so attach first, make views after,
        and compare `size_bytes` before and after storing one.
        """
        with _growing:
            self._attached = [*self._others(refresher), weakref.ref(refresher)]

    def _others(self, refresher: Refresher) -> list[weakref.ref[Refresher]]:
        return [reference for reference in self._attached if reference() not in (None, refresher)]

    def close(self) -> None:
        """Give the address space back; afterwards the memory is empty for everyone.  Closing twice does no harm.

        Compiled code of any instance that uses the memory traps with "out of bounds memory access" from then on.
        Memoryviews from `view` keep the storage alive until the last of them is gone.  If a guest is running
        anywhere in the process, the storage is released later, when a memory is made or closed while none runs.
        """
        with _growing:
            if self._closed:
                return
            self._closed = True
            self._resize(0, memoryview(bytearray()))  # writable: a store is out of bounds, not of the wrong type
            # Not reached if a refresh failed: a view may be left, so the storage stays mapped with this object.
            reservations.release(self._reservation)

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Memory cannot be pickled or copied; bytes(memory) is its content")

    # -- for compiled code ----------------------------------------------------------------------------------------

    def strided(self, fmt: str, offset: int) -> View:
        """Return a view V of the current extent: V[a] is the item of `fmt` at address a + offset, any alignment.

        fmt: one of b B h H i I q Q f d, little-endian.  offset: bytes, 0 <= offset < 2**64.  IndexError where the item
        does not fit.  The view must not leave the engine, nor outlive this object (see `views`).
        """
        whole = self._whole
        base = self.base
        return make_view(base, whole, self.size_bytes, offset, fmt) if len(whole) else StructView(whole, 0, fmt)

    def fill(self, address: int, value: int, count: int) -> None:
        """Set `count` bytes from `address` to the low 8 bits of `value`.

        All unsigned.  Raises Trap(MEMORY_OUT_OF_BOUNDS) before the first byte is written.  Spec: memory.fill.
        """
        whole = self._whole
        if address + count > self.size_bytes:
            raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS)
        if count <= _FILL_PIECE:
            whole[address : address + count] = bytes((value & 0xFF,)) * count
            return
        pattern = bytes((value & 0xFF,)) * _FILL_PIECE
        for start, length in _pieces(count, _FILL_PIECE):
            start += address
            whole[start : start + length] = pattern[:length]

    def copy(self, address: int, source: Memory, source_address: int, count: int) -> None:
        """Copy `count` bytes from `source`, which may be this memory and may overlap.

        All unsigned.  Raises Trap(MEMORY_OUT_OF_BOUNDS) before the first byte is written.  Spec: memory.copy.
        """
        whole = self._whole
        other = source._whole
        if address + count > self.size_bytes or source_address + count > source.size_bytes:
            raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS)
        if count <= PIECE:
            whole[address : address + count] = other[source_address : source_address + count]
            return
        pieces = _pieces(count, PIECE)
        if source is self and address > source_address:
            pieces.reverse()
        for start, length in pieces:
            at = address + start
            origin = source_address + start
            whole[at : at + length] = other[origin : origin + length]

    def init(self, address: int, data: bytes | memoryview, data_offset: int, count: int) -> None:
        """Copy `count` bytes of a data segment, from `data_offset` on.

        All unsigned.  Raises Trap(MEMORY_OUT_OF_BOUNDS) before the first byte is written.  Spec: memory.init.
        """
        whole = self._whole
        if address + count > self.size_bytes or data_offset + count > len(data):
            raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS)
        if count <= PIECE:
            whole[address : address + count] = data[data_offset : data_offset + count]
            return
        segment = memoryview(data)
        for start, length in _pieces(count, PIECE):
            origin = data_offset + start
            whole[address + start : address + start + length] = segment[origin : origin + length]

    def wait32(self, address: int, expected: int, timeout_ns: int) -> int:
        """Wait on the i32 at `address`; see `WaitQueue.wait`."""
        return self._queue().wait(self, 4, address, expected, timeout_ns)

    def wait64(self, address: int, expected: int, timeout_ns: int) -> int:
        """Wait on the i64 at `address`; see `WaitQueue.wait`."""
        return self._queue().wait(self, 8, address, expected, timeout_ns)

    def notify(self, address: int, count: int) -> int:
        """Wake up to `count` threads (unsigned) that wait on `address`, first come first served; return how many.

        Of those that sleep by `sleepers` and those in the queue the former come first.
        """
        return self._queue().notify(self, address, count)

    def atomic(self, operation: str, width: int, address: int, operand: int, replacement: int = 0) -> int:
        """Do a read-modify-write of `width` bytes under a lock and return the old value; all unsigned.

        For interpreters without a global lock; under one, compiled code does this in line.
        operation: add, sub, and, or, xor, xchg (operand), or cmpxchg (operand is the expected value).
        Raises Trap: UNALIGNED_ATOMIC, MEMORY_OUT_OF_BOUNDS.
        """
        from pywasmjit.runtime.waiting import check_atomic

        check_atomic(self, width, address)
        with _modifying:
            old = int.from_bytes(self.read(address, width), "little")
            if operation == "cmpxchg":
                new = replacement if old == operand else old
            else:
                new = _OPERATIONS[operation](old, operand)
            self.write(address, (new & (1 << 8 * width) - 1).to_bytes(width, "little"))
        return old

    def exclusively(self, action: Callable[[], Result]) -> Result:
        """Call `action`, which changes words of the memory and keeps the GIL, as one atomic operation."""
        with _modifying:
            return action()

    def _queue(self) -> WaitQueue:
        queue = self._waiting
        if queue is None:
            from pywasmjit.runtime.waiting import WaitQueue

            with _growing:
                queue = self._waiting = self._waiting or WaitQueue()
        return queue

    # -- for the host ---------------------------------------------------------------------------------------------

    def view(self) -> memoryview:
        """Return a writable memoryview (format "B") of the current extent.

        It keeps the storage alive, and stays valid for this extent when the memory grows or is closed.
        """
        whole = self._whole
        return whole[: self.size_bytes]

    def __buffer__(self, flags: int, /) -> memoryview:
        """Give `memoryview(memory)` and all who take buffers a view; called by CPython 3.12 and later."""
        return self.view()

    def __bytes__(self) -> bytes:
        return self.view().tobytes()

    def _extent(self, address: int, count: int) -> memoryview:
        """Return the view of `count` bytes at `address`, both as a guest passes them; Trap if not all are inside."""
        whole = self._whole
        if address < 0:
            address &= _U32
        if count < 0:
            count &= _U32
        end = address + count
        if end > self.size_bytes:
            raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS, f"{count} bytes at {address:#x}")
        return whole[address:end]

    def read(self, address: int, count: int) -> bytes:
        """Return a copy of `count` bytes from `address`.  Raises Trap(MEMORY_OUT_OF_BOUNDS)."""
        return self._extent(address, count).tobytes()

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Store all bytes of `data`, any bytes-like object, from `address` on.

        Raises Trap(MEMORY_OUT_OF_BOUNDS) before the first byte is written.
        """
        source = _as_bytes(data)
        self._extent(address, len(source))[:] = source

    def read_str(self, address: int, count: int | None = None, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the text of `count` bytes from `address`, or up to the first zero byte if `count` is None.

        Raises Trap(MEMORY_OUT_OF_BOUNDS), also if no zero byte follows; UnicodeDecodeError as `bytes.decode` does.
        """
        if count is not None:
            return str(self._extent(address, count), encoding, errors)
        return self._read_zero_ended(address & _U32 if address < 0 else address).decode(encoding, errors)

    def _read_zero_ended(self, address: int) -> bytes:
        view = self.view()
        parts = []
        start, length = address, 256
        while start < len(view):
            part = view[start : start + length].tobytes()
            end = part.find(0)
            if end >= 0:
                parts.append(part[:end])
                return b"".join(parts)
            parts.append(part)
            start += length
            length = min(2 * length, 1 << 20)
        raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS, f"no end of the string at {address:#x}")

    def unpack(self, fmt: str, address: int) -> tuple[Any, ...]:
        """Return the values at `address` in the format `fmt` of the module `struct`.

        A format without a byte order is little-endian without padding, as Wasm is.  Raises Trap(MEMORY_OUT_OF_BOUNDS).
        """
        fmt = _with_byte_order(fmt)
        return struct.unpack(fmt, self._extent(address, struct.calcsize(fmt)))

    def pack(self, fmt: str, address: int, *values: Any) -> None:
        """Store `values` at `address` in the format `fmt`, read as by `unpack`.

        Raises Trap(MEMORY_OUT_OF_BOUNDS); struct.error if a value does not fit.  Either before anything is written.
        """
        data = struct.pack(_with_byte_order(fmt), *values)
        self._extent(address, len(data))[:] = data

    def __getitem__(self, index: int | slice) -> Any:
        found = self.view()[index]
        return found.tobytes() if isinstance(index, slice) else found  # type: ignore[union-attr]

    def __setitem__(self, index: int | slice, value: Any) -> None:
        if not isinstance(index, slice):
            self.view()[index] = value
            return
        target = self.view()[index]
        source = _as_bytes(value)
        if len(source) != len(target):
            raise ValueError(f"a memory cannot be resized: {len(source)} bytes for a slice of {len(target)}")
        target[:] = source


def _check_limits(minimum: int, maximum: int | None, shared: bool) -> None:
    """Raise what the host's own mistakes deserve; limits from a module were validated before."""
    if not isinstance(minimum, int) or not isinstance(maximum, int | None):
        raise TypeError("the limits of a memory are numbers of pages")
    if not 0 <= minimum <= MAX_PAGES:
        raise ValueError(f"minimum of {minimum} pages; it is 0 to {MAX_PAGES}")
    if maximum is not None and not minimum <= maximum <= MAX_PAGES:
        raise ValueError(f"maximum of {maximum} pages; it is {minimum} to {MAX_PAGES}")
    if shared and maximum is None:
        raise ValueError("a shared memory needs a maximum")


def _pieces(count: int, size: int) -> list[tuple[int, int]]:
    """Cut `count` bytes into (start, length) of at most `size` bytes, in order."""
    return [(start, min(size, count - start)) for start in range(0, count, size)]


def _as_bytes(data: Any) -> memoryview:
    """Return any bytes-like object, or iterable of ints, as plain bytes."""
    try:
        view = memoryview(data)
    except TypeError:
        if not isinstance(data, Iterable):
            raise TypeError(f"bytes expected, not {type(data).__name__}") from None
        return memoryview(bytes(data))
    if view.format == "B" and view.ndim == 1 and view.contiguous:
        return view
    return view.cast("B") if view.c_contiguous and view.nbytes else memoryview(view.tobytes())


def _with_byte_order(fmt: str) -> str:
    return fmt if fmt[:1] in ("<", ">", "=", "@", "!") else "<" + fmt
