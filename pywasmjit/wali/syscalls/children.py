"""Processes that a program makes, waits for, and becomes."""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi import wait as abi
from pywasmjit.guest.abi.resource import RUSAGE
from pywasmjit.guest.kernel.children import NO_USAGE
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.guest.processes import execution, processes
from pywasmjit.guest.restart import Restart
from pywasmjit.wali.table import Flags, Int, Number, Out, Path, Pointer, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

RusageOut = Annotated[Pointer, Out(RUSAGE.size)]

_OWN_PROCESS = "only in a process of the program's own, else EPERM"


@syscall("fork", capability=Capability.PROCESS, support=partial(_OWN_PROCESS))
def fork(process: Process) -> int:
    """Linux: fork(2)."""
    return processes.fork(process)


@syscall("vfork", capability=Capability.PROCESS, support=partial(_OWN_PROCESS))
def vfork(process: Process) -> int:
    """Linux: vfork(2).  Deviation: it is `fork`: the parent does not wait, and memory is not shared."""
    return processes.fork(process)


@syscall("execve", capability=Capability.EXEC, support=partial(_OWN_PROCESS))
def execve(process: Process, pathname: Path, argv: Pointer, envp: Pointer) -> int:
    """Linux: execve(2), of native programs, Wasm programs, and scripts for either.

    A Wasm program has the rights of the one that executes it.  So has a native one where the kernel's walls stand: it
    sees granted directories by their paths on the host, and can read libraries, null and random devices beside them;
    without walls it has all rights of the user.  Deviation: other formats give ENOEXEC even if the host could run them.
    """
    return execution.execute(process, pathname, argv, envp)


@syscall("wait4", restart=Restart.ALWAYS)
def wait4(
    process: Process,
    pid: Int,
    wstatus: Annotated[Pointer, Out(abi.STATUS.size)],
    options: Annotated[int, Flags(abi.WAIT4_OPTIONS)],
    rusage: RusageOut,
) -> int:
    """Linux: wait4(2)."""
    status, used = 0, NO_USAGE

    def attempt(options: int) -> int:
        nonlocal status, used
        found, status, used = process.kernel.wait4(pid, options)
        return found

    child = processes.wait(process, options, attempt)
    if child and wstatus:
        process.memory.pack(abi.STATUS, wstatus, status)
    if child and rusage:
        process.memory.pack(RUSAGE, rusage, *used)
    return child


@syscall("waitid", restart=Restart.ALWAYS)
def waitid(
    process: Process,
    idtype: Annotated[int, Number(names=abi.IDTYPES)],
    id: Int,
    infop: Annotated[Pointer, Out(abi.SIGINFO_SIZE)],
    options: Annotated[int, Flags(abi.WAITID_OPTIONS)],
    rusage: RusageOut,
) -> int:
    """Linux: waitid(2)."""
    if idtype not in abi.IDTYPES.values():
        raise OSError(EINVAL, "waitid: idtype")
    child = process.files.file(id) if idtype == abi.P_PIDFD else None
    number = id if child is None else child.host
    found, used = NO_USAGE, NO_USAGE

    def attempt(options: int) -> int:
        nonlocal found, used
        found, used = process.kernel.waitid(idtype, number, options)
        return found[3]

    processes.wait(process, options, attempt)
    if rusage and found[3]:
        process.memory.pack(RUSAGE, rusage, *used)
    if infop:
        info = abi.SIGINFO.pack(*found)
        process.memory.write(infop, info[:12])
        process.memory.write(infop + 16, info[16:])
    return 0
