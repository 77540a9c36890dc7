"""Deny by default, number by number: what a sandboxed program has of each of the host's system calls."""

from __future__ import annotations

from errno import ENOSYS, EPERM
from pathlib import Path

import pytest

from pywasmjit import Policy, Wali
from pywasmjit.guest.kernel.numbers import BY_MACHINE
from pywasmjit.guest.policy.policy import Capability, Granted
from pywasmjit.guest.policy.refused import WITHOUT, refusals
from pywasmjit.guest.policy.walls import LEFT_TO_THE_GATE
from pywasmjit.wali.dispatch import absent, bind
from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wasm.types import FuncType

LIST = Path(__file__).with_name("syscalls_x86_64.txt")
NUMBERS = range(601)
ANY_TYPE = FuncType(("i32",) * 6, ("i64",))


def listed() -> dict[int, list[str]]:
    """Return number -> name, gate, wall."""
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {int(number): rest for number, *rest in (line.split(maxsplit=1) for line in lines)}


def names() -> dict[int, str]:
    return {number: rest[0].split()[0] for number, rest in listed().items()}


def gate(name: str) -> str:
    """Return what calling the import gives a program without grants: by the function that it is bound to."""
    with Wali(policy=Policy.sandbox(), report=None) as wali:
        declaration = TABLE.get(f"SYS_{name}")
        if declaration is None:
            result = absent(ANY_TYPE)(*range(6))
            assert result == -ENOSYS & 0xFFFF_FFFF_FFFF_FFFF
            return "never"
        bound = bind(declaration, wali.process, declaration.type)
        if declaration.capability is None:
            assert bound.__name__ == declaration.import_name
            return "reached"
        result = bound(*[0] * len(declaration.parameters))
        assert result == -EPERM & 0xFFFF_FFFF_FFFF_FFFF
        return f"needs {declaration.capability.value}"


NOTHING = Policy.sandbox()
ALL = Policy.sandbox(["/granted"], allow=list(Capability))
RULES = {policy: list(refusals(policy, 4321)) for policy in (NOTHING, ALL)}


def wall(name: str, policy: Policy = NOTHING) -> str:
    rules = [rule for rule in RULES[policy] if rule.call == name]
    if any(not rule.tests for rule in rules):
        return "refused"
    return "some" if rules else "free"


def line(number: int, name: str) -> str:
    return f"{number} {name:<24} {gate(name):<14} {wall(name):<8} {wall(name, ALL)}"


@pytest.mark.parametrize("first", range(0, 601, 100))
def test_every_number_is_answered_as_listed(first: int) -> None:
    known = listed()
    for number in range(first, min(first + 100, NUMBERS.stop)):
        if number in known:
            assert f"{number} {known[number][0]}" == line(number, names()[number])


def test_numbers_are_those_that_the_engine_uses() -> None:
    by_name = {name: number for number, name in names().items()}
    assert len(by_name) == len(listed())
    assert max(by_name.values()) in NUMBERS
    used = BY_MACHINE["x86_64"]
    assert {name: by_name.get(name) for name in used} == used


def test_every_declared_call_of_linux_is_in_the_list() -> None:
    """What is declared under another name is an older or a newer name of a call in the list."""
    declared = {name.removeprefix("SYS_") for name in TABLE if name.startswith("SYS_")}
    assert declared - set(names().values()) == {"fstatat", "fadvise"}


HARMLESS = {
    "the process's own descriptors": """
        read write close poll lseek pread64 pwrite64 readv writev pipe select dup dup2 sendfile fcntl flock fsync
        fdatasync ftruncate getdents getdents64 fadvise64 epoll_create epoll_ctl epoll_wait epoll_pwait epoll_pwait2
        epoll_create1 epoll_ctl_old epoll_wait_old fallocate preadv pwritev preadv2 pwritev2 dup3 pipe2 eventfd
        eventfd2 signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime memfd_create close_range pselect6
        ppoll ioctl
        """,
    "sockets, as far as nobody is named": """
        socket socketpair accept accept4 shutdown getsockname getpeername setsockopt getsockopt sendto sendmsg recvfrom
        recvmsg
        """,
    "its own memory": """
        mmap mprotect munmap brk mremap msync madvise membarrier mseal
        """,
    "its own threads": """
        sched_yield exit exit_group clone gettid futex set_thread_area get_thread_area set_tid_address set_robust_list
        restart_syscall arch_prctl getcpu rseq futex_waitv futex_wake futex_wait futex_requeue uretprobe uprobe
        """,
    "its own signals and timers": """
        rt_sigaction rt_sigprocmask rt_sigreturn pause nanosleep getitimer alarm setitimer rt_sigpending rt_sigtimedwait
        rt_sigqueueinfo rt_sigsuspend sigaltstack kill tgkill rt_tgsigqueueinfo clock_nanosleep
        """,
    "what it is, and may lose": """
        getpid getppid getuid getgid geteuid getegid getpgid getpgrp getsid getgroups getresuid getresgid getcwd umask
        getrlimit setrlimit prlimit64 getrusage times prctl wait4 waitid seccomp landlock_create_ruleset
        landlock_add_rule landlock_restrict_self
        """,
    "the system, as everybody sees it": """
        uname gettimeofday time clock_gettime clock_getres sysinfo sched_get_priority_max sched_get_priority_min
        getrandom sched_getaffinity
        """,
    "what Linux has no more, or never had": """
        create_module get_kernel_syms query_module nfsservctl getpmsg putpmsg afs_syscall tuxcall security vserver
        """,
}
"""Calls that the filter lets through, wholly or in part, where nothing is granted, and that reach nothing beyond."""


def test_every_call_is_refused_or_harmless_or_named_as_left_to_the_gate() -> None:
    harmless = {name for group in HARMLESS.values() for name in group.split()}
    left = {call for each in LEFT_TO_THE_GATE if not each.once for call in each.calls}
    through = {name for name in names().values() if wall(name) != "refused"}
    assert through - left - harmless == set()
    assert harmless - through == set()
    assert left <= through


def test_what_the_filter_lets_through_once_something_is_granted_is_named_too() -> None:
    """What executed programs may want beside is refused to a guest, and concerns what is its own."""
    left = {call for each in LEFT_TO_THE_GATE for call in each.calls}
    granted = {name for name in names().values() if wall(name) == "refused" and wall(name, ALL) != "refused"}
    lifted_by = {call for grant in set(WITHOUT) - {Granted.WRITING} for call in WITHOUT[grant]}
    in_grants = {"creat", "truncate", "sync", "syncfs", "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat"}
    in_grants |= {"mknod", "mknodat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir"}
    assert granted - lifted_by - left == in_grants  # and Landlock keeps these there


if __name__ == "__main__":
    head = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    LIST.write_text("\n".join([*head, *(line(*each) for each in names().items())]) + "\n", encoding="utf-8")
