"""The system as a whole: its name, its random numbers."""

from __future__ import annotations

import os
from errno import EFAULT, EINVAL
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi.utsname import SIZE, pack_utsname
from pywasmjit.wali.table import Flags, Out, Pointer, Size, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

GRND: dict[str, int] = {"GRND_NONBLOCK": 1, "GRND_RANDOM": 2, "GRND_INSECURE": 4}


@syscall("uname")
def uname(process: Process, buf: Annotated[Pointer, Out(SIZE)]) -> int:
    """Linux: uname(2).  The machine is the host's, whose native programs a guest may execute.

    Deviation: a sandboxed program does not learn the host's name.
    """
    if not buf:
        raise OSError(EFAULT, "uname")
    host = os.uname()
    node = host.nodename if process.policy.everything else "localhost"
    process.memory.write(buf, pack_utsname((host.sysname, node, host.release, host.version, host.machine, "(none)")))
    return 0


@syscall("getrandom")
def getrandom(
    process: Process, buf: Annotated[Pointer, Out("buflen")], buflen: Size, flags: Annotated[int, Flags(GRND)]
) -> int:
    """Linux: getrandom(2)."""
    if flags & ~7 or flags & 6 == 6:
        raise OSError(EINVAL, "getrandom: flags")
    return process.kernel.getrandom(buf, buflen, flags)
