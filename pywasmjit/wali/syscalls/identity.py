"""Who the process is: users and groups, process groups and sessions.

Changes go through the functions of the host's libc, which change all threads of the process; the bare system call
would change the calling thread alone.  A sandboxed guest needs the capability "system" for them, and "process" for
process groups and sessions; it reads its own at any time.  In a process that holds more than the guest nobody may
change them.
"""

from __future__ import annotations

import os
from errno import EINVAL
from struct import pack
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.policy.gate import require_own, require_own_host
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.guest.policy.preload import import_everything
from pywasmjit.wali.table import Int, Out, Pointer, Unsigned, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

IdOut = Annotated[Pointer, Out(4)]

_MOST_GROUPS = 65536
_ALL = 0xFFFF_FFFF


def _id(number: int) -> int:
    """Return a number of a user or group as `os` takes it: -1 for "leave it", which is no user."""
    return -1 if number == _ALL else number


def _before_change(process: Process) -> None:
    """Raise EPERM inside a larger program; import what may be needed later, if its files may get out of reach."""
    require_own_host(process, "another user or group")
    if 0 in os.getresuid():
        import_everything()


def _require_id(number: int) -> int:
    """Return the number of a user or group.  Raises EINVAL for -1."""
    if number == _ALL:
        raise OSError(EINVAL, "no such number")
    return number


# -- users and groups -------------------------------------------------------------------------------------------------


@syscall("setuid", capability=Capability.SYSTEM)
def setuid(process: Process, uid: Unsigned) -> int:
    """Linux: setuid(2)."""
    _before_change(process)
    os.setuid(_require_id(uid))
    return 0


@syscall("setgid", capability=Capability.SYSTEM)
def setgid(process: Process, gid: Unsigned) -> int:
    """Linux: setgid(2)."""
    _before_change(process)
    os.setgid(_require_id(gid))
    return 0


@syscall("setreuid", capability=Capability.SYSTEM)
def setreuid(process: Process, ruid: Unsigned, euid: Unsigned) -> int:
    """Linux: setreuid(2)."""
    _before_change(process)
    os.setreuid(_id(ruid), _id(euid))
    return 0


@syscall("setregid", capability=Capability.SYSTEM)
def setregid(process: Process, rgid: Unsigned, egid: Unsigned) -> int:
    """Linux: setregid(2)."""
    _before_change(process)
    os.setregid(_id(rgid), _id(egid))
    return 0


@syscall("setresuid", capability=Capability.SYSTEM)
def setresuid(process: Process, ruid: Unsigned, euid: Unsigned, suid: Unsigned) -> int:
    """Linux: setresuid(2)."""
    _before_change(process)
    os.setresuid(_id(ruid), _id(euid), _id(suid))
    return 0


@syscall("setresgid", capability=Capability.SYSTEM)
def setresgid(process: Process, rgid: Unsigned, egid: Unsigned, sgid: Unsigned) -> int:
    """Linux: setresgid(2)."""
    _before_change(process)
    os.setresgid(_id(rgid), _id(egid), _id(sgid))
    return 0


@syscall("getresuid")
def getresuid(process: Process, ruid: IdOut, euid: IdOut, suid: IdOut) -> int:
    """Linux: getresuid(2)."""
    return _write_ids(process, (ruid, euid, suid), os.getresuid())


@syscall("getresgid")
def getresgid(process: Process, rgid: IdOut, egid: IdOut, sgid: IdOut) -> int:
    """Linux: getresgid(2)."""
    return _write_ids(process, (rgid, egid, sgid), os.getresgid())


def _write_ids(process: Process, addresses: tuple[int, ...], ids: tuple[int, ...]) -> int:
    for address, number in zip(addresses, ids, strict=True):
        process.memory.write(address, pack("<I", number))
    return 0


@syscall("getgroups")
def getgroups(process: Process, size: Int, list: Annotated[Pointer, Out("size", 4)]) -> int:
    """Linux: getgroups(2)."""
    groups = os.getgroups()
    if size < 0 or 0 < size < len(groups):
        raise OSError(EINVAL, "getgroups: size")
    if size:
        process.memory.write(list, pack(f"<{len(groups)}I", *groups))
    return len(groups)


@syscall("setgroups", capability=Capability.SYSTEM)
def setgroups(process: Process, size: Unsigned, list: Pointer) -> int:
    """Linux: setgroups(2)."""
    if size > _MOST_GROUPS:
        raise OSError(EINVAL, "setgroups: size")
    data = process.memory.view(list, 4 * size)
    _before_change(process)
    os.setgroups([_require_id(each) for each in data.cast("I")] if size else [])
    return 0


# -- process groups and sessions --------------------------------------------------------------------------------------


@syscall("setpgid", capability=Capability.PROCESS)
def setpgid(process: Process, pid: Int, pgid: Int) -> int:
    """Linux: setpgid(2)."""
    require_own_host(process, "setpgid")
    os.setpgid(pid, pgid)
    return 0


@syscall("getpgid")
def getpgid(process: Process, pid: Int) -> int:
    """Linux: getpgid(2); of another process with the capability "process"."""
    require_own(process, pid, Capability.PROCESS, "getpgid of another process")
    return os.getpgid(pid)


@syscall("getpgrp")
def getpgrp(process: Process) -> int:
    """Linux: getpgrp(2)."""
    return os.getpgrp()


@syscall("getsid")
def getsid(process: Process, pid: Int) -> int:
    """Linux: getsid(2); of another process with the capability "process"."""
    require_own(process, pid, Capability.PROCESS, "getsid of another process")
    return os.getsid(pid)


@syscall("setsid", capability=Capability.PROCESS)
def setsid(process: Process) -> int:
    """Linux: setsid(2)."""
    require_own_host(process, "setsid")
    os.setsid()
    return os.getsid(0)
