"""ioctl: terminals and what else the table of requests knows (`abi.ioctl`)."""

from __future__ import annotations

from errno import ENOTTY
from typing import TYPE_CHECKING

from pywasmjit.wali.abi.ioctl import FIOCLEX, FIONCLEX, REQUESTS
from pywasmjit.wali.table import GuestFd, Pointer, Restart, Unsigned, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.wali.process import Process


@syscall("ioctl", restart=Restart.ALWAYS, support=partial("requests of the table; any other gives ENOTTY"))
def ioctl(process: Process, fd: GuestFd, request: Unsigned, argp: Pointer) -> int:
    """Linux: ioctl(2)."""
    import fcntl

    host = process.files.host(fd)
    if request in (FIOCLEX, FIONCLEX):
        process.files.entry(fd).close_on_exec = request == FIOCLEX
        return 0
    known = REQUESTS.get(request)
    if known is None:
        raise OSError(ENOTTY, "ioctl request")
    size = known.in_bytes or known.out_bytes
    if not size:
        return fcntl.ioctl(host, request, (argp ^ 0x8000_0000) - 0x8000_0000)
    target = process.memory.view(argp, size)
    result = fcntl.ioctl(host, request, target.tobytes() if known.in_bytes else bytes(size))
    if known.out_bytes:
        target[:] = result
    return 0
