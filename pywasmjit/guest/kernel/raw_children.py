"""The part of the raw kernel that waits for child processes: EINTR comes back at once."""

from __future__ import annotations

import ctypes
from typing import Any

from pywasmjit.guest.abi.resource import RUSAGE
from pywasmjit.guest.abi.wait import SIGINFO, SIGINFO_SIZE
from pywasmjit.guest.kernel.children import PortableChildren, Usage


class RawChildren(PortableChildren):
    """Waiting by system calls."""

    def _call(self, name: str, *arguments: Any) -> int:
        raise NotImplementedError

    def wait4(self, pid: int, options: int) -> tuple[int, int, Usage]:
        status, used = ctypes.c_int(), ctypes.create_string_buffer(RUSAGE.size)
        found = self._call("wait4", pid, ctypes.byref(status), options, used)
        return found, status.value, RUSAGE.unpack(used)

    def waitid(self, idtype: int, number: int, options: int) -> tuple[tuple[int, ...], Usage]:
        info, used = ctypes.create_string_buffer(SIGINFO_SIZE), ctypes.create_string_buffer(RUSAGE.size)
        self._call("waitid", idtype, number, info, options, used)
        return SIGINFO.unpack_from(info), RUSAGE.unpack(used)
