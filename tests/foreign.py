"""A kernel of another machine, played on this x86-64 one: `syscall` as a program on that machine would find it.

The machine's numbers, flags of open and epoll_event come in and go out; what the local kernel does is
done.  It shares nothing with the package but the convention of libc's `syscall`: -1, and ctypes' errno.  A call
without a number there gives ENOSYS, as do numbers of x86-64.  With pages of more than 4096 bytes, mappings must be at
multiples of them.

As a program, `python foreign.py MACHINE ARGUMENTS...` is the engine's command line on such a machine.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL, ENOSYS
from struct import Struct
from typing import Any

import machines as golden
import pytest

_HOW = Struct("<QQQ")
_F_GETFL, _F_SETFL = 3, 4
_MAP_FIXED = 0x10
_USERS = ("raw", "raw_futexes", "host_signals", "calling", "host")
"""Modules of `guest.kernel` that know `open_host`; its own last, since it is from there that the others import it."""


class ForeignLinux:
    """libc's `syscall` on a machine; `made` are the names of the calls that were made."""

    def __init__(self, machine: str, page: int = 4096, library: type[ctypes.CDLL] = ctypes.CDLL) -> None:
        self._native: Any = library(None, use_errno=True)["syscall"]
        self._native.restype = ctypes.c_ssize_t
        self._names = {number: name for name, number in golden.GENERIC_NUMBERS.items()}
        self._page = page
        theirs = golden.ARM_OPEN_FLAGS if machine == "aarch64" else golden.OPEN_FLAGS
        self._bits = [(theirs[name], local) for name, local in golden.OPEN_FLAGS.items()]
        self.made: set[str] = set()

    def __call__(self, number: int, *arguments: Any) -> int:
        name = self._names.get(number)
        if name is None:
            return _fail(ENOSYS)
        self.made.add(name)
        play = getattr(self, f"_play_{name}", None)
        return play(*arguments) if play is not None else self._local(name, *arguments)

    def _local(self, name: str, *arguments: Any) -> int:
        result: int = self._native(golden.X86_64_NUMBERS[name], *arguments)
        return result

    # -- flags of open --------------------------------------------------------------------------------------------

    def _local_flags(self, flags: int) -> int:
        return flags & 3 | sum(local for theirs, local in self._bits if flags & theirs)

    def _their_flags(self, flags: int) -> int:
        return flags & 3 | sum(theirs for theirs, local in self._bits if flags & local)

    def _play_openat(self, dir_fd: int, path: Any, flags: int, mode: int) -> int:
        return self._local("openat", dir_fd, path, self._local_flags(flags), mode)

    def _play_openat2(self, dir_fd: int, path: Any, how: bytes, size: int) -> int:
        flags, mode, resolve = _HOW.unpack(how)
        if flags & ~(sum(theirs for theirs, _ in self._bits) | 3):
            return _fail(EINVAL)
        return self._local("openat2", dir_fd, path, _HOW.pack(self._local_flags(flags), mode, resolve), size)

    def _play_pipe2(self, ends: Any, flags: int) -> int:
        return self._local("pipe2", ends, self._local_flags(flags))

    def _play_fcntl(self, fd: int, command: int, argument: Any) -> int:
        if command == _F_SETFL:
            argument = ctypes.c_long(self._local_flags(argument.value))
        result = self._local("fcntl", fd, command, argument)
        return self._their_flags(result) if command == _F_GETFL and result >= 0 else result

    # -- epoll ----------------------------------------------------------------------------------------------------

    def _play_epoll_ctl(self, epoll: int, operation: int, fd: int, event: bytes | None) -> int:
        if event is not None:
            events, _, data = golden.ALIGNED_EPOLL_EVENT.unpack(event)
            event = golden.PACKED_EPOLL_EVENT.pack(events, data)
        return self._local("epoll_ctl", epoll, operation, fd, event)

    def _play_epoll_pwait(self, epoll: int, target: Any, count: int, *rest: Any) -> int:
        local = golden.PACKED_EPOLL_EVENT
        found = ctypes.create_string_buffer(local.size * max(count, 1))
        result = self._local("epoll_pwait", epoll, found if target is not None else None, count, *rest)
        events = local.iter_unpack(found.raw[: local.size * max(result, 0)])
        theirs = b"".join(golden.ALIGNED_EPOLL_EVENT.pack(mask, 0, data) for mask, data in events)
        ctypes.memmove(target, theirs, len(theirs)) if theirs else None
        return result

    # -- large pages ----------------------------------------------------------------------------------------------

    def _play_mmap(self, address: Any, length: Any, prot: int, flags: int, fd: int, offset: Any) -> int:
        if (flags & _MAP_FIXED and self._misplaced(address)) or offset.value % self._page:
            return _fail(EINVAL)
        return self._local("mmap", address, length, prot, flags, fd, offset)

    def _play_mremap(self, address: Any, size: Any, new_size: Any, flags: int, target: Any) -> int:
        if self._misplaced(address) or self._misplaced(target):
            return _fail(EINVAL)
        return self._local("mremap", address, size, new_size, flags, target)

    def _play_msync(self, address: Any, *rest: Any) -> int:
        return _fail(EINVAL) if self._misplaced(address) else self._local("msync", address, *rest)

    def _play_madvise(self, address: Any, *rest: Any) -> int:
        return _fail(EINVAL) if self._misplaced(address) else self._local("madvise", address, *rest)

    def _misplaced(self, address: Any) -> bool:
        number = ctypes.cast(address, ctypes.c_void_p).value or 0
        return number % self._page != 0


def _fail(number: int) -> int:
    ctypes.set_errno(number)
    return -1


@contextmanager
def foreign_host(machine: str, page: int = 4096) -> Iterator[ForeignLinux]:
    """Let the package believe that its host is another machine."""
    from pywasmjit.guest.kernel.machines import MACHINES, Machine

    linux, holding, sysconf = ForeignLinux(machine, page), ForeignLinux(machine, page, ctypes.PyDLL), os.sysconf

    def open_host(library: type[ctypes.CDLL] = ctypes.CDLL) -> tuple[Machine, ForeignLinux]:
        return MACHINES[machine], linux if library is ctypes.CDLL else holding

    with pytest.MonkeyPatch.context() as patch:
        for module in _USERS:
            patch.setattr(f"pywasmjit.guest.kernel.{module}.open_host", open_host)
        patch.setattr(os, "sysconf", lambda name: page if name == "SC_PAGESIZE" else sysconf(name))
        yield linux


if __name__ == "__main__":
    from pywasmjit.cli import main

    with foreign_host(sys.argv.pop(1)):
        main()
