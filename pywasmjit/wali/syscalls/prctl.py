"""prctl: the options of the table (`abi.prctl`)."""

from __future__ import annotations

from _thread import get_ident
from errno import EFAULT, EINVAL
from struct import pack
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi import prctl as abi
from pywasmjit.guest.policy.gate import require, require_own_host
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.wali.table import Long, Number, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process


@syscall("prctl", support=partial("options of the table; any other gives EINVAL"))
def prctl(
    process: Process, option: Annotated[int, Number(names=abi.OPTIONS)], arg2: Long, arg3: Long, arg4: Long, arg5: Long
) -> int:
    """Linux: prctl(2); options that change the process need the capability "process", but for a thread's name."""
    if option == abi.PR_SET_NAME:
        return _set_name(process, arg2 & 0xFFFF_FFFF)
    if option == abi.PR_GET_NAME:
        process.memory.write(arg2 & 0xFFFF_FFFF, _name(process))
        return 0
    if option in abi.INT_RESULTS:
        process.memory.write(arg2 & 0xFFFF_FFFF, pack("<i", process.kernel.prctl_int(option)))
        return 0
    if option not in abi.OPTIONS.values():
        raise OSError(EINVAL, "prctl option")
    if option in abi.CHANGING.values():
        require(process, Capability.PROCESS, f"prctl({_name_of(option)})")
        require_own_host(process, f"prctl({_name_of(option)})")
    return process.kernel.prctl(option, (arg2, arg3, arg4, arg5))


def _name_of(option: int) -> str:
    return next(name for name, number in abi.OPTIONS.items() if number == option)


def _set_name(process: Process, address: int) -> int:
    """Name the thread: the host's with everything allowed, else only as the guest sees it."""
    room = process.memory.size_bytes - address
    if not address or room <= 0:
        raise OSError(EFAULT, "prctl: name")
    data = process.memory.read(address, min(abi.NAME_SIZE, room))
    end = data.find(0)
    if end < 0 and room < abi.NAME_SIZE:
        raise OSError(EFAULT, "prctl: name")
    name = data[: end if 0 <= end < abi.NAME_SIZE else abi.NAME_SIZE - 1]
    if process.policy.everything:
        process.kernel.set_thread_name(name)
    else:
        process.attributes.thread_names[get_ident()] = name
    return 0


def _name(process: Process) -> bytes:
    kept = process.attributes.thread_names.get(get_ident())
    return process.kernel.thread_name() if kept is None else kept.ljust(abi.NAME_SIZE, b"\0")
