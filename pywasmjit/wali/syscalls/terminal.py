"""ioctl: terminals and what else the table of requests knows (`abi.ioctl`)."""

from __future__ import annotations

from errno import ENOTTY
from stat import S_IFCHR
from typing import TYPE_CHECKING, Annotated

from pywasmjit.wali.abi import ioctl as abi
from pywasmjit.wali.files import require_access
from pywasmjit.wali.gate import require
from pywasmjit.wali.policy import Capability
from pywasmjit.wali.table import GuestFd, Number, Pointer, Restart, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.wali.process import Process


@syscall("ioctl", restart=Restart.ALWAYS, support=partial("requests of the table; any other gives ENOTTY"))
def ioctl(
    process: Process, fd: GuestFd, request: Annotated[int, Number(signed=False, names=abi.NAMES)], argp: Pointer
) -> int:
    """Linux: ioctl(2)."""
    import fcntl

    host = process.files.file(fd).host
    require_access(host)
    if request in (abi.FIOCLEX, abi.FIONCLEX):
        process.files.set_close_on_exec(fd, request == abi.FIOCLEX)
        return 0
    known = abi.REQUESTS.get(request)
    if known is None:
        raise OSError(ENOTTY, "ioctl request")
    if known.capability:
        require(process, Capability(known.capability), f"ioctl({known.name})")
    size = known.in_bytes or known.out_bytes
    if not size:
        return _with_number(process, host, request, argp)
    target = process.memory.view(argp, size)
    result = fcntl.ioctl(host, request, target.tobytes() if known.in_bytes else bytes(size))
    if known.out_bytes:
        target[:] = result
    return 0


def _with_number(process: Process, host: int, request: int, argument: int) -> int:
    """Make a request whose argument is a number; descriptors among them, and among results, are the guest's."""
    import fcntl

    if request == abi.FICLONE:
        source = process.files.file(argument)
        return fcntl.ioctl(host, request, source.host)
    if request == abi.TIOCGPTPEER:
        return _open_peer(process, host, argument)
    return fcntl.ioctl(host, request, (argument ^ 0x8000_0000) - 0x8000_0000)


def _open_peer(process: Process, host: int, flags: int) -> int:
    import fcntl

    from pywasmjit.wali.abi.fcntl import O_CLOEXEC

    peer = fcntl.ioctl(host, abi.TIOCGPTPEER, process.kernel.open_flags.to_host(flags | O_CLOEXEC))
    return process.files.add(peer, kind=S_IFCHR, close_on_exec=bool(flags & O_CLOEXEC))
