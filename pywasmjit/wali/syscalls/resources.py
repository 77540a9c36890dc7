"""What the process uses and may use: limits, times, processors, locked memory; and how the system fares."""

from __future__ import annotations

import os
from errno import EINVAL, ESRCH
from typing import TYPE_CHECKING, Annotated, Final

from pywasmjit.guest.abi import resource as abi
from pywasmjit.guest.abi.sched import POLICIES, SCHED_PARAM
from pywasmjit.guest.attributes import Limit, host_limit, set_host_limit
from pywasmjit.guest.kernel.children import usage as as_usage
from pywasmjit.guest.policy.gate import require, require_own, require_own_host
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.wali.table import In, Int, Number, Out, Pointer, Size, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

Resource = Annotated[int, Number(names=abi.RLIMITS)]
RlimitIn = Annotated[Pointer, In(abi.RLIMIT.size)]
RlimitOut = Annotated[Pointer, Out(abi.RLIMIT.size)]

# -- limits -----------------------------------------------------------------------------------------------------------

_LIMITS: Final = partial("RLIMIT_DATA and RLIMIT_STACK are kept, and not enforced but in programs that it executes")


@syscall("getrlimit")
def getrlimit(process: Process, resource: Resource, rlim: RlimitOut) -> int:
    """Linux: getrlimit(2)."""
    limit = process.attributes.limit(resource)
    process.memory.pack(abi.RLIMIT, rlim, *limit)
    return 0


@syscall("setrlimit", support=_LIMITS)
def setrlimit(process: Process, resource: Resource, rlim: RlimitIn) -> int:
    """Linux: setrlimit(2); limits that are the host process's own need the capability "system"."""
    _set_limit(process, resource, _read_limit(process, rlim))
    return 0


@syscall("prlimit64", support=_LIMITS)
def prlimit64(process: Process, pid: Int, resource: Resource, new_limit: RlimitIn, old_limit: RlimitOut) -> int:
    """Linux: prlimit(2); of other processes with the capability "system"."""
    wanted = _read_limit(process, new_limit) if new_limit else None
    if resource not in abi.RLIMIT_NAMES:
        raise OSError(EINVAL, "resource")
    require_own(process, pid, Capability.SYSTEM, "prlimit of another process")
    if pid in (0, process.pid):
        before = process.attributes.limit(resource)
        if wanted is not None:
            _set_limit(process, resource, wanted)
    else:
        if pid < 0:
            raise OSError(ESRCH, "no such process")
        before = host_limit(resource, pid)
        if wanted is not None:
            set_host_limit(resource, wanted, pid)
    if old_limit:
        process.memory.pack(abi.RLIMIT, old_limit, *before)
    return 0


def _read_limit(process: Process, address: int) -> Limit:
    soft, hard = process.memory.unpack(abi.RLIMIT, address)
    return soft, hard


def _set_limit(process: Process, resource: int, wanted: Limit) -> None:
    attributes = process.attributes
    if resource not in abi.RLIMIT_NAMES or wanted[0] > wanted[1]:
        raise OSError(EINVAL, "limit")
    if not attributes.keeps(resource, wanted):
        require(process, Capability.SYSTEM, f"setrlimit({abi.RLIMIT_NAMES[resource]})")
        require_own_host(process, "limits of the host's process")
    attributes.set_limit(resource, wanted)


# -- use --------------------------------------------------------------------------------------------------------------


@syscall("getrusage")
def getrusage(
    process: Process,
    who: Annotated[int, Number(names=abi.RUSAGE_WHO)],
    usage: Annotated[Pointer, Out(abi.RUSAGE.size)],
) -> int:
    """Linux: getrusage(2): of the host's process and thread."""
    if who not in abi.RUSAGE_WHO.values():
        raise OSError(EINVAL, "getrusage: who")
    import resource

    found = resource.getrusage(who)
    process.memory.pack(abi.RUSAGE, usage, *as_usage(found))
    return 0


@syscall("times")
def times(process: Process, buf: Annotated[Pointer, Out(abi.TMS.size)]) -> int:
    """Linux: times(2)."""
    ticks = [round(seconds * abi.TICKS_PER_SECOND) for seconds in os.times()]
    if buf:
        process.memory.pack(abi.TMS, buf, *ticks[:4])
    return ticks[4]


@syscall("sysinfo")
def sysinfo(process: Process, info: Annotated[Pointer, Out(abi.SYSINFO.size)]) -> int:
    """Linux: sysinfo(2)."""
    process.memory.pack(abi.SYSINFO, info, *process.kernel.sysinfo())
    return 0


# -- processors -------------------------------------------------------------------------------------------------------


@syscall("sched_yield")
def sched_yield(process: Process) -> int:
    """Linux: sched_yield(2)."""
    process.kernel.sched_yield()
    return 0


@syscall("sched_getaffinity")
def sched_getaffinity(process: Process, pid: Int, cpusetsize: Size, mask: Pointer) -> int:
    """Linux: sched_getaffinity(2); of another process with the capability "process"."""
    thread = process.threads.find(pid) if pid > 0 else None
    if thread is None:
        require_own(process, pid, Capability.PROCESS, "sched_getaffinity of another process")
    found = process.kernel.sched_getaffinity(pid, cpusetsize)
    if thread is not None and process.threads.find(pid) is not thread:
        raise OSError(ESRCH, "the thread has ended, and its number may be a stranger's")
    process.memory.write(mask, found)
    return len(found)


@syscall("sched_setaffinity", capability=Capability.SYSTEM)
def sched_setaffinity(process: Process, pid: Int, cpusetsize: Size, mask: Annotated[Pointer, In("cpusetsize")]) -> int:
    """Linux: sched_setaffinity(2)."""
    chosen = int.from_bytes(process.memory.view(mask, min(cpusetsize, 1 << 12)), "little")
    if pid < 0:
        raise OSError(ESRCH, "no such process")
    if not chosen:
        raise OSError(EINVAL, "no processor")
    os.sched_setaffinity(pid, [cpu for cpu in range(chosen.bit_length()) if chosen >> cpu & 1])
    return 0


@syscall("sched_setscheduler", capability=Capability.SYSTEM)
def sched_setscheduler(
    process: Process,
    pid: Int,
    policy: Annotated[int, Number(names=POLICIES)],
    param: Annotated[Pointer, In(SCHED_PARAM.size)],
) -> int:
    """Linux: sched_setscheduler(2)."""
    if not param or pid < 0 or policy < 0:
        raise OSError(EINVAL, "sched_setscheduler")
    priority = process.memory.unpack(SCHED_PARAM, param)[0]
    os.sched_setscheduler(pid, policy, os.sched_param(priority))
    return 0


# -- locked memory ----------------------------------------------------------------------------------------------------

_MCL_KNOWN: Final = 7
_MCL_ONFAULT: Final = 4
_PAGE: Final = 4096


@syscall("mlock", capability=Capability.SYSTEM)
def mlock(process: Process, addr: Pointer, length: Size) -> int:
    """Linux: mlock(2)."""
    start, size = _pages(process, addr, length)
    process.kernel.mlock(start, size)
    return 0


@syscall("munlock", capability=Capability.SYSTEM)
def munlock(process: Process, addr: Pointer, length: Size) -> int:
    """Linux: munlock(2)."""
    start, size = _pages(process, addr, length)
    process.kernel.munlock(start, size)
    return 0


def _pages(process: Process, address: int, length: int) -> tuple[int, int]:
    """Return the whole pages of a range.  Raises ENOMEM if one of them is not mapped."""
    start = address - address % _PAGE
    length += address - start
    process.space.require_mapped(start, length)
    return start, -(-length // _PAGE) * _PAGE


@syscall("mlockall", support=partial("nothing is locked: all would be the whole reserved memory"))
def mlockall(process: Process, flags: Int) -> int:
    """Linux: mlockall(2)."""
    if not flags or flags & ~_MCL_KNOWN or flags == _MCL_ONFAULT:
        raise OSError(EINVAL, "mlockall: flags")
    return 0


@syscall("munlockall")
def munlockall(process: Process) -> int:
    """Linux: munlockall(2), after `mlockall`; what `mlock` has locked is unlocked by `munlock`."""
    return 0
