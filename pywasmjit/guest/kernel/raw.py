"""The kernel interface by Linux system calls through `ctypes`: no copy between linear memory and the kernel.

`libc.syscall` lets go of the GIL and does not repeat an interrupted call: EINTR comes back at once.  Integers go in
as C ints, sign-extended; whatever can be larger is wrapped.  An address is `byref` of the memory's first byte plus an
offset, which is the cheapest pointer that ctypes can make.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_char, c_longlong, c_size_t, c_void_p, get_errno
from struct import Struct, pack
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.guest.abi.dirent import Entry, unpack_dirents
from pywasmjit.guest.abi.fcntl import (
    AT_FDCWD,
    NO_MAGICLINKS,
    O_CLOEXEC,
    O_CREAT,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_PATH,
    O_TMPFILE,
)
from pywasmjit.guest.abi.mman import PAGE
from pywasmjit.guest.abi.uio import MAX_TRANSFER
from pywasmjit.guest.kernel.host import open_host
from pywasmjit.guest.kernel.portable import RANDOM_MAX, PortableKernel
from pywasmjit.guest.kernel.raw_calls import RawCalls
from pywasmjit.guest.kernel.raw_children import RawChildren
from pywasmjit.guest.kernel.raw_events import RawEvents
from pywasmjit.guest.kernel.raw_futexes import KernelFutexes
from pywasmjit.guest.kernel.raw_sockets import RawSockets

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.faults import Guard
    from pywasmjit.guest.memory.guest_memory import GuestMemory

_OPEN_HOW: Final = Struct("=QQQ")

_LISTING: Final = 1 << 16
"""Bytes of entries that one call brings at most."""
_STATFS_SIZE: Final = 256
"""More than any struct statfs; f_type is its first word."""
_PROC_SUPER_MAGIC: Final = 0x9FA0

_READ_WRITE: Final = 3
_SHARED, _PRIVATE, _FIXED, _ANONYMOUS, _NORESERVE = 0x01, 0x02, 0x10, 0x20, 0x4000
_DONTNEED: Final = 4
_MREMAP_MAYMOVE, _MREMAP_FIXED, _MREMAP_DONTUNMAP = 1, 2, 4


class RawKernel(RawCalls, RawSockets, RawEvents, RawChildren, PortableKernel):
    """Host calls for one guest whose memory has an address.

    Raises NotImplementedError where there can be none.
    """

    def __init__(self, memory: GuestMemory) -> None:
        super().__init__(memory)
        self.machine, self._syscall = open_host()
        self._numbers = self.machine.numbers
        self.open_flags = self.machine.open_flags
        self._anchor = c_char()
        """The first byte of memory; of none yet, whose size is 0."""
        self._guard: Guard | None = None
        self._read, self._write = self._numbers["read"], self._numbers["write"]
        self.resolves = self._has_openat2()

    def attach(self) -> None:
        base = self.memory.memory.base if self.memory.memory is not None else None
        if base is not None:
            self._anchor = c_char.from_address(base)
            self.futexes = KernelFutexes(base)
            self.maps_files = os.sysconf("SC_PAGESIZE") == PAGE and base % PAGE == 0

    def _pointer(self, address: int) -> Any:
        return byref(self._anchor, address) if address else None

    def _call(self, name: str, *arguments: Any) -> int:
        """Make the call `name`.  Raises OSError."""
        result: int = self._syscall(self._numbers[name], *arguments)
        if result < 0:
            raise _error()
        return result

    # -- descriptors ----------------------------------------------------------------------------------------------

    def read(self, fd: int, address: int, count: int) -> int:
        pointer = byref(self._anchor, address) if address else None
        result: int = self._syscall(self._read, fd, pointer, count if count < MAX_TRANSFER else MAX_TRANSFER)
        if result < 0:
            raise _error()
        return result

    def write(self, fd: int, address: int, count: int) -> int:
        pointer = byref(self._anchor, address) if address else None
        result: int = self._syscall(self._write, fd, pointer, count if count < MAX_TRANSFER else MAX_TRANSFER)
        if result < 0:
            raise _error()
        return result

    def readv(self, fd: int, parts: list[tuple[int, int]]) -> int:
        return self._call("readv", fd, self._iovecs(parts), len(parts))

    def writev(self, fd: int, parts: list[tuple[int, int]]) -> int:
        return self._call("writev", fd, self._iovecs(parts), len(parts))

    def _iovecs(self, parts: list[tuple[int, int]]) -> bytes:
        base = ctypes.addressof(self._anchor)
        return pack(f"={2 * len(parts)}Q", *(word for start, size in parts for word in (base + start, size)))

    def pread(self, fd: int, address: int, count: int, offset: int) -> int:
        return self._call("pread64", fd, self._pointer(address), min(count, MAX_TRANSFER), c_longlong(offset))

    def pwrite(self, fd: int, address: int, count: int, offset: int) -> int:
        return self._call("pwrite64", fd, self._pointer(address), min(count, MAX_TRANSFER), c_longlong(offset))

    def lseek(self, fd: int, offset: int, whence: int) -> int:
        return os.lseek(fd, offset, whence)

    def list_directory(self, fd: int, size: int) -> list[Entry]:
        buffer = ctypes.create_string_buffer(min(size, _LISTING))
        found = self._call("getdents64", fd, buffer, len(buffer))
        return list(unpack_dirents(buffer.raw[:found]))

    # -- paths ----------------------------------------------------------------------------------------------------

    def open(self, dir_fd: int, path: bytes, flags: int, mode: int) -> int:
        return self._call("openat", dir_fd, path, self.open_flags.to_host(flags | O_CLOEXEC), mode)

    def open_resolving(self, dir_fd: int, path: bytes, flags: int, mode: int, resolve: int) -> int:
        if flags & O_PATH:
            flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW
        creates = flags & O_CREAT or flags & O_TMPFILE == O_TMPFILE
        flags = self.open_flags.to_host(flags | O_CLOEXEC)
        how = _OPEN_HOW.pack(flags, mode & 0o7777 if creates else 0, resolve)
        return self._call("openat2", dir_fd, path, how, _OPEN_HOW.size)

    def _has_openat2(self) -> bool:
        """Tell whether the kernel has openat2, and no filter forbids it."""
        try:
            os.close(self.open_resolving(AT_FDCWD, b"/", O_PATH, 0, NO_MAGICLINKS))
        except OSError:
            return False
        return True

    def is_procfs(self, fd: int, found: os.stat_result) -> bool:
        buffer = ctypes.create_string_buffer(_STATFS_SIZE)
        self._call("fstatfs", fd, buffer)
        return int.from_bytes(buffer.raw[:8], "little") == _PROC_SUPER_MAGIC

    # -- time, random numbers -------------------------------------------------------------------------------------

    def getrandom(self, address: int, count: int, flags: int) -> int:
        return self._call("getrandom", self._pointer(address), min(count, RANDOM_MAX), flags)

    # -- linear memory --------------------------------------------------------------------------------------------

    # No call may leave a hole in linear memory, not for a moment and not where it fails: the next mapping that anybody
    # makes in this process would come there, and be the guest's to read and write.

    def map_file(self, address: int, length: int, fd: int, offset: int, shared: bool) -> None:
        flags = _SHARED if shared else _PRIVATE | _NORESERVE
        if fd < 0:
            self._map(self._pointer(address), length, flags | _FIXED | _ANONYMOUS, -1, 0)
            return
        # What the kernel finds mapped at a fixed address it unmaps before it asks the file, which may refuse.
        elsewhere = self._map(None, length, flags, fd, offset)
        if self._guard is not None:
            self._guard.renew(address, length)
        try:
            self._put(elsewhere, length, address, length)
        except BaseException:
            self._call("munmap", c_void_p(elsewhere), c_size_t(length))
            raise

    def _map(self, where: Any, length: int, flags: int, fd: int, offset: int) -> int:
        return self._call("mmap", where, c_size_t(length), _READ_WRITE, flags, fd, c_longlong(offset))

    def _put(self, elsewhere: int, size: int, address: int, new_size: int) -> None:
        """Have a mapping outside of linear memory take the place of what is at `address`, in one step."""
        flags = _MREMAP_MAYMOVE | _MREMAP_FIXED
        source, target = c_void_p(elsewhere), self._pointer(address)
        self._call("mremap", source, c_size_t(size), c_size_t(new_size), flags, target)

    def survives_truncation(self) -> bool:
        if self._guard is None:
            from pywasmjit.guest.kernel import faults

            base = ctypes.addressof(self._anchor)
            self._guard = faults.guard(base, self.memory, self._map_zero_page, self._tell_fault)
        return self._guard is not None

    def _tell_fault(self, address: int) -> None:
        self.faulted(address)

    def _map_zero_page(self, address: int) -> None:
        self.map_file(address, PAGE, -1, 0, shared=False)

    def move_mapping(self, start: int, size: int, new_start: int, new_size: int, shared: bool) -> None:
        source, length = self._pointer(start), c_size_t(size)
        if shared:  # the length 0 asks for a second mapping of the same pages
            flags = _MREMAP_MAYMOVE | _MREMAP_FIXED
            self._call("mremap", source, c_size_t(0), c_size_t(new_size), flags, self._pointer(new_start))
            self.map_file(start, size, -1, 0, shared=False)
            return
        elsewhere = self._call("mremap", source, length, length, _MREMAP_MAYMOVE | _MREMAP_DONTUNMAP, None)
        try:
            self.map_file(start, size, -1, 0, shared=False)
            self._put(elsewhere, size, new_start, new_size)
        except BaseException:
            self._put(elsewhere, size, start, size)
            raise

    def clear(self, address: int, length: int, mapped: bool) -> None:
        if not self.maps_files:
            super().clear(address, length, mapped)
        elif mapped:
            self.map_file(address, length, -1, 0, shared=False)
        else:
            self._call("madvise", self._pointer(address), c_size_t(length), _DONTNEED)

    def sync(self, address: int, length: int, flags: int) -> None:
        self._call("msync", self._pointer(address), c_size_t(length), flags)


def _error() -> OSError:
    number = get_errno()
    return OSError(number, os.strerror(number))
