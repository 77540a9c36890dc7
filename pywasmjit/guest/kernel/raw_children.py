"""The part of the raw kernel that waits for child processes: EINTR comes back at once."""

from __future__ import annotations

import ctypes
from typing import Any

from pywasmjit.guest.abi.wait import SIGINFO, SIGINFO_SIZE
from pywasmjit.guest.kernel.children import PortableChildren


class RawChildren(PortableChildren):
    """Waiting by system calls; results go straight to linear memory."""

    def _call(self, name: str, *arguments: Any) -> int:
        raise NotImplementedError

    def _pointer(self, address: int) -> Any:
        raise NotImplementedError

    def wait4(self, pid: int, status: int, options: int, rusage: int) -> int:
        return self._call("wait4", pid, self._pointer(status), options, self._pointer(rusage))

    def waitid(self, idtype: int, number: int, options: int, rusage: int) -> tuple[int, ...]:
        info = ctypes.create_string_buffer(SIGINFO_SIZE)
        self._call("waitid", idtype, number, info, options, self._pointer(rusage))
        return SIGINFO.unpack_from(info)
