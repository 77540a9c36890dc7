"""Every pointer argument of every call with eleven bad values: EFAULT, or nothing outside changed; never a crash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest import Guest

from pywasmjit.errors import Exit, Trap
from pywasmjit.wali.kernel.portable import PortableKernel
from pywasmjit.wali.policy import Policy
from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wali.table import Address, Buffer, Declaration, Descriptor, IovecArray, Kind, Number, Text

PAGES = 4
SIZE = PAGES * 65536
BAD = (0, 1, SIZE - 1, SIZE, SIZE + 1, SIZE - 7, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_0000, 0xFFFF_FFFE, 0xFFFF_FFFF)
COUNTS = (1, 16, 4096, 0x7FFF_FFFF, 0xFFFF_FFFF)
COUNTERS = {"count", "size", "nfds", "iovcnt", "buflen", "bufsiz"}
GUARD = 65536
SLOW = {"SYS_futex"}
"""Their good arguments would wait."""

NAMES = """
SYS_access SYS_brk SYS_chdir SYS_clock_getres SYS_clock_gettime SYS_clock_nanosleep SYS_faccessat SYS_faccessat2
SYS_fcntl SYS_fstat SYS_futex SYS_getcwd SYS_getdents64 SYS_getrandom SYS_gettimeofday SYS_ioctl SYS_lstat
SYS_madvise SYS_mkdir SYS_mkdirat SYS_mmap SYS_mprotect SYS_mremap SYS_msync SYS_munmap SYS_nanosleep SYS_newfstatat
SYS_open SYS_openat SYS_poll SYS_pread64 SYS_pwrite64 SYS_read SYS_readlink SYS_readlinkat SYS_readv SYS_rename
SYS_rmdir SYS_rt_sigaction SYS_rt_sigprocmask SYS_set_tid_address SYS_stat SYS_uname SYS_unlink SYS_unlinkat
SYS_write SYS_writev __cl_copy_argv __get_init_envfile
"""
"""Calls whose effects stay within the granted directory and the guest whatever their arguments are.

A call is named here when somebody has looked at that: arguments are made up, and the calls are made in this process.
"""


@pytest.fixture(params=["raw", "portable"])
def guest(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    if request.param == "portable":
        monkeypatch.setattr("pywasmjit.wali.process.choose", PortableKernel)
    (tmp_path / "file").write_bytes(b"content" * 1000)
    with open(os.devnull, "r+b") as null:
        streams = (null.fileno(),) * 3
        with Guest(Policy.sandbox({"/": tmp_path}), streams=streams) as made:
            yield made


def good_value(kind: Kind, name: str, guest: Guest) -> int:
    """Return a harmless argument: the test looks at the other one."""
    match kind:
        case Descriptor():
            return 3
        case Text():
            return guest.text("file")
        case Number():
            return 0 if name in ("timeout", "how", "flags", "whence", "mode") else 8
        case _:
            return 4096


def is_pointer(kind: Kind) -> bool:
    return isinstance(kind, Text | Buffer | IovecArray | Address)


POINTERS = [
    pytest.param(declaration, index, id=f"{name}-{parameter.name}")
    for name, declaration in ((name, TABLE[name]) for name in NAMES.split())
    for index, parameter in enumerate(declaration.parameters)
    if is_pointer(parameter.kind)
]


@pytest.mark.parametrize(("declaration", "index"), POINTERS)
def test_bad_pointers(guest: Guest, declaration: Declaration, index: int) -> None:
    call = getattr(guest, declaration.import_name.removeprefix("SYS_"))
    whole = guest.memory._whole  # beyond the end of memory, up to its reservation, nothing may change
    for bad in BAD:
        for count in COUNTS if declaration.import_name not in SLOW else (1,):
            guest.open("file", os.O_RDWR, 0)
            arguments = [good_value(each.kind, each.name, guest) for each in declaration.parameters]
            for place, each in enumerate(declaration.parameters):
                if isinstance(each.kind, Number) and each.name in (
                    "count",
                    "size",
                    "nfds",
                    "iovcnt",
                    "buflen",
                    "bufsiz",
                ):
                    arguments[place] = count
            arguments[index] = bad
            try:
                result = call(*arguments)
            except (Exit, Trap):
                raise AssertionError(arguments) from None
            assert isinstance(result, int)
            outside = whole[guest.memory.size_bytes : guest.memory.size_bytes + GUARD]
            assert outside.tobytes() == bytes(len(outside)), arguments
            guest.process.files.close_all()
            guest.process.files.slots[:] = guest.process.files.slots[:3]


def test_buffers_that_reach_outside_fault(guest: Guest) -> None:
    """Where the whole range must be accessed, EFAULT is the only answer."""
    guest.open("file", os.O_RDWR, 0)
    for name in NAMES.split():
        declaration = TABLE[name]
        for index, parameter in enumerate(declaration.parameters):
            if isinstance(parameter.kind, Buffer) and isinstance(parameter.kind.size, int):
                arguments = [good_value(each.kind, each.name, guest) for each in declaration.parameters]
                arguments[index] = SIZE - parameter.kind.size + 1
                assert getattr(guest, name.removeprefix("SYS_"))(*arguments) == -14, name
