"""Every declaration is complete, and its import type is the interface's."""

from __future__ import annotations

import pytest

from pywasmjit.guest.policy.policy import Policy
from pywasmjit.wali.dispatch import bind
from pywasmjit.wali.provider import WaliProcess
from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wali.table import Buffer, Declaration, IovecArray, Number
from pywasmjit.wasm.types import FuncType

TYPES = """
()I fork getegid geteuid getgid getpid getppid gettid getuid sched_yield setsid
(I)I rt_sigreturn
(i)I brk chdir chroot close dup epoll_create epoll_create1 eventfd exit exit_group fchdir fdatasync fsync
(i)I getpgid getsid mlockall pipe rmdir set_tid_address setgid setuid sysinfo umask uname unlink
(iI)I ftruncate truncate
(ii)I access chmod clock_getres clock_gettime dup2 eventfd2 fchmod flock fstat fstatfs getcwd getgroups
(ii)I getrlimit getrusage gettimeofday kill link listen lstat mkdir munmap nanosleep pipe2 rename rt_sigpending
(ii)I rt_sigsuspend set_robust_list setgroups setpgid setregid setreuid setrlimit shutdown sigaltstack stat
(ii)I statfs symlink timerfd_create tkill utimes
(iIi)I lseek poll
(iiI)I fcntl
(iii)I accept bind chown connect dup3 execve fchown futimesat getdents getdents64 getpeername getrandom
(iii)I getsockname ioctl madvise mkdirat mprotect msync open read readlink readv recvmsg sched_getaffinity
(iii)I sched_setscheduler sendmsg setitimer setresgid setresuid signalfd socket symlinkat unlinkat write writev
(iIIi)I fadvise
(iiiI)I pread64 pwrite64
(iiii)I accept4 clock_nanosleep epoll_ctl epoll_wait faccessat faccessat2 fchmodat fstatat newfstatat openat
(iiii)I prlimit64 readlinkat rt_sigaction rt_sigprocmask signalfd4 socketpair timerfd_settime utimensat wait4
(iIIII)I prctl
(iIiii)I ppoll
(iiiII)I preadv
(iiiii)I fchownat getsockopt linkat mremap renameat2 select setsockopt statx
(iiiiiI)I mmap
(iiiiii)I epoll_pwait futex pselect6 recvfrom sendto
"""
AUXILIARY = """
()i __init __deinit __cl_get_argc
()v __call_ctors __call_dtors
(i)i __cl_get_argv_len setjmp
(i)v __proc_exit
(ii)i __cl_copy_argv __get_init_envfile __wasm_thread_spawn sigsetjmp
(ii)v longjmp
"""


AUXILIARY_NAMES = [name for line in AUXILIARY.strip().splitlines() for name in line.split()[1:]]


def signatures() -> dict[str, str]:
    found = {}
    for prefix, table in (("SYS_", TYPES), ("", AUXILIARY)):
        for line in table.strip().splitlines():
            signature, *names = line.split()
            found.update({prefix + name: signature for name in names})
    return found


def written(type: FuncType) -> str:
    letters = {"i32": "i", "i64": "I"}
    params = "".join(letters[str(each)] for each in type.params)
    return f"({params}){''.join(letters[str(each)] for each in type.results) or 'v'}"


def test_types_are_the_interfaces() -> None:
    """Calls that the interface leaves open have no signature here."""
    fixed = signatures()
    found = {name: written(each.type) for name, each in TABLE.items() if name in fixed}
    assert found == {name: fixed[name] for name in found}
    assert set(AUXILIARY_NAMES) <= set(found)


@pytest.mark.parametrize("declaration", TABLE.values(), ids=TABLE.keys())
def test_declaration_is_complete(declaration: Declaration) -> None:
    assert declaration.summary
    assert declaration.support.level == "full" or declaration.support.missing
    names = [parameter.name for parameter in declaration.parameters]
    for parameter in declaration.parameters:
        match parameter.kind:
            case Buffer(size=str(count)) | IovecArray(count=count):
                counter = declaration.parameters[names.index(count)].kind
                assert isinstance(counter, Number)


@pytest.mark.parametrize("declaration", TABLE.values(), ids=TABLE.keys())
def test_declaration_binds(declaration: Declaration) -> None:
    process = WaliProcess([b"p"], {}, Policy.allow_all())
    bound = bind(declaration, process, declaration.type)
    assert bound.__name__ == declaration.import_name
    assert bound.__code__.co_argcount == len(declaration.type.params)
    assert not bound.__dict__
    process.close()
