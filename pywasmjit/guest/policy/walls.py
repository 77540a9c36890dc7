"""The second wall of a sandbox: what the kernel is told of a policy, where the process is the guest's own.

The first wall is the gate: handlers that check every argument.  Should one of them be wrong, the kernel still says no,
by two means that the process can never take back:

* Landlock keeps it to the granted directories, for the content and the names of files; to the granted TCP ports; and
  from signalling and calling by abstract sockets whoever is outside;
* a seccomp filter refuses the calls that no guest can make, those of capabilities that are not granted, and others by
  their arguments: families of sockets, numbers of processes, bits of modes.

A wall stands wherever the gate stands or further out, never further in: what is granted must work behind it.  So
where the kernel cannot tell a granted thing from others, the gate is alone; `LEFT_TO_THE_GATE` names the calls.

Walls come before the guest's first instruction and before the first thread, as Landlock leaves threads alone that
run already, and after the last import, as Python's files are not granted.  Only a program that may execute others
can read them, and the system's libraries: what it executes is behind the same walls, and must be able to start.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from errno import EBUSY, ENOSYS
from typing import TYPE_CHECKING, Final, NamedTuple

from pywasmjit.guest.abi.prctl import PR_SET_NO_NEW_PRIVS
from pywasmjit.guest.kernel import landlock_abi as rights
from pywasmjit.guest.policy.policy import Capability, Grant, Granted, Policy
from pywasmjit.guest.policy.preload import import_what_runs
from pywasmjit.guest.processes.execution import packages_in_use
from pywasmjit.runtime.watchdog import watchdog_stopped

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.landlock import Ruleset
    from pywasmjit.guest.process import Process

COMPLETE: Final = rights.SCOPES_SINCE
"""The version of Landlock that knows all that is asked of it here."""
_WITHOUT_LOSS: Final = 2
"""The first version that can allow renaming from one directory to another; before, a wall would break that."""


class Left(NamedTuple):
    """What the kernel lets through although it is not granted, the calls that do it, and once what is granted."""

    what: str
    calls: tuple[str, ...]
    once: tuple[Grant, ...] = ()


_BY_PATH: Final = (Granted.WRITING, Granted.ADDRESSES)

LEFT_TO_THE_GATE: Final = (
    Left(
        "looking at files that no grant holds: that they are there, their owners, modes, sizes and times",
        ("stat", "lstat", "fstat", "newfstatat", "statx", "fstatfs", "open", "openat", "openat2"),
    ),
    Left(
        "the same by more calls: which rights there are, what links say",
        ("access", "faccessat", "faccessat2", "readlink", "readlinkat", "statfs"),
        (Granted.READING, Capability.EXEC),
    ),
    Left(
        "changing mode, owner and times of any file, of a read-only grant or of none, by path or by descriptor",
        (
            *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"),
            *("utime", "utimes", "futimesat", "utimensat"),
        ),
        (Granted.WRITING,),
    ),
    Left(
        "set-group-id on files, as directories may have it",
        ("chmod", "fchmod", "fchmodat", "fchmodat2"),
        (Granted.WRITING,),
    ),
    Left(
        "set-user-id and set-group-id on a file that openat2 makes in a granted directory: no filter sees its mode",
        ("openat2",),
        (Granted.WRITING,),
    ),
    Left(
        "writing to what lies in a read-only grant below one that is not",
        ("open", "openat", "openat2"),
        (Granted.WRITING,),
    ),
    Left(
        "extended attributes and flags of any file, changed where a directory is granted for writing",
        ("getxattr", "setxattr", "listxattr", "removexattr", "file_getattr", "file_setattr", "ioctl"),
        (Capability.EXEC,),
    ),
    Left(
        "news about any file, and where file systems are mounted",
        ("inotify_add_watch", "statmount", "listmount"),
        (Capability.EXEC,),
    ),
    Left("the process's own files in a granted /proc, and in any case where they lead", ("open", "openat", "openat2")),
    Left("what is done to the descriptors that the process was started with", ("read", "write", "ioctl", "fcntl")),
    Left("datagrams to Unix sockets by path", ("sendmsg",)),
    Left("connecting to Unix sockets by path", ("connect", "sendto"), _BY_PATH),
    Left("abstract names of Unix sockets", ("bind", "listen"), _BY_PATH),
    Left("UDP, TCP to other addresses at the same port", ("connect", "bind", "sendto"), (Granted.ADDRESSES,)),
    Left("listening at a port that the kernel chooses", ("listen",), (Granted.ADDRESSES,)),
    Left("control messages: where a packet comes from, and, for root, who sends it", ("sendmsg",)),
    Left("signals between a program's own processes", ("kill", "tkill", "tgkill"), (Capability.PROCESS,)),
    Left("groups, sessions and limits of other processes", ("getpgid", "getsid", "prlimit64"), (Capability.PROCESS,)),
    Left("on which processors another process may run", ("sched_getaffinity",)),
    Left("the host's name", ("uname",)),
)
"""What the engine's checks must refuse alone."""

_READ: Final = rights.READ_FILE | rights.READ_DIR | rights.IOCTL_DEV
_WRITE: Final = (
    rights.WRITE_FILE | rights.TRUNCATE | rights.REMOVE_DIR | rights.REMOVE_FILE | rights.REFER
    | rights.MAKE_DIR | rights.MAKE_REG | rights.MAKE_SOCK | rights.MAKE_FIFO | rights.MAKE_SYM
)  # fmt: skip
_DEVICES: Final = rights.MAKE_CHAR | rights.MAKE_BLOCK
_MOMENTS: Final = 500
_MOST_PORTS: Final = 256
"""Larger sets of ports are not told to the kernel one by one."""

Directories = Iterable[tuple[int, bool]]
"""Granted directories: open descriptors, and whether each is read-only."""


def enclose(process: Process) -> None:
    """Raise the walls around a guest's own process.

    Raises OSError where `process.walls` is "require" and a wall cannot be raised, or threads run already.
    """
    grants = getattr(process.paths, "grants", {}).values()
    if process.policy.allows(Capability.EXEC):
        _keep_to_ourselves({file.host for file in process.files.slots if file is not None})
    directories = [(each.fd, each.read_only) for each in grants]
    required = process.walls == "require"
    raise_walls(process.policy, directories, required=required, early_imports=process.early_imports)


def raise_walls(
    policy: Policy, directories: Directories, *, required: bool = False, early_imports: Iterable[str] = ()
) -> None:
    """Have the kernel keep this process to a policy, for good.

    directories: what stands for the policy's `dirs`.  required: whether to raise OSError where that cannot be, instead
    of a note to the log.  early_imports: modules of the interface, whose files may be out of reach afterwards.
    """
    try:
        from pywasmjit.guest.kernel import calling, host, landlock, seccomp
        from pywasmjit.guest.policy.refused import refusals

        call, (machine, _) = calling.caller(), host.open_host()
    except (ImportError, NotImplementedError):
        _lacks("this platform has no walls", required)
        return
    directories = list(directories)
    version = landlock.version()
    if version < (COMPLETE if required else _least_version(directories)):
        _lacks(f"the kernel's Landlock has version {version}, {COMPLETE} is wanted", required)
        version = 0
    import_what_runs(early_imports)
    program = seccomp.assemble(refusals(policy, os.getpid()), machine.numbers, machine.name)
    with watchdog_stopped():
        if (threads := _count_threads()) > 1:
            _lacks(f"{threads - 1} older threads stay outside of Landlock", required, EBUSY)
        try:
            call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            seccomp.install(program)
        except OSError as error:
            _lacks(f"no seccomp filter: {error}", required)
        try:
            if version:
                _raise_landlock(policy, directories, version)
        except OSError as error:
            _lacks(f"no Landlock: {error}", required)


def _least_version(directories: Directories) -> int:
    return 1 if all(read_only for _, read_only in directories) else _WITHOUT_LOSS


def _lacks(what: str, required: bool, errno: int = ENOSYS) -> None:
    """Tell that a wall cannot be raised.  Before Landlock stands, as `logging` may have to be imported."""
    if required:
        raise OSError(errno, f"walls are required, but {what}")
    import logging

    logging.getLogger(__name__).info("%s", what)


def _count_threads() -> int:
    """Return how many threads the process has; those that Python has seen end get a moment to do so."""
    found = threading.active_count()
    with suppress(OSError):
        for _ in range(_MOMENTS):
            found = len(os.listdir("/proc/self/task"))
            if found == 1 or threading.active_count() > 1:
                break
            time.sleep(0.001)
    return found


def _keep_to_ourselves(guests: set[int]) -> None:
    """Have execve close what the process was started with and is not the guest's: later nobody can list it."""
    with suppress(OSError):
        for number in [int(name) for name in os.listdir("/proc/self/fd")]:
            if number not in guests:
                with suppress(OSError):
                    os.set_inheritable(number, False)


# -- Landlock ---------------------------------------------------------------------------------------------------------


def _raise_landlock(policy: Policy, directories: Directories, version: int) -> None:
    from pywasmjit.guest.kernel.landlock import Ruleset

    ports = _ports(policy)
    net = 0 if ports is None else rights.known_net(version)
    with Ruleset(rights.known_fs(version), net, _scopes(policy) & rights.known_scopes(version)) as ruleset:
        for fd, read_only in directories:
            ruleset.allow_beneath(fd, _rights(policy, read_only))
        for port in (ports or ()) if net else ():
            ruleset.allow_port(port, net)
        if policy.allows(Capability.EXEC):
            _allow_programs(ruleset)
        ruleset.enforce()


def _rights(policy: Policy, read_only: bool) -> int:
    found = _READ if read_only else _READ | _WRITE
    if policy.allows(Capability.SYSTEM) and not read_only:
        found |= _DEVICES
    return found | rights.EXECUTE if policy.allows(Capability.EXEC) else found


def _ports(policy: Policy) -> set[int] | None:
    """Return the TCP ports that are granted, None for all or too many."""
    count = sum(last - first + 1 for first, last in (grant.ports for grant in policy.net))
    if policy.allows(Capability.NET) or count > _MOST_PORTS:
        return None
    return {port for grant in policy.net for port in range(grant.ports[0], grant.ports[1] + 1)}


def _scopes(policy: Policy) -> int:
    signals = 0 if policy.allows(Capability.SIGNALS) else rights.SCOPE_SIGNAL
    return signals if policy.allows(Capability.NET) else signals | rights.SCOPE_ABSTRACT_UNIX_SOCKET


# -- what programs need to start --------------------------------------------------------------------------------------

_LIBRARIES: Final = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib")
_OF_LINKER: Final = ("/etc/ld.so.cache", "/etc/ld.so.preload")
_DEVICES_OF_ALL: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def _allow_programs(ruleset: Ruleset) -> None:
    """Allow what an executed program needs to start at all, be it native or an engine that runs a Wasm file."""
    run = rights.READ_FILE | rights.READ_DIR | rights.EXECUTE
    for path in {*_LIBRARIES, sys.executable, *_mapped(), *_python()}:
        _allow_path(ruleset, path, run)
    for path in _OF_LINKER:
        _allow_path(ruleset, path, rights.READ_FILE)
    for path in _DEVICES_OF_ALL:
        _allow_path(ruleset, path, rights.READ_FILE | rights.WRITE_FILE)


def _allow_path(ruleset: Ruleset, path: str, allowed: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError):
        return
    try:
        ruleset.allow_beneath(fd, allowed if os.path.isdir(path) else allowed & rights.OF_FILES)
    finally:
        os.close(fd)


def _mapped() -> Iterator[str]:
    """Yield the libraries that this process has loaded, wherever they are."""
    with suppress(OSError), open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and "x" in fields[1] and fields[5].startswith("/"):
                yield fields[5].rstrip("\n")


def _python() -> Iterator[str]:
    """Yield what an engine's Python reads: its standard library, the engine, and packages that it needs."""
    yield os.path.dirname(os.path.abspath(os.__file__))
    yield os.path.join(sys.prefix, "pyvenv.cfg")
    for _, file in packages_in_use():
        yield os.path.dirname(file)
