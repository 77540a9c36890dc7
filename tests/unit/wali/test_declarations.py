"""Every declaration is complete, and its import type is the interface's."""

from __future__ import annotations

import pytest

from pywasmjit.wali.dispatch import bind
from pywasmjit.wali.policy import Capability, Policy
from pywasmjit.wali.process import Process
from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wali.table import Buffer, Declaration, Descriptor, IovecArray, Number
from pywasmjit.wasm.types import FuncType

TYPES = """
()I getegid geteuid getgid getpid getppid gettid getuid
(i)I brk chdir close dup exit exit_group fchdir fdatasync fsync rmdir set_tid_address uname unlink
(ii)I access clock_getres clock_gettime dup2 fstat getcwd gettimeofday lstat mkdir munmap nanosleep rename stat
(iI)I ftruncate
(iii)I dup3 getdents getdents64 getrandom ioctl madvise mkdirat mprotect msync open read readlink readv unlinkat write
(iii)I writev
(iiI)I fcntl
(iIi)I lseek poll
(iiii)I clock_nanosleep faccessat faccessat2 fstatat newfstatat openat readlinkat rt_sigaction rt_sigprocmask
(iiiI)I pread64 pwrite64
(iiiii)I mremap
(iiiiii)I futex
(iiiiiI)I mmap
"""
AUXILIARY = """
()i __init __deinit __cl_get_argc
()v __call_ctors __call_dtors
(i)i __cl_get_argv_len setjmp
(i)v __proc_exit
(ii)i __cl_copy_argv __get_init_envfile __wasm_thread_spawn sigsetjmp
(ii)v longjmp
"""


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
    assert {name: written(each.type) for name, each in TABLE.items()} == signatures()


@pytest.mark.parametrize("declaration", TABLE.values(), ids=TABLE.keys())
def test_declaration_is_complete(declaration: Declaration) -> None:
    assert declaration.summary.endswith((".", "."))
    assert declaration.support.level == "full" or declaration.support.missing
    names = [parameter.name for parameter in declaration.parameters]
    for parameter in declaration.parameters:
        match parameter.kind:
            case Buffer(size=str(count)) | IovecArray(count=count):
                counter = declaration.parameters[names.index(count)].kind
                assert isinstance(counter, Number)
            case Descriptor():
                assert parameter.name.endswith("fd")


@pytest.mark.parametrize("declaration", TABLE.values(), ids=TABLE.keys())
def test_declaration_binds(declaration: Declaration) -> None:
    process = Process([b"p"], {}, Policy.allow_all())
    bound = bind(declaration, process, declaration.type)
    assert bound.__name__ == declaration.import_name
    assert bound.__code__.co_argcount == len(declaration.type.params)
    assert not bound.__dict__
    process.close()


def test_nothing_needs_a_capability_yet() -> None:
    assert {each.capability for each in TABLE.values()} == {None}
    assert {each.value for each in Capability} == {"net", "exec", "process", "signals", "ipc", "system"}
