"""ioctl: terminals and what else the table of requests knows (`abi.ioctl`)."""

from __future__ import annotations

from errno import ENOTTY
from stat import S_IFCHR
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi import ioctl as abi
from pywasmjit.guest.files.streams import is_callers, require_for_callers
from pywasmjit.guest.kernel.descriptors import require_access
from pywasmjit.guest.policy.gate import require
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.guest.restart import Restart
from pywasmjit.wali.table import GuestFd, Number, Pointer, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process


@syscall("ioctl", restart=Restart.ALWAYS, support=partial("requests of the table; any other gives ENOTTY"))
def ioctl(
    process: Process, fd: GuestFd, request: Annotated[int, Number(signed=False, names=abi.NAMES)], argp: Pointer
) -> int:
    """Linux: ioctl(2).

    Deviation: on a terminal of the caller's, TCSETSF sets modes and throws nothing away without the capability
    "process", and TCFLSH needs it.
    """
    import fcntl

    file = process.files.file(fd)
    host = file.host
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
    if known.in_bytes and not known.out_bytes:
        _set(process, host, request, target.tobytes())
        return 0
    result = fcntl.ioctl(host, request, target.tobytes() if known.in_bytes else bytes(size))
    if known.out_bytes:
        target[:] = result
    return 0


def _set(process: Process, host: int, request: int, argument: bytes) -> None:
    """Make a request that sets something; of the caller's, only what can be put back at the end."""
    import fcntl

    def change() -> None:
        fcntl.ioctl(host, request, argument)

    if request == abi.FIONBIO:
        process.streams.change_flags(host, change)
    elif request == abi.TIOCSWINSZ:
        process.streams.change_size(host, argument, change)
    elif request in abi.MODE_STEPS:
        if process.streams.has(host):
            request = _in_steps(process, host, request)
        process.streams.change(host, change)
    else:
        if request in abi.LASTING:
            require_for_callers(process, host, Capability.PROCESS, f"ioctl({abi.REQUESTS[request].name})")
        change()


def _in_steps(process: Process, host: int, request: int) -> int:
    """Do what a request does before it sets a terminal's modes, and return the request that is left: it never waits.

    What was typed ahead is thrown away with a grant only, if the terminal is the caller's.
    """
    import fcntl

    step = abi.MODE_STEPS[request]
    if step.drains:
        fcntl.ioctl(host, abi.TCSBRK, 1)
    if step.flushes and (process.policy.allows(Capability.PROCESS) or not is_callers(process, host)):
        fcntl.ioctl(host, abi.TCFLSH, abi.TCIFLUSH)
    return step.sets


def _with_number(process: Process, host: int, request: int, argument: int) -> int:
    """Make a request whose argument is a number; descriptors among them, and among results, are the guest's."""
    import fcntl

    if request in abi.LASTING and not (request == abi.TCSBRK and argument):  # which waits, and sends nothing
        require_for_callers(process, host, Capability.PROCESS, f"ioctl({abi.REQUESTS[request].name})")
    if request == abi.FICLONE:
        source = process.files.file(argument)
        return fcntl.ioctl(host, request, source.host)
    if request == abi.TIOCGPTPEER:
        return _open_peer(process, host, argument)
    return fcntl.ioctl(host, request, (argument ^ 0x8000_0000) - 0x8000_0000)


def _open_peer(process: Process, host: int, flags: int) -> int:
    import fcntl

    from pywasmjit.guest.abi.fcntl import O_CLOEXEC

    peer = fcntl.ioctl(host, abi.TIOCGPTPEER, process.kernel.open_flags.to_host(flags | O_CLOEXEC))
    return process.files.add(peer, kind=S_IFCHR, close_on_exec=bool(flags & O_CLOEXEC))
