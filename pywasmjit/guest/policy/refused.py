"""Which calls the kernel is to refuse a sandboxed guest's own process: the data of the seccomp filter.

Calls that neither a guest can make nor the engine, the C library or an executed program needs, are refused whatever
is granted; others by what is missing of the grants.  Where the number of a call does not tell, its arguments may
(`RULES`, and the functions below it, where the policy has more to say).  What is refused here is refused to executed
programs too, which may do no more than the guest; only where no guest can make a call at all are they left free.

Nothing that is granted is refused, and so what cannot be told from it gets through: `LEFT_TO_THE_GATE`.  Not refused,
though no guest can make them, are rseq, by which the C library registers each new thread, and calls that only take
rights away (`seccomp`, `landlock_restrict_self`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from errno import ENOSYS, EOPNOTSUPP
from typing import Final, NamedTuple

from pywasmjit.guest.abi import fcntl, ioctl, prctl, resource, sockopt
from pywasmjit.guest.abi import socket as abi
from pywasmjit.guest.abi.events import ALARM_CLOCKS
from pywasmjit.guest.kernel.seccomp import Refusal, When
from pywasmjit.guest.policy.policy import Capability, Grant, Granted, Policy

_EXEC: Final = Capability.EXEC
_NET: Final = Capability.NET
_PROCESS: Final = Capability.PROCESS
_SIGNALS: Final = Capability.SIGNALS
_SYSTEM: Final = Capability.SYSTEM

# -- by number --------------------------------------------------------------------------------------------------------

NEVER: Final = (
    # other processes' memory and descriptors
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd"),
    *("move_pages", "migrate_pages", "get_robust_list"),
    # ways around what filters see
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "bpf", "perf_event_open"),
    *("name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark", "lookup_dcookie", "memfd_secret"),
    *("add_key", "request_key", "keyctl", "lsm_set_self_attr"),
    # other file systems, other namespaces
    *("mount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount"),
    *("fspick", "mount_setattr", "setns", "unshare", "quotactl", "quotactl_fd"),
    # the machine
    *("personality", "modify_ldt", "iopl", "ioperm", "uselib", "_sysctl", "kexec_load", "kexec_file_load"),
    *("init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "acct", "syslog", "vhangup"),
    *("settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname"),
)
"""Refused whatever is granted."""

WITHOUT: Final[dict[Grant, tuple[str, ...]]] = {
    Capability.EXEC: (
        *("execve", "execveat"),
        # what only an executed program could want: other ways to move data
        *("splice", "tee", "vmsplice", "copy_file_range", "sync_file_range", "readahead", "sendmmsg", "recvmmsg"),
        *("io_setup", "io_destroy", "io_getevents", "io_submit", "io_cancel", "io_pgetevents"),
        # attributes of files, news about files, tables of mounts, another working directory
        *("setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr"),
        *("removexattrat", "file_setattr", "getxattr", "lgetxattr", "fgetxattr", "getxattrat", "listxattr"),
        *("llistxattr", "flistxattr", "listxattrat", "file_getattr", "statmount", "listmount", "ustat", "sysfs"),
        *("inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "chdir", "fchdir"),
        # pages: where they lie, which are there, who may use them
        *("mbind", "set_mempolicy", "get_mempolicy", "set_mempolicy_home_node", "mincore", "cachestat"),
        *("remap_file_pages", "pkey_mprotect", "pkey_alloc", "pkey_free", "map_shadow_stack"),
        # what is known of any process, timers that name a thread
        *("capget", "getpriority", "sched_getparam", "sched_getscheduler", "sched_getattr", "sched_rr_get_interval"),
        *("ioprio_get", "lsm_get_self_attr", "lsm_list_modules"),
        *("timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete"),
    ),
    Capability.PROCESS: ("fork", "vfork", "setpgid", "setsid"),
    Capability.SIGNALS: ("pidfd_open", "pidfd_send_signal"),
    Capability.SYSTEM: (
        *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups"),
        *("capset", "chroot", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"),
        *("setpriority", "ioprio_set", "mlock", "mlock2", "munlock", "mlockall", "munlockall"),
    ),
    Capability.IPC: (
        *("shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop"),
        *("msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive"),
        *("mq_notify", "mq_getsetattr"),
    ),
    Granted.WRITING: (
        *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"),
        *("utime", "utimes", "futimesat", "utimensat", "creat", "truncate", "sync", "syncfs"),
        *("link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "mknod", "mknodat"),
        *("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir"),
        *("setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr"),
        *("removexattrat", "file_setattr"),
    ),
}
"""Refused unless the key is granted."""

_LOOKS: Final = ("access", "faccessat", "faccessat2", "readlink", "readlinkat", "statfs")
"""Refused where no directory is granted and nothing can be executed: C libraries look with stat and its like only."""

# -- by argument ------------------------------------------------------------------------------------------------------


class Rule(NamedTuple):
    """What is refused, and why, unless one of the things in `unless` is granted."""

    why: str
    refusals: tuple[Refusal, ...]
    unless: tuple[Grant, ...] = ()


def _when(argument: int, call: str, *values: int, mask: int = 0xFFFF_FFFF) -> Refusal:
    return Refusal(call, (When(argument, values, mask),))


def _bits(argument: int, call: str, bits: int) -> Refusal:
    """Refuse a call if one of some bits of an argument is set."""
    return Refusal(call, (_any(argument, bits),))


def _any(argument: int, bits: int, *, high: bool = False) -> When:
    return When(argument, (0,), bits, high, other=True)


_ALL: Final = 0xFFFF_FFFF
_SET_UID: Final = 0o4000
_SET_IDS: Final = 0o6000
_CREATES: Final = fcntl.O_CREAT | fcntl.O_TMPFILE & ~fcntl.O_DIRECTORY
_TYPE: Final = 0o170000
_DEVICES: Final = (0o20000, 0o60000)
_CLONE_THREAD: Final = 0x10000
_CLONE_NAMESPACES: Final = 0x7E02_0000
_CLONE_RELATIVES: Final = 0xA000
"""CLONE_PTRACE, CLONE_PARENT."""
_HARM_TO_PAGES: Final = (100, 101)
"""MADV_HWPOISON, MADV_SOFT_OFFLINE."""
_OF_ALL_ON_A_TERMINAL: Final = (0x5412, 0x541C, 0x541D, 0x541F, 0x5423, 0x5437)
"""TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSSERIAL, TIOCSETD, TIOCVHANGUP."""
_OF_A_FILE_SYSTEM: Final = (0xC004_5877, 0xC004_5878, 0xC018_5879, 0x8004_587D, 0x4100_9432)
"""FIFREEZE, FITHAW, FITRIM, FS_IOC_SHUTDOWN, FS_IOC_SETFSLABEL."""
_OF_ATTRIBUTES: Final = (0x4008_6602, 0x401C_5820, 0x4008_7602, 0x4080_6685, 0x800C_6613)
"""FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, FS_IOC_SETVERSION, FS_IOC_ENABLE_VERITY, FS_IOC_SET_ENCRYPTION_POLICY."""
_BRINGS_SIGNALS: Final = (fcntl.F_SETOWN, fcntl.F_SETOWN_EX, fcntl.F_SETSIG, fcntl.F_SETLEASE, fcntl.F_NOTIFY)
_KEPT_LIMITS: Final = (*(resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_STACK, resource.RLIMIT_NOFILE),)
"""Those that may be lowered by whom they concern."""

RULES: Final = (
    Rule(
        "set-user-id: a file would lend its owner's rights to whoever executes it",
        (
            *(_bits(1, call, _SET_UID) for call in ("chmod", "fchmod")),
            *(_bits(2, call, _SET_UID) for call in ("fchmodat", "fchmodat2")),
        ),
    ),
    Rule(
        "the same and set-group-id for new files, but for those of openat2",
        (
            Refusal("open", (_any(1, _CREATES), _any(2, _SET_IDS))),
            Refusal("openat", (_any(2, _CREATES), _any(3, _SET_IDS))),
            *(_bits(1, call, _SET_IDS) for call in ("creat", "mknod")),
            _bits(2, "mknodat", _SET_IDS),
        ),
    ),
    Rule(
        "making devices, whiteouts among them",
        (
            _when(1, "mknod", *_DEVICES, mask=_TYPE),
            _when(2, "mknodat", *_DEVICES, mask=_TYPE),
            _bits(4, "renameat2", fcntl.RENAME_WHITEOUT),
        ),
        unless=(_SYSTEM,),
    ),
    Rule(
        "names for open files that no path leads to (AT_EMPTY_PATH)",
        (_bits(4, "linkat", fcntl.AT_EMPTY_PATH),),
        unless=(_EXEC,),
    ),
    Rule("other namespaces", (_bits(0, "clone", _CLONE_NAMESPACES),)),
    Rule("children that belong to the parent, or are traced", (_bits(0, "clone", _CLONE_RELATIVES),)),
    Rule("child processes", (Refusal("clone", (When(0, (0,), _CLONE_THREAD),)),), unless=(_PROCESS,)),
    Rule("taking pages of the machine's memory out of use", (_when(2, "madvise", *_HARM_TO_PAGES),)),
    Rule(
        "timers that wake the machine",
        tuple(_when(0, call, *sorted(ALARM_CLOCKS)) for call in ("timerfd_create", "timer_create", "clock_nanosleep")),
    ),
    Rule(
        "signals from descriptors, leases, notices",
        (
            _when(1, "fcntl", *_BRINGS_SIGNALS),
            Refusal("fcntl", (When(1, (fcntl.F_SETFL,)), _any(2, fcntl.O_ASYNC))),
        ),
        unless=(_SIGNALS,),
    ),
    Rule(
        "unknown commands of fcntl",
        (Refusal("fcntl", (When(1, tuple(fcntl.FCNTL_COMMANDS.values()), other=True),)),),
        unless=(_EXEC,),
    ),
    Rule(
        "settings of the process by prctl",
        (_when(0, "prctl", *(set(prctl.CHANGING.values()) - {prctl.PR_SET_NAME, prctl.PR_SET_NO_NEW_PRIVS})),),
        unless=(_PROCESS,),
    ),
    Rule(
        "unknown options of prctl",
        (Refusal("prctl", (When(0, tuple(prctl.OPTIONS.values()), other=True),)),),
        unless=(_EXEC,),
    ),
    Rule(
        "limits of the process, but for those that the engine keeps",
        (
            Refusal("setrlimit", (When(0, _KEPT_LIMITS, other=True),)),
            *(
                Refusal("prlimit64", (When(1, _KEPT_LIMITS, other=True), _any(2, _ALL, high=high)))
                for high in (False, True)
            ),
        ),
        unless=(_SYSTEM,),
    ),
    Rule(
        "requests about terminals and file systems that concern others",
        (_when(1, "ioctl", *_OF_ALL_ON_A_TERMINAL, *_OF_A_FILE_SYSTEM),),
    ),
    Rule("changing attributes of files by ioctl", (_when(1, "ioctl", *_OF_ATTRIBUTES),), unless=(Granted.WRITING,)),
)


def refusals(policy: Policy, pid: int) -> Iterator[Refusal]:
    """Yield what is to be refused to process `pid` under a policy."""
    granted = policy.granted
    for call in NEVER:
        yield Refusal(call)
    for grant, calls in WITHOUT.items():
        if grant not in granted:
            for call in calls:
                yield Refusal(call)
    if granted.isdisjoint((Granted.READING, _EXEC)):
        for call in _LOOKS:
            yield Refusal(call)
    for rule in RULES:
        if granted.isdisjoint(rule.unless):
            yield from rule.refusals
    yield Refusal("clone3", errno=ENOSYS)  # a filter cannot see its flags; libraries then use clone
    yield from _other_processes(granted, pid)
    yield from _requests(granted)
    yield from _sockets(granted)
    yield from _options(granted)


# -- other processes --------------------------------------------------------------------------------------------------

_NAMES_A_PROCESS: Final = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
"""Calls whose first argument is the process that a signal goes to."""


def _other_processes(granted: frozenset[Grant], pid: int) -> Iterator[Refusal]:
    """Yield what names another process.  While there is one only, it keeps its number; the engine's children use 0."""
    if _SYSTEM not in granted and not granted.issuperset((_PROCESS, _EXEC)):
        yield Refusal("prlimit64", (When(0, (0,) if _PROCESS in granted else (0, pid), other=True),))
    if _PROCESS in granted:
        return
    for call in ("getpgid", "getsid"):
        yield Refusal(call, (When(0, (0, pid), other=True),))
    if _SIGNALS in granted:
        return
    for call in _NAMES_A_PROCESS:
        yield Refusal(call, (When(0, (pid,), other=True),))
    if _signals_threads_by_process() and _EXEC not in granted:
        yield Refusal("tkill")


def _signals_threads_by_process() -> bool:
    """Tell whether the C library signals threads by tgkill; musl uses tkill, which names no process."""
    with suppress(OSError, ValueError):
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    return False


# -- requests of ioctl ------------------------------------------------------------------------------------------------

_SOCKETS: Final = 0x8900
_UPPER: Final = 0xFFFF_FF00
_OWNERS_AND_TIMES: Final = (0x8903, 0x8904, 0x8906, 0x8907)
"""FIOGETOWN, SIOCGPGRP, SIOCGSTAMP, SIOCGSTAMPNS."""
_SIOCGIFCONF: Final = 0x8912


def _requests(granted: frozenset[Grant]) -> Iterator[Refusal]:
    """Yield requests that need a capability, and those that no table knows; of network cards even the latter."""
    names = {"", *(each.value for each in granted if isinstance(each, Capability))}
    free = [number for number, each in ioctl.REQUESTS.items() if each.capability in names]
    if _EXEC not in granted:
        yield Refusal("ioctl", (When(1, tuple(free), other=True),))
        return
    yield from (_when(1, "ioctl", number) for number in ioctl.REQUESTS if number not in free)
    if _SYSTEM not in granted:
        free += [*_OWNERS_AND_TIMES, *([_SIOCGIFCONF] if _NET in granted else [])]
        of_sockets = tuple(number for number in free if number & _UPPER == _SOCKETS)
        yield Refusal("ioctl", (When(1, (_SOCKETS,), _UPPER), When(1, of_sockets, other=True)))


# -- sockets ----------------------------------------------------------------------------------------------------------

_KIND: Final = 0xF
"""The part of a socket's type that is no flag."""
_SENDTO_ADDRESS: Final = 4
_SENDS: Final = {"sendto": 3, "sendmsg": 2, "sendmmsg": 3}
"""Call -> which argument its flags are."""
_MSG_FASTOPEN: Final = 0x2000_0000


def _sockets(granted: frozenset[Grant]) -> Iterator[Refusal]:
    internet = Granted.ADDRESSES in granted
    families = (abi.AF_UNIX, abi.AF_INET, abi.AF_INET6) if internet else (abi.AF_UNIX,)
    yield Refusal("socket", (When(0, families, other=True),))
    yield Refusal("socketpair", (When(0, (abi.AF_UNIX, abi.AF_INET, abi.AF_INET6), other=True),))  # IP has no pairs
    for family in families[1:]:
        kinds = When(1, (abi.SOCK_STREAM, abi.SOCK_DGRAM), _KIND, other=True)
        protocols = When(2, (0, abi.IPPROTO_TCP, abi.IPPROTO_UDP), other=True)
        yield Refusal("socket", (When(0, (family,)), kinds))
        yield Refusal("socket", (When(0, (family,)), protocols))
    if internet and _NET not in granted:
        for call, flags in _SENDS.items():  # Landlock has no eye on a connection that is made by sending
            yield Refusal(call, (_any(flags, _MSG_FASTOPEN),), EOPNOTSUPP)
    if granted.isdisjoint((Granted.ADDRESSES, Granted.WRITING)):
        for call in ("connect", "bind", "listen"):
            yield Refusal(call)
        for high in (False, True):
            yield Refusal("sendto", (_any(_SENDTO_ADDRESS, _ALL, high=high),))


def _options(granted: frozenset[Grant]) -> Iterator[Refusal]:
    """Yield options of sockets that reach beyond them, and those that no table knows."""
    levels = sorted({level for level, _ in sockopt.OPTIONS})
    reaches = {sockopt.Reach.SOCKET, *([sockopt.Reach.NET] if _NET in granted else [])}
    if _EXEC not in granted:
        yield Refusal("setsockopt", (When(1, tuple(levels), other=True),))
    for level in levels:
        of_level = {number: option for (where, number), option in sockopt.OPTIONS.items() if where == level}
        free = tuple(number for number, option in of_level.items() if option.reach in reaches)
        others = tuple(number for number in of_level if number not in free)
        if _EXEC in granted:
            yield from _of_level(level, When(2, others))
        elif free:
            yield from _of_level(level, When(2, free, other=True))
        else:
            yield from _of_level(level)


def _of_level(level: int, *tests: When) -> Iterator[Refusal]:
    if all(test.values for test in tests):
        yield Refusal("setsockopt", (When(1, (level,)), *tests))
