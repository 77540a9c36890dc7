"""The part of the kernel interface that waits for child processes, by Python's `os`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.guest.abi.resource import RUSAGE
from pywasmjit.guest.abi.wait import STATUS

if TYPE_CHECKING:
    from pywasmjit.guest.memory.guest_memory import GuestMemory

_SIGCHLD: Final = 17


class PortableChildren:
    """Waiting by functions that make an interrupted call again by themselves."""

    memory: GuestMemory

    def wait4(self, pid: int, status: int, options: int, rusage: int) -> int:
        """wait4(2); status, rusage: guest addresses, 0 for none."""
        found, code, used = os.wait4(pid, options)
        if found and status:
            self.memory.pack(STATUS, status, code)
        if found and rusage:
            self.memory.write(rusage, pack_rusage(used))
        return found

    def waitid(self, idtype: int, number: int, options: int, rusage: int) -> tuple[int, ...]:
        """waitid(2); return the fields of `abi.wait.SIGINFO`, all 0 if there is nothing to tell yet."""
        found = os.waitid(idtype, number, options)
        if found is None:
            return (0,) * 6
        return _SIGCHLD, 0, found.si_code, found.si_pid, found.si_uid, found.si_status


def pack_rusage(used: Any) -> bytes:
    """Return struct rusage for what the module `resource` has made of one."""
    times = (part for seconds in used[:2] for part in divmod(round(seconds * 1_000_000), 1_000_000))
    return RUSAGE.pack(*times, *(int(each) for each in used[2:]))
