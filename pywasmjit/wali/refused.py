"""Which calls the kernel is to refuse a sandboxed guest's own process: the data of the seccomp filter.

Calls that neither a guest can make nor the engine, the C library or an executed program needs, are refused whatever
is granted; others by the capabilities that are missing.  Some are told apart by their arguments.  Not refused, though
no guest can make it, is rseq: the C library registers each new thread by it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from errno import ENOSYS, EOPNOTSUPP
from typing import Final

from pywasmjit.wali.abi import socket as abi
from pywasmjit.wali.kernel.seccomp import Refusal, When
from pywasmjit.wali.policy import Capability, Policy

NEVER: Final = (
    # other processes' memory and descriptors
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd"),
    *("move_pages", "migrate_pages"),
    # ways around what filters see
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "bpf", "perf_event_open"),
    *("name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark", "lookup_dcookie", "memfd_secret"),
    *("add_key", "request_key", "keyctl"),
    # other file systems, other namespaces
    *("mount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount"),
    *("fspick", "mount_setattr", "setns", "unshare", "quotactl", "quotactl_fd"),
    # the machine
    *("personality", "modify_ldt", "iopl", "ioperm", "uselib", "_sysctl", "kexec_load", "kexec_file_load"),
    *("init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "acct", "syslog", "vhangup"),
    *("settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname"),
)
"""Refused whatever is granted."""

WITHOUT: Final = {
    Capability.EXEC: (
        *("execve", "execveat"),
        # what only an executed program could want
        *("setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr"),
        *("removexattrat", "file_setattr", "getxattr", "lgetxattr", "fgetxattr", "getxattrat", "listxattr"),
        *("llistxattr", "flistxattr", "listxattrat", "file_getattr", "statmount", "listmount"),
        *("inotify_init", "inotify_init1", "inotify_add_watch", "sendmmsg", "recvmmsg"),
    ),
    Capability.PROCESS: ("fork", "vfork", "setpgid", "setsid"),
    Capability.SIGNALS: ("pidfd_open", "pidfd_send_signal"),
    Capability.SYSTEM: (
        *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups"),
        *("capset", "chroot", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"),
        *("setpriority", "ioprio_set"),
    ),
    Capability.IPC: (
        *("shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop"),
        *("msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive"),
        *("mq_notify", "mq_getsetattr"),
    ),
}
"""Refused without a capability."""

_NAMES_A_PROCESS: Final = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
"""Calls whose first argument is the process that a signal goes to."""

_CLONE_THREAD: Final = 0x10000
_CLONE_NAMESPACES: Final = 0x7E02_0000
_TERMINAL_INJECTIONS: Final = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX: type, and act, for whoever else reads from the terminal."""
_KIND: Final = 0xF
"""The part of a socket's type that is no flag."""
_SENDTO_ADDRESS: Final = 4
_SENDS: Final = {"sendto": 3, "sendmsg": 2, "sendmmsg": 3}
"""Call -> which argument its flags are."""
_MSG_FASTOPEN: Final = 0x2000_0000


def refusals(policy: Policy, pid: int) -> Iterator[Refusal]:
    """Yield what is to be refused to process `pid` under a policy."""
    for call in NEVER:
        yield Refusal(call)
    for capability, calls in WITHOUT.items():
        if not policy.allows(capability):
            for call in calls:
                yield Refusal(call)
    yield Refusal("ioctl", (When(1, _TERMINAL_INJECTIONS),))
    yield from _new_processes(policy)
    yield from _other_processes(policy, pid)
    yield from _sockets(policy)


def _new_processes(policy: Policy) -> Iterator[Refusal]:
    yield Refusal("clone3", errno=ENOSYS)  # a filter cannot see its flags; libraries then use clone
    yield Refusal("clone", (When(0, (0,), _CLONE_NAMESPACES, other=True),))
    if not policy.allows(Capability.PROCESS):
        yield Refusal("clone", (When(0, (0,), _CLONE_THREAD),))


def _other_processes(policy: Policy, pid: int) -> Iterator[Refusal]:
    """Yield what names another process; only where there is one process, which keeps its number."""
    if policy.allows(Capability.PROCESS):
        return
    yield Refusal("prlimit64", (When(0, (0, pid), other=True),))
    if policy.allows(Capability.SIGNALS):
        return
    for call in _NAMES_A_PROCESS:
        yield Refusal(call, (When(0, (pid,), other=True),))
    if _signals_threads_by_process() and not policy.allows(Capability.EXEC):
        yield Refusal("tkill")


def _signals_threads_by_process() -> bool:
    """Tell whether the C library signals threads by tgkill; musl uses tkill, which names no process."""
    with suppress(OSError, ValueError):
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    return False


def _sockets(policy: Policy) -> Iterator[Refusal]:
    internet = policy.allows(Capability.NET) or bool(policy.net)
    families = (abi.AF_UNIX, abi.AF_INET, abi.AF_INET6) if internet else (abi.AF_UNIX,)
    yield Refusal("socket", (When(0, families, other=True),))
    yield Refusal("socketpair", (When(0, (abi.AF_UNIX, abi.AF_INET, abi.AF_INET6), other=True),))  # IP has no pairs
    for family in families[1:]:
        kinds = When(1, (abi.SOCK_STREAM, abi.SOCK_DGRAM), _KIND, other=True)
        protocols = When(2, (0, abi.IPPROTO_TCP, abi.IPPROTO_UDP), other=True)
        yield Refusal("socket", (When(0, (family,)), kinds))
        yield Refusal("socket", (When(0, (family,)), protocols))
    if policy.net and not policy.allows(Capability.NET):
        for call, flags in _SENDS.items():  # Landlock has no eye on a connection that is made by sending
            yield Refusal(call, (When(flags, (0,), _MSG_FASTOPEN, other=True),), EOPNOTSUPP)
    if not internet and all(each.read_only for each in policy.dirs):
        yield Refusal("connect")
        yield Refusal("bind")
        for high in (False, True):
            yield Refusal("sendto", (When(_SENDTO_ADDRESS, (0,), high=high, other=True),))
