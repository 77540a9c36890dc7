"""The rarer calls of the kernel interface by Linux system calls: the second half of `RawKernel`."""

from __future__ import annotations

import ctypes
from ctypes import c_longlong, c_size_t, c_uint, c_ulonglong
from errno import ENOSYS
from struct import Struct
from typing import Any, Final

from pywasmjit.guest.abi.fcntl import AT_EMPTY_PATH
from pywasmjit.guest.abi.prctl import NAME_SIZE, PR_GET_NAME, PR_SET_NAME
from pywasmjit.guest.abi.resource import SYSINFO
from pywasmjit.guest.abi.statfs import STATFS, FileSystem
from pywasmjit.guest.abi.statx import STATX
from pywasmjit.guest.abi.time import GIGA, TIMESPEC
from pywasmjit.guest.kernel.portable_calls import PortableCalls

_TIMES: Final = Struct("=qqqq")
_LONGEST: Final = 1e9
"""Seconds; a later time than this is as good as never."""


def _flags_for(name: bytes, flags: int) -> int:
    return flags if name else flags | AT_EMPTY_PATH


class RawCalls(PortableCalls):
    """Calls that `os` does not have, or makes again after EINTR."""

    def _call(self, name: str, *arguments: Any) -> int:
        """Make the call `name`.  Raises OSError."""
        raise NotImplementedError

    def _pointer(self, address: int) -> Any:
        """Return a guest's address as an argument of `_call`."""
        raise NotImplementedError

    def _iovecs(self, parts: list[tuple[int, int]]) -> bytes:
        """Return the host's array of iovec."""
        raise NotImplementedError

    # -- metadata -------------------------------------------------------------------------------------------------

    def chmod(self, dir_fd: int, name: bytes, mode: int) -> None:
        if not name:
            try:
                self._call("fchmodat2", dir_fd, b"", mode, AT_EMPTY_PATH)
                return
            except OSError as error:
                if error.errno != ENOSYS:
                    raise
        super().chmod(dir_fd, name, mode)

    def chown(self, dir_fd: int, name: bytes, owner: int, group: int, flags: int) -> None:
        self._call("fchownat", dir_fd, name, c_uint(owner), c_uint(group), _flags_for(name, flags))

    def utimens(self, dir_fd: int, name: bytes | None, times: tuple[int, ...] | None, flags: int) -> None:
        packed = None if times is None else _TIMES.pack(*times)
        self._call("utimensat", dir_fd, name, packed, flags if name is None else _flags_for(name, flags))

    def access(self, dir_fd: int, name: bytes, mode: int, flags: int) -> None:
        try:
            self._call("faccessat2", dir_fd, name, mode, _flags_for(name, flags))
        except OSError as error:
            if error.errno != ENOSYS:
                raise
            super().access(dir_fd, name, mode, flags)

    def statx(self, dir_fd: int, name: bytes, flags: int, mask: int) -> tuple[int, ...]:
        buffer = ctypes.create_string_buffer(STATX.size)
        self._call("statx", dir_fd, name, _flags_for(name, flags), c_uint(mask), buffer)
        return STATX.unpack(buffer)

    def fstatfs(self, fd: int) -> FileSystem:
        buffer = ctypes.create_string_buffer(STATFS.size)
        self._call("fstatfs", fd, buffer)
        return FileSystem(*STATFS.unpack(buffer))

    # -- names ----------------------------------------------------------------------------------------------------

    def link(self, old_fd: int, old: bytes, new_fd: int, new: bytes, flags: int) -> None:
        self._call("linkat", old_fd, old, new_fd, new, _flags_for(old, flags))

    def rename(self, old_fd: int, old: bytes, new_fd: int, new: bytes, flags: int) -> None:
        self._call("renameat2", old_fd, old, new_fd, new, flags)

    def mknod(self, dir_fd: int, name: bytes, mode: int, device: int) -> None:
        self._call("mknodat", dir_fd, name, mode, c_uint(device))

    # -- data -----------------------------------------------------------------------------------------------------

    def preadv(self, fd: int, parts: list[tuple[int, int]], offset: int) -> int:
        return self._call("preadv", fd, self._iovecs(parts), len(parts), c_longlong(offset), 0)

    def pwritev(self, fd: int, parts: list[tuple[int, int]], offset: int) -> int:
        return self._call("pwritev", fd, self._iovecs(parts), len(parts), c_longlong(offset), 0)

    def sendfile(self, out_fd: int, in_fd: int, offset: int | None, count: int) -> int:
        start = None if offset is None else ctypes.byref(c_longlong(offset))
        return self._call("sendfile", out_fd, in_fd, start, c_size_t(count))

    def fallocate(self, fd: int, mode: int, offset: int, length: int) -> None:
        self._call("fallocate", fd, mode, c_longlong(offset), c_longlong(length))

    def flock(self, fd: int, operation: int) -> None:
        self._call("flock", fd, operation)

    def fcntl(self, fd: int, command: int, argument: int | bytearray) -> int:
        if isinstance(argument, int):
            return self._call("fcntl", fd, command, c_longlong(argument))
        return self._call("fcntl", fd, command, (ctypes.c_char * len(argument)).from_buffer(argument))

    # -- the process ----------------------------------------------------------------------------------------------

    def sysinfo(self) -> tuple[int, ...]:
        buffer = ctypes.create_string_buffer(SYSINFO.size)
        self._call("sysinfo", buffer)
        return SYSINFO.unpack(buffer)

    def thread_name(self) -> bytes:
        buffer = ctypes.create_string_buffer(NAME_SIZE)
        self._call("prctl", PR_GET_NAME, buffer, None, None, None)
        return buffer.raw

    def set_thread_name(self, name: bytes) -> None:
        self._call("prctl", PR_SET_NAME, name, None, None, None)

    def prctl(self, option: int, arguments: tuple[int, int, int, int]) -> int:
        assert option not in (PR_SET_NAME, PR_GET_NAME)
        return self._call("prctl", option, *(c_ulonglong(each) for each in arguments))

    def prctl_int(self, option: int) -> int:
        result = ctypes.c_int()
        self._call("prctl", option, ctypes.byref(result), None, None, None)
        return result.value

    def sched_getaffinity(self, pid: int, size: int) -> bytes:
        buffer = ctypes.create_string_buffer(min(size, 1 << 16))
        length = self._call("sched_getaffinity", pid, c_uint(len(buffer)), buffer)
        return buffer.raw[:length]

    def sleep(self, seconds: float) -> None:
        self._call("ppoll", None, 0, TIMESPEC.pack(*divmod(int(min(seconds, _LONGEST) * GIGA) + 1, GIGA)), None, 8)

    def queue_signal(self, pid: int, number: int, info: bytes) -> None:
        self._call("rt_sigqueueinfo", pid, number, info)

    def sched_yield(self) -> None:
        self._call("sched_yield")

    def mlock(self, address: int, length: int) -> None:
        self._call("mlock", self._pointer(address), c_size_t(length))

    def munlock(self, address: int, length: int) -> None:
        self._call("munlock", self._pointer(address), c_size_t(length))
