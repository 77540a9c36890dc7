"""The kernel interface on Python's `os`, `time` and `fcntl`: no `ctypes`, and no address of memory needed.

Python repeats an interrupted call itself (PEP 475), so nothing here ends with EINTR.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from errno import EINVAL, ENODEV
from typing import TYPE_CHECKING, Final

from pywasmjit.guest.abi.dirent import DT_DIR, DT_LNK, DT_REG, DT_UNKNOWN, Entry, dirent_size
from pywasmjit.guest.abi.fcntl import AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_LARGEFILE, OPEN_FLAGS, OpenFlags
from pywasmjit.guest.abi.stat import S_IFDIR, S_IFLNK, S_IFMT, S_IFREG
from pywasmjit.guest.abi.uio import MAX_TRANSFER
from pywasmjit.guest.kernel.children import PortableChildren
from pywasmjit.guest.kernel.descriptors import require_access
from pywasmjit.guest.kernel.events import PortableEvents
from pywasmjit.guest.kernel.machines import MACHINES
from pywasmjit.guest.kernel.portable_calls import PortableCalls, directory
from pywasmjit.guest.kernel.sockets import PortableSockets

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.raw_futexes import KernelFutexes
    from pywasmjit.guest.memory.guest_memory import GuestMemory

RANDOM_MAX: Final = (1 << 25) - 1
"""Bytes that one getrandom gives at most, as the manual has it."""
_PIECE: Final = 1 << 16
"""Bytes of the engine's own that one call fills at once, whatever the guest has room for."""
_KINDS: Final = {S_IFDIR: DT_DIR, S_IFREG: DT_REG, S_IFLNK: DT_LNK}


def _flags_of_os() -> dict[str, int]:
    """Return the flags that Python knows by name.

    The C library of a 64-bit Linux says that O_LARGEFILE is 0, since open sets it anyhow: F_GETFL tells the kernel's.
    """
    found = {name: getattr(os, name, 0) for name in OPEN_FLAGS}
    machine = MACHINES.get(os.uname().machine) if sys.platform == "linux" else None
    return found if machine is None else {**found, "O_LARGEFILE": machine.open_flags.to_host(O_LARGEFILE)}


class PortableKernel(PortableCalls, PortableSockets, PortableEvents, PortableChildren):
    """The kernel interface on what Python has; see `Kernel` for what each method promises."""

    maps_files = False
    resolves = False
    futexes: KernelFutexes | None = None
    open_flags = OpenFlags(_flags_of_os())

    def __init__(self, memory: GuestMemory) -> None:
        self.memory = memory
        self.faulted: Callable[[int], object] = int
        self._listings: dict[int, list[bytes]] = {}
        """Host descriptor of a directory -> its entries that were not read yet."""

    def attach(self) -> None:
        pass

    # -- descriptors ----------------------------------------------------------------------------------------------

    def read(self, fd: int, address: int, count: int) -> int:
        if not count:
            return len(os.read(fd, 0))  # readv would not ask whether the descriptor can be read
        return os.readv(fd, [self.memory.view(address, min(count, MAX_TRANSFER))])

    def write(self, fd: int, address: int, count: int) -> int:
        return os.write(fd, self.memory.view(address, min(count, MAX_TRANSFER)))

    def readv(self, fd: int, parts: list[tuple[int, int]]) -> int:
        return os.readv(fd, [self.memory.view(*part) for part in parts])

    def writev(self, fd: int, parts: list[tuple[int, int]]) -> int:
        return os.writev(fd, [self.memory.view(*part) for part in parts])

    def pread(self, fd: int, address: int, count: int, offset: int) -> int:
        if offset < 0:
            raise OSError(EINVAL, "offset")  # which preadv may take for the present one
        if not count:
            return len(os.pread(fd, 0, offset))
        return os.preadv(fd, [self.memory.view(address, min(count, MAX_TRANSFER))], offset)

    def pwrite(self, fd: int, address: int, count: int, offset: int) -> int:
        return os.pwrite(fd, self.memory.view(address, min(count, MAX_TRANSFER)), offset)

    def lseek(self, fd: int, offset: int, whence: int) -> int:
        if offset == 0 and whence == os.SEEK_SET:
            self._listings.pop(fd, None)
        return os.lseek(fd, offset, whence)

    def fstat(self, fd: int) -> os.stat_result:
        return os.fstat(fd)

    def list_directory(self, fd: int, size: int) -> list[Entry]:
        # "." and ".." come first, the rest in the order of `os.listdir`.
        left = self._listings.get(fd)
        if left is None:
            require_access(fd)
            left = self._listings[fd] = [os.fsencode(name) for name in reversed(os.listdir(fd))] + [b"..", b"."]
        entries: list[Entry] = []
        room = min(size, _PIECE)
        with suppress(IndexError):  # all are told, by this thread or by another
            while True:
                name = left.pop()
                room -= dirent_size(name)
                if room < 0:
                    left.append(name)
                    break
                entries.append(_entry(fd, name, len(left) + 1))
        if left and not entries:
            raise OSError(EINVAL, "buffer too small")
        return entries

    def close(self, fd: int) -> None:
        self._listings.pop(fd, None)

    # -- paths ----------------------------------------------------------------------------------------------------

    def open(self, dir_fd: int, path: bytes, flags: int, mode: int) -> int:
        return os.open(path, self.open_flags.to_host(flags) | os.O_CLOEXEC, mode & 0o7777, dir_fd=directory(dir_fd))

    def open_resolving(self, dir_fd: int, path: bytes, flags: int, mode: int, resolve: int) -> int:
        raise NotImplementedError

    def stat(self, dir_fd: int, name: bytes, flags: int) -> os.stat_result:
        if not name:
            return os.stat(b".") if dir_fd == AT_FDCWD else os.fstat(dir_fd)
        return os.stat(name, dir_fd=directory(dir_fd), follow_symlinks=not flags & AT_SYMLINK_NOFOLLOW)

    def is_procfs(self, fd: int, found: os.stat_result) -> bool:
        return found.st_dev in _mounted_procfs()

    # -- time, random numbers -------------------------------------------------------------------------------------

    def clock_gettime(self, clock: int) -> int:
        return time.clock_gettime_ns(clock)

    def getrandom(self, address: int, count: int, flags: int) -> int:
        target = self.memory.view(address, min(count, RANDOM_MAX))
        for at in range(0, len(target), _PIECE) or (0,):
            size = min(_PIECE, len(target) - at)
            data = os.getrandom(size, flags) if hasattr(os, "getrandom") else os.urandom(size)
            target[at : at + len(data)] = data
            if len(data) < size:
                return at + len(data)
        return len(target)

    # -- linear memory --------------------------------------------------------------------------------------------

    def map_file(self, address: int, length: int, fd: int, offset: int, shared: bool) -> None:
        raise OSError(ENODEV, "no mapping into linear memory")

    def survives_truncation(self) -> bool:
        return False

    def move_mapping(self, start: int, size: int, new_start: int, new_size: int, shared: bool) -> None:
        raise OSError(ENODEV, "no mapping into linear memory")

    def clear(self, address: int, length: int, mapped: bool) -> None:
        assert self.memory.memory is not None
        self.memory.memory.fill(address, 0, length)

    def sync(self, address: int, length: int, flags: int) -> None:
        pass


def _mounted_procfs() -> set[int]:
    """Return the devices of all mounted procfs, from the mount table."""
    found = set()
    with suppress(OSError, ValueError), open("/proc/self/mountinfo", "rb") as table:
        for line in table:
            fields, _, kind = line.partition(b" - ")
            if kind.startswith(b"proc "):
                major, _, minor = fields.split()[2].partition(b":")
                found.add(os.makedev(int(major), int(minor)))
    return found


def _entry(fd: int, name: bytes, offset: int) -> Entry:
    inode, kind = 1, DT_UNKNOWN
    with suppress(OSError):
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
        inode, kind = found.st_ino, _KINDS.get(found.st_mode & S_IFMT, DT_UNKNOWN)
    return inode, offset, kind, name
