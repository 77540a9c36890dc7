"""Address space for linear memories: reserved once, as large as the memory may become, and never moved.

A `Reservation` is the storage behind one `Memory`.  Its address is fixed for its whole life, so that views
over it stay right whatever `memory.grow` does; pages that were never touched cost nothing.  Ways to get one,
in the order in which `reserve` tries them:

1. `mmap` of the full maximum: private, anonymous, without swap reservation (5 to 30 µs for 4 GiB);
2. the full maximum without any right of access, and `mprotect` for the part in use: where the kernel counts
   writable pages as committed (`vm.overcommit_memory=2`); needs `ctypes`;
3. `mmap` of a part: what a limit of the process leaves, half of it at most, so that Python can still breathe;
4. a `bytearray`, where the module `mmap` does not exist.

With 3 and 4 the memory cannot grow to its maximum; `memory.grow` then answers -1, as the specification allows.
What is released while a guest runs anywhere in the process stays mapped until none does: a strided view
(`views.py`) may be on some thread's value stack.
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from typing import Any, Protocol

from pywasmjit.errors import ResourceLimit
from pywasmjit.runtime.depth import guests_running

try:
    import mmap
except ImportError:  # pragma: no cover - no CPython of ours lacks it; tests block the import
    mmap = None  # type: ignore[assignment]

PAGE_SIZE = 65536
"""Bytes in a page of linear memory."""

_BYTEARRAY_SLACK = 64 << 20
_HEADROOM = 16 << 20
_READ_WRITE = 3
_NO_ACCESS = 0


class Reservation(Protocol):
    """Storage that never moves.

    size: bytes that the memory may grow to.  base: address of the first byte, None where `ctypes` is missing.
    whole: writable view of all `size` bytes that keeps the storage alive; only committed bytes may be touched.
    """

    size: int
    base: int | None
    whole: memoryview

    def commit(self, size_bytes: int) -> bool:
        """Make the first `size_bytes` usable; False if the system refuses."""

    def close(self) -> None:
        """Give the storage back as soon as no host view of it is left; `whole` must not be used afterwards."""


class _MappedReservation:
    """A private anonymous mapping held by the module `mmap`."""

    __slots__ = ("_mapping", "base", "size", "whole")

    def __init__(self, size: int) -> None:
        if sys.platform == "win32":
            mapping = mmap.mmap(-1, max(size, 1))
        else:
            no_reserve = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve
            mapping = mmap.mmap(-1, max(size, 1), flags=flags, prot=_READ_WRITE)
        self._mapping: mmap.mmap | None = mapping
        self.size = size
        self.base = _address_of(mapping)
        self.whole = memoryview(mapping)

    def commit(self, size_bytes: int) -> bool:
        return size_bytes <= self.size

    def close(self) -> None:
        mapping, self._mapping = self._mapping, None
        self.whole = memoryview(bytearray())
        if mapping is not None:
            with suppress(BufferError):  # a host view is alive; the last one that dies unmaps
                mapping.close()


class _ProtectedReservation:
    """A mapping without rights of access, made usable from its start as the memory grows.

    The views that `whole` gives out hold this object through the `ctypes` array under them; it unmaps when it dies.
    """

    def __init__(self, size: int) -> None:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self._munmap: Any = libc.munmap
        self._mprotect: Any = libc.mprotect
        self._length = max(size, 1)
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        base = libc.mmap(None, self._length, _NO_ACCESS, flags, -1, 0)
        if base is None or base == ctypes.c_void_p(-1).value:
            self._length = 0
            raise OSError(ctypes.get_errno(), "mmap of linear memory")
        self.base: int | None = base
        self._address: int = base
        self.size = size
        self._committed = 0
        self.whole = self._make_whole()

    def _make_whole(self) -> memoryview:
        import ctypes

        array: Any = (ctypes.c_ubyte * self.size).from_address(self._address)
        keeper = _Keeper()
        keeper.arguments = (self._munmap, self._address, self._length)
        array.keeper = keeper  # an array of ctypes has a __dict__; every view made from it keeps it, and so the pages
        return memoryview(array).cast("B") if self.size else memoryview(bytearray())

    def commit(self, size_bytes: int) -> bool:
        if size_bytes > self.size:
            return False
        if size_bytes > self._committed:
            if self._mprotect(self._address, size_bytes, _READ_WRITE) != 0:
                return False
            self._committed = size_bytes
        return True

    def close(self) -> None:
        self.whole = memoryview(bytearray())
        self.base = None


class _Keeper:
    """Unmaps a range when it dies."""

    arguments: tuple[Any, int, int]

    def __del__(self) -> None:
        munmap, address, length = self.arguments
        munmap(address, length)


class _BytesReservation:
    """A `bytearray`; all of it is touched when it is made."""

    def __init__(self, size: int) -> None:
        self.size = size
        storage = bytearray(max(size, 1))
        self.base = _address_of(storage)
        self.whole = memoryview(storage)[:size]

    def commit(self, size_bytes: int) -> bool:
        return size_bytes <= self.size

    def close(self) -> None:
        self.whole = memoryview(bytearray())


def _address_of(storage: mmap.mmap | bytearray) -> int | None:
    """Return the address of the first byte of what never moves, or None without `ctypes`."""
    try:
        import ctypes
    except ImportError:
        return None
    return ctypes.addressof(ctypes.c_char.from_buffer(storage))


def reserve(minimum: int, maximum: int) -> Reservation:
    """Reserve between `minimum` and `maximum` bytes, as much as possible, and commit the minimum.

    Both are multiples of the page size.  Raises ResourceLimit if not even the minimum can be had.
    """
    _release_pending()
    if mmap is None:
        return _BytesReservation(max(minimum, min(maximum, 4 * minimum + _BYTEARRAY_SLACK)))
    for attempt in (_try_full, _try_protected, _try_full_after_collection, _try_part):
        reservation = attempt(minimum, maximum)
        if reservation is not None and reservation.commit(minimum):
            return reservation
    raise ResourceLimit("address space", minimum, "the system does not give the memory's initial size")


def _try_full(minimum: int, maximum: int) -> Reservation | None:
    try:
        return _MappedReservation(maximum)
    except (OSError, OverflowError, ValueError):
        return None


def _try_protected(minimum: int, maximum: int) -> Reservation | None:
    if sys.platform == "win32" or maximum > _address_space_limit():
        return None
    try:
        return _ProtectedReservation(maximum)
    except (ImportError, OSError, AttributeError):
        return None


def _try_full_after_collection(minimum: int, maximum: int) -> Reservation | None:
    """Try again without the memories that only reference cycles keep; pointless where a limit can never allow it."""
    if maximum > _address_space_limit():
        return None
    gc.collect()
    return _try_full(minimum, maximum)


def _try_part(minimum: int, maximum: int) -> Reservation | None:
    """Find by halving what fits, and take half of that again: the rest of the address space is Python's."""
    size = maximum
    while size > minimum:
        size = max(minimum, size // 2 // PAGE_SIZE * PAGE_SIZE)
        if _fits(size):
            return _try_full(0, max(minimum, size // 2 // PAGE_SIZE * PAGE_SIZE))
    gc.collect()
    return _try_full(0, minimum) if _fits(minimum) else None


def _fits(size: int) -> bool:
    """Tell whether `size` bytes can be had so that some are left over for Python itself."""
    probe = _try_full(0, size + _HEADROOM)
    if probe is None:
        return False
    probe.close()
    return True


def _address_space_limit() -> float:
    """Return the process's soft limit of address space in bytes; infinity if there is none or it cannot be known."""
    try:
        import resource
    except ImportError:
        return float("inf")
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return float("inf") if soft == resource.RLIM_INFINITY else soft


_pending: list[Reservation] = []


def release(reservation: Reservation) -> None:
    """Give a reservation back now, or later if a guest runs on any thread and may still hold a view."""
    _pending.append(reservation)
    _release_pending()


def _release_pending() -> None:
    if _pending and not guests_running():
        with suppress(IndexError):  # emptied, perhaps by another thread
            while True:
                _pending.pop().close()
