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
    """Host calls for one guest.  Descriptors are the host's; `dir_fd` may be AT_FDCWD."""

    maps_files = False
    """Whether `map_file` can work; if not, mappings are emulated by reading and writing."""

    resolves = False
    """Whether `open_resolving` can work."""

    futexes: KernelFutexes | None = None
    """The kernel's futexes on linear memory, if they can be used."""

    open_flags = OpenFlags(_flags_of_os())
    """The host's flags of open."""

    def __init__(self, memory: GuestMemory) -> None:
        self.memory = memory
        self.faulted: Callable[[int], object] = int
        """Called with the guest address of an access to pages of a file that are gone; set by the process."""
        self._listings: dict[int, list[bytes]] = {}
        """Host descriptor of a directory -> its entries that were not read yet."""

    def attach(self) -> None:
        """Take note of the memory's address; when the memory has been bound."""

    # -- descriptors ----------------------------------------------------------------------------------------------

    def read(self, fd: int, address: int, count: int) -> int:
        """read(2)."""
        if not count:
            return len(os.read(fd, 0))  # readv would not ask whether the descriptor can be read
        return os.readv(fd, [self.memory.view(address, min(count, MAX_TRANSFER))])

    def write(self, fd: int, address: int, count: int) -> int:
        """write(2)."""
        return os.write(fd, self.memory.view(address, min(count, MAX_TRANSFER)))

    def readv(self, fd: int, parts: list[tuple[int, int]]) -> int:
        """readv(2); parts: (address, length)."""
        return os.readv(fd, [self.memory.view(*part) for part in parts])

    def writev(self, fd: int, parts: list[tuple[int, int]]) -> int:
        """writev(2); parts: (address, length)."""
        return os.writev(fd, [self.memory.view(*part) for part in parts])

    def pread(self, fd: int, address: int, count: int, offset: int) -> int:
        """pread64(2)."""
        if offset < 0:
            raise OSError(EINVAL, "offset")  # which preadv may take for the present one
        if not count:
            return len(os.pread(fd, 0, offset))
        return os.preadv(fd, [self.memory.view(address, min(count, MAX_TRANSFER))], offset)

    def pwrite(self, fd: int, address: int, count: int, offset: int) -> int:
        """pwrite64(2)."""
        return os.pwrite(fd, self.memory.view(address, min(count, MAX_TRANSFER)), offset)

    def lseek(self, fd: int, offset: int, whence: int) -> int:
        """lseek(2)."""
        if offset == 0 and whence == os.SEEK_SET:
            self._listings.pop(fd, None)
        return os.lseek(fd, offset, whence)

    def fstat(self, fd: int) -> os.stat_result:
        """fstat(2)."""
        return os.fstat(fd)

    def list_directory(self, fd: int, size: int) -> list[Entry]:
        """getdents64(2): the next entries that have room in `size` bytes of the kernel's records; none at the end.

        "." and ".." come first, the rest in the order of `os.listdir`.  Raises EINVAL if there is no room for one.
        """
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
        """Forget what is known of a descriptor that is being closed, and nobody else's yet."""
        self._listings.pop(fd, None)

    # -- paths ----------------------------------------------------------------------------------------------------

    def open(self, dir_fd: int, path: bytes, flags: int, mode: int) -> int:
        """openat(2), always close-on-exec."""
        return os.open(path, self.open_flags.to_host(flags) | os.O_CLOEXEC, mode & 0o7777, dir_fd=directory(dir_fd))

    def open_resolving(self, dir_fd: int, path: bytes, flags: int, mode: int, resolve: int) -> int:
        """openat2(2); resolve: BENEATH | NO_SYMLINKS | NO_MAGICLINKS.

        Raises ELOOP at a link that is not allowed, EXDEV at a way out, NotImplementedError where `resolves` is false.
        """
        raise NotImplementedError

    def stat(self, dir_fd: int, name: bytes, flags: int) -> os.stat_result:
        """newfstatat(2); an empty name stands for the descriptor."""
        if not name:
            return os.stat(b".") if dir_fd == AT_FDCWD else os.fstat(dir_fd)
        return os.stat(name, dir_fd=directory(dir_fd), follow_symlinks=not flags & AT_SYMLINK_NOFOLLOW)

    def is_procfs(self, fd: int, found: os.stat_result) -> bool:
        """Tell whether the open file `fd`, whose fstat is `found`, lies in a procfs."""
        return found.st_dev in _mounted_procfs()

    # -- time, random numbers -------------------------------------------------------------------------------------

    def clock_gettime(self, clock: int) -> int:
        """clock_gettime(2), in nanoseconds; the clock is no descriptor's."""
        return time.clock_gettime_ns(clock)

    def getrandom(self, address: int, count: int, flags: int) -> int:
        """getrandom(2)."""
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
        """Map a file into linear memory, readable and writable; fd -1: anonymous memory.  Whole pages."""
        raise OSError(ENODEV, "no mapping into linear memory")

    def survives_truncation(self) -> bool:
        """Make the loss of a mapped file's pages harmless; False if that cannot be done."""
        return False

    def move_mapping(self, start: int, size: int, new_start: int, new_size: int, shared: bool) -> None:
        """Move and resize what `map_file` mapped; zeros stay behind.  Raises EINVAL where a private one cannot move."""
        raise OSError(ENODEV, "no mapping into linear memory")

    def clear(self, address: int, length: int, mapped: bool) -> None:
        """Make a range of whole pages read as zeros; mapped: a file may be mapped there."""
        assert self.memory.memory is not None
        self.memory.memory.fill(address, 0, length)

    def sync(self, address: int, length: int, flags: int) -> None:
        """msync(2) on whole pages."""


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
