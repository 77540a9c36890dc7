"""The rarer calls of the kernel interface on Python's `os`: metadata, links, locks, and what a process has.

An empty name stands for the descriptor next to it, which may be one that was opened with O_PATH; the host's
/proc/self/fd leads to its file where `os` has no function for such descriptors.  What `os` cannot do raises EINVAL or
ENOSYS.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from errno import EACCES, EINVAL, ENOSYS, EOPNOTSUPP
from typing import TYPE_CHECKING, Final

from pywasmjit.guest.abi.fcntl import AT_EACCESS, AT_FDCWD, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW, F_GETFL, F_SETFL
from pywasmjit.guest.abi.prctl import NAME_SIZE, PR_GET_NAME, PR_SET_NAME
from pywasmjit.guest.abi.resource import LOAD_SHIFT
from pywasmjit.guest.abi.statfs import FileSystem, file_system
from pywasmjit.guest.abi.statx import statx_fields
from pywasmjit.guest.abi.time import GIGA, UTIME_NOW, UTIME_OMIT

if TYPE_CHECKING:
    from pywasmjit.guest.abi.fcntl import OpenFlags
    from pywasmjit.guest.memory.guest_memory import GuestMemory

_THREAD_NAME: Final = "/proc/thread-self/comm"


def directory(dir_fd: int) -> int | None:
    """Return a directory's descriptor as functions of `os` take it."""
    return None if dir_fd == AT_FDCWD else dir_fd


def by_descriptor(fd: int) -> bytes:
    """Return a path to the file that a descriptor of any kind stands for."""
    return b"." if fd == AT_FDCWD else b"/proc/self/fd/%d" % fd


_DAY: Final = 86400.0


class PortableCalls:
    """The second half of `PortableKernel`."""

    memory: GuestMemory
    open_flags: OpenFlags

    # -- metadata -------------------------------------------------------------------------------------------------

    def chmod(self, dir_fd: int, name: bytes, mode: int) -> None:
        if name:
            os.chmod(name, mode, dir_fd=directory(dir_fd))
        else:
            os.chmod(by_descriptor(dir_fd), mode)

    def chown(self, dir_fd: int, name: bytes, owner: int, group: int, flags: int) -> None:
        owner, group = (each if each == -1 else each & 0xFFFF_FFFF for each in (owner, group))  # as `os` takes them
        if name:
            follow = not flags & AT_SYMLINK_NOFOLLOW
            os.chown(name, owner, group, dir_fd=directory(dir_fd), follow_symlinks=follow)
        else:
            os.chown(by_descriptor(dir_fd), owner, group)

    def utimens(self, dir_fd: int, name: bytes | None, times: tuple[int, ...] | None, flags: int) -> None:
        if name is None:
            os.utime(dir_fd, ns=_nanoseconds(os.stat(dir_fd), times))
            return
        follow = not flags & AT_SYMLINK_NOFOLLOW
        if not name:
            dir_fd, name, follow = AT_FDCWD, by_descriptor(dir_fd), True
        found = os.stat(name, dir_fd=directory(dir_fd), follow_symlinks=follow)
        os.utime(name, ns=_nanoseconds(found, times), dir_fd=directory(dir_fd), follow_symlinks=follow)

    def access(self, dir_fd: int, name: bytes, mode: int, flags: int) -> None:
        follow = not flags & AT_SYMLINK_NOFOLLOW
        if not name:
            dir_fd, name, follow = AT_FDCWD, by_descriptor(dir_fd), True
        effective = bool(flags & AT_EACCESS)
        os.stat(name, dir_fd=directory(dir_fd), follow_symlinks=follow)
        allowed = os.access(name, mode, dir_fd=directory(dir_fd), effective_ids=effective, follow_symlinks=follow)
        if not allowed:
            raise OSError(EACCES, "no access")

    def statx(self, dir_fd: int, name: bytes, flags: int, mask: int) -> tuple[int, ...]:
        if name:
            found = os.stat(name, dir_fd=directory(dir_fd), follow_symlinks=not flags & AT_SYMLINK_NOFOLLOW)
        else:
            found = os.stat(by_descriptor(dir_fd)) if dir_fd == AT_FDCWD else os.fstat(dir_fd)
        return statx_fields(found)

    def fstatfs(self, fd: int) -> FileSystem:
        return file_system(os.fstatvfs(fd))

    def truncate(self, fd: int, length: int) -> None:
        os.truncate(by_descriptor(fd), length)

    # -- names ----------------------------------------------------------------------------------------------------

    def link(self, old_fd: int, old: bytes, new_fd: int, new: bytes, flags: int) -> None:
        if not old:
            old_fd, old, flags = AT_FDCWD, by_descriptor(old_fd), AT_SYMLINK_FOLLOW
        follow = bool(flags & AT_SYMLINK_FOLLOW)
        source, target = directory(old_fd), directory(new_fd)
        os.link(old, new, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=follow)

    def rename(self, old_fd: int, old: bytes, new_fd: int, new: bytes, flags: int) -> None:
        if flags:
            raise OSError(EINVAL, "renameat2: flags")
        os.rename(old, new, src_dir_fd=directory(old_fd), dst_dir_fd=directory(new_fd))

    def mknod(self, dir_fd: int, name: bytes, mode: int, device: int) -> None:
        major, minor = device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00
        os.mknod(name, mode, os.makedev(major, minor), dir_fd=directory(dir_fd))

    # -- data -----------------------------------------------------------------------------------------------------

    def preadv(self, fd: int, parts: list[tuple[int, int]], offset: int) -> int:
        return os.preadv(fd, [self.memory.view(*part) for part in parts], offset)

    def pwritev(self, fd: int, parts: list[tuple[int, int]], offset: int) -> int:
        return os.pwritev(fd, [self.memory.view(*part) for part in parts], offset)

    def sendfile(self, out_fd: int, in_fd: int, offset: int | None, count: int) -> int:
        return os.sendfile(out_fd, in_fd, offset, count)

    def fallocate(self, fd: int, mode: int, offset: int, length: int) -> None:
        if mode:
            raise OSError(EOPNOTSUPP, "fallocate: mode")
        os.posix_fallocate(fd, offset, length)

    def flock(self, fd: int, operation: int) -> None:
        import fcntl

        fcntl.flock(fd, operation)

    def fcntl(self, fd: int, command: int, argument: int | bytearray) -> int:
        import fcntl

        if isinstance(argument, int):
            return fcntl.fcntl(fd, command, argument)
        argument[:] = fcntl.fcntl(fd, command, bytes(argument))
        return 0

    def status_flags(self, fd: int) -> int:
        return self.open_flags.to_guest(self.fcntl(fd, F_GETFL, 0))

    def set_status_flags(self, fd: int, flags: int) -> None:
        self.fcntl(fd, F_SETFL, self.open_flags.to_host(flags))

    # -- the process ----------------------------------------------------------------------------------------------

    def sysinfo(self) -> tuple[int, ...]:
        return _sysinfo()

    def thread_name(self) -> bytes:
        with open(_THREAD_NAME, "rb") as file:
            return file.read().rstrip(b"\n").ljust(NAME_SIZE, b"\0")

    def set_thread_name(self, name: bytes) -> None:
        with open(_THREAD_NAME, "wb", buffering=0) as file:
            file.write(name)

    def prctl(self, option: int, arguments: tuple[int, int, int, int]) -> int:
        assert option not in (PR_SET_NAME, PR_GET_NAME)
        raise OSError(EINVAL, "prctl")

    def prctl_int(self, option: int) -> int:
        raise OSError(EINVAL, "prctl")

    def sched_getaffinity(self, pid: int, size: int) -> bytes:
        chosen = sum(1 << cpu for cpu in os.sched_getaffinity(pid))
        length = -(-max(os.cpu_count() or 1, chosen.bit_length()) // 64) * 8
        if size < length or size % 8:
            raise OSError(EINVAL, "sched_getaffinity: size")
        return chosen.to_bytes(length, "little")

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, _DAY))

    def queue_signal(self, pid: int, number: int, info: bytes) -> None:
        raise OSError(ENOSYS, "rt_sigqueueinfo")

    def sched_yield(self) -> None:
        time.sleep(0)

    def mlock(self, address: int, length: int) -> None:
        raise OSError(ENOSYS, "mlock")

    def munlock(self, address: int, length: int) -> None:
        raise OSError(ENOSYS, "munlock")


def _nanoseconds(found: os.stat_result, times: tuple[int, ...] | None) -> tuple[int, int]:
    """Return (access, change) as `os.utime` takes them, UTIME_NOW and UTIME_OMIT replaced."""
    now = time.time_ns()
    if times is None:
        return now, now
    chosen = []
    for seconds, part, before in ((*times[:2], found.st_atime_ns), (*times[2:], found.st_mtime_ns)):
        special = {UTIME_NOW: now, UTIME_OMIT: before}
        chosen.append(special.get(part, seconds * GIGA + part))
    return chosen[0], chosen[1]


def _sysinfo() -> tuple[int, ...]:
    """Return the fields of struct sysinfo from what /proc tells; what it does not tell is 0."""
    memory = dict.fromkeys(("MemTotal", "MemFree", "Shmem", "Buffers", "SwapTotal", "SwapFree"), 0)
    uptime, loads, processes = 0, [0, 0, 0], 0
    with suppress(OSError, ValueError), open("/proc/meminfo", "rb") as file:
        for line in file:
            name, _, rest = line.partition(b":")
            if name.decode() in memory:
                memory[name.decode()] = int(rest.split()[0]) * 1024
    with suppress(OSError, ValueError), open("/proc/uptime", "rb") as file:
        uptime = int(float(file.read().split()[0]))
    with suppress(OSError, ValueError), open("/proc/loadavg", "rb") as file:
        fields = file.read().split()
        loads = [round(float(each) * (1 << LOAD_SHIFT)) for each in fields[:3]]
        processes = int(fields[3].partition(b"/")[2]) & 0xFFFF
    return uptime, *loads, *memory.values(), processes, 0, 0, 1
