"""A guest's linear memory as system calls see it: every access checked, errors as the kernel's EFAULT.

The `GuestMemory` of a process is there before its memory is; until `bind`, every address is outside.
Address 0 is NULL and never accessed, though a module may keep data there.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EFAULT, EINVAL, ENAMETOOLONG, ENOENT
from struct import Struct
from typing import Any, Final, Protocol, TypeVar

from pywasmjit.guest.abi.uio import IOV_MAX, IOVEC, MAX_TRANSFER

PATH_MAX: Final = 4096
_NOTHING: Final = memoryview(bytearray())
Result = TypeVar("Result")


class Memory(Protocol):
    """What is needed of a `runtime.memories.Memory`."""

    size_bytes: int
    sleepers: Any

    @property
    def base(self) -> int | None: ...

    def view(self) -> memoryview: ...

    def grow(self, delta: int, /) -> int: ...

    def attach(self, refresher: Any, /) -> None: ...

    def fill(self, address: int, value: int, count: int, /) -> None: ...

    def wait32(self, address: int, expected: int, timeout_ns: int, /) -> int: ...

    def notify(self, address: int, count: int, /) -> int: ...

    def exclusively(self, action: Callable[[], Result], /) -> Result: ...


class GuestMemory:
    """Checked access to a linear memory; addresses and lengths are unsigned, in bytes."""

    __slots__ = ("__weakref__", "_whole", "memory", "size_bytes")

    def __init__(self) -> None:
        self.memory: Memory | None = None
        self.size_bytes = 0
        self._whole = _NOTHING

    def bind(self, memory: Memory) -> None:
        """Take `memory` as the guest's from now on."""
        self.memory = memory
        memory.attach(self)
        self.refresh_memory(memory)

    def release(self) -> None:
        """Let go of the memory; afterwards all accesses fail."""
        self.size_bytes = 0
        self._whole = _NOTHING
        self.memory = None

    def refresh_memory(self, memory: Memory) -> None:
        """Follow the memory's growth, or its end; called by the memory itself."""
        if memory is not self.memory:
            return
        whole = memory.view()
        if len(whole) < self.size_bytes:
            self.size_bytes = len(whole)
        self._whole = whole
        self.size_bytes = len(whole)

    def check(self, address: int, size: int) -> None:
        """Raise EFAULT unless `size` bytes at `address` can be accessed; nothing is accessed where size is 0."""
        if size and (not address or address + size > self.size_bytes):
            raise OSError(EFAULT, "address outside of memory")

    def view(self, address: int, size: int) -> memoryview:
        """Return a writable view of `size` bytes.  Raises EFAULT."""
        whole = self._whole
        if size and (not address or address + size > len(whole)):
            raise OSError(EFAULT, "address outside of memory")
        return whole[address : address + size] if size else _NOTHING

    def read(self, address: int, size: int) -> bytes:
        """Return a copy of `size` bytes.  Raises EFAULT."""
        return self.view(address, size).tobytes()

    def write(self, address: int, data: bytes) -> None:
        """Store `data`.  Raises EFAULT before the first byte is written."""
        self.view(address, len(data))[:] = data

    def unpack(self, struct: Struct, address: int) -> tuple[Any, ...]:
        """Read one structure.  Raises EFAULT."""
        whole = self._whole
        if not address or address + struct.size > len(whole):
            raise OSError(EFAULT, "address outside of memory")
        return struct.unpack_from(whole, address)

    def pack(self, struct: Struct, address: int, *values: int) -> None:
        """Write one structure.  Raises EFAULT before the first byte is written."""
        whole = self._whole
        if not address or address + struct.size > len(whole):
            raise OSError(EFAULT, "address outside of memory")
        struct.pack_into(whole, address, *values)

    def string(self, address: int, limit: int = PATH_MAX) -> bytes:
        """Return the bytes up to the next NUL.

        Raises EFAULT if memory ends first, ENAMETOOLONG if there is none among `limit` bytes.
        """
        whole = self._whole
        if not address or address >= len(whole):
            raise OSError(EFAULT, "address outside of memory")
        window = whole[address : address + limit].tobytes()
        end = window.find(0)
        if end < 0:
            raise OSError(ENAMETOOLONG if len(window) == limit else EFAULT, "string without an end")
        return window[:end]

    def path(self, address: int) -> bytes:
        """Return a path that is not empty.  Raises what `string` raises, and ENOENT for an empty one."""
        path = self.string(address)
        if not path:
            raise OSError(ENOENT, "empty path")
        return path

    def iovecs(self, address: int, count: int) -> list[tuple[int, int]]:
        """Copy in an array of iovec and check all its parts: [(address, length)], together below 2 GiB.

        Raises EINVAL for a count that is negative or above 1024, EFAULT for a part outside of memory.
        """
        if not 0 <= count <= IOV_MAX:
            raise OSError(EINVAL, "iovcnt")
        parts = []
        left = MAX_TRANSFER
        for base, size in IOVEC.iter_unpack(self.read(address, IOVEC.size * count)):
            self.check(base, size)
            if size and left:
                parts.append((base, min(size, left)))
                left -= parts[-1][1]
        return parts
