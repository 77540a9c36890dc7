"""Memory: the mmap family on ranges inside linear memory."""

from __future__ import annotations

from errno import EINVAL, EOPNOTSUPP
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi import mman as abi
from pywasmjit.wali.table import Flags, GuestFd, Int, Long, Pointer, Size, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

Protection = Annotated[int, Flags(abi.PROT_FLAGS)]
_MAP_MASK = 0x1FF_FFFF


@syscall("mmap", support=partial("hints are ignored; protection is noted, not enforced; PROT_EXEC is dropped"))
def mmap(
    process: Process,
    addr: Pointer,
    length: Size,
    prot: Protection,
    flags: Annotated[int, Flags(abi.MAP_FLAGS)],
    fd: GuestFd,
    offset: Long,
) -> int:
    """Linux: mmap(2)."""
    kind = flags & abi.MAP_TYPE
    if offset % abi.PAGE or offset < 0:
        raise OSError(EINVAL, "mmap: offset")
    file = None if flags & abi.MAP_ANONYMOUS else process.files.file(fd)
    if not length or kind not in (abi.MAP_SHARED, abi.MAP_PRIVATE, abi.MAP_SHARED_VALIDATE):
        raise OSError(EINVAL, "mmap: length or type")
    if kind == abi.MAP_SHARED_VALIDATE and flags & ~_MAP_MASK:
        raise OSError(EOPNOTSUPP, "mmap: flags")
    shared = kind != abi.MAP_PRIVATE
    prot &= ~abi.PROT_EXEC
    if file is None:
        return process.space.map_anonymous(addr, length, prot, flags, shared)
    return process.space.map_file(addr, length, prot, flags, shared, file.host, offset)


@syscall("munmap", support=partial("unmapped pages read as zeros"))
def munmap(process: Process, addr: Pointer, len: Size) -> int:
    """Linux: munmap(2)."""
    process.space.unmap(addr, len)
    return 0


@syscall(
    "mremap",
    support=partial(
        "old_size 0 and MREMAP_DONTUNMAP give EINVAL, as does moving a private file before Linux 5.13; "
        "files and shared memory grow by MREMAP_MAYMOVE only"
    ),
)
def mremap(
    process: Process, old_address: Pointer, old_size: Size, new_size: Size, flags: Int, new_address: Pointer
) -> int:
    """Linux: mremap(2)."""
    if flags & ~(abi.MREMAP_MAYMOVE | abi.MREMAP_FIXED) or flags == abi.MREMAP_FIXED:
        raise OSError(EINVAL, "mremap: flags")
    fixed = new_address if flags & abi.MREMAP_FIXED else None
    if fixed is not None and fixed < old_address + old_size and old_address < fixed + new_size:
        raise OSError(EINVAL, "mremap: overlap")
    return process.space.remap(old_address, old_size, new_size, bool(flags & abi.MREMAP_MAYMOVE), fixed)


@syscall("mprotect", support=partial("protection is noted, not enforced"))
def mprotect(process: Process, addr: Pointer, len: Size, prot: Protection) -> int:
    """Linux: mprotect(2)."""
    if addr % abi.PAGE:
        raise OSError(EINVAL, "mprotect: address")
    if not len:
        return 0
    if prot & ~(abi.PROT_READ | abi.PROT_WRITE | abi.PROT_EXEC | abi.PROT_SEM):
        raise OSError(EINVAL, "mprotect: protection")
    process.space.protect(addr, len, prot)
    return 0


@syscall("madvise", support=partial("advice beyond 0-4 and MADV_FREE gives EINVAL"))
def madvise(process: Process, addr: Pointer, length: Size, advice: Int) -> int:
    """Linux: madvise(2)."""
    if advice not in abi.MADVICE.values():
        raise OSError(EINVAL, "madvise: advice")
    try:
        process.space.require_mapped(addr, length)
    finally:  # where some of the pages are not mapped, the others are forgotten all the same
        if advice == abi.MADV_DONTNEED and not addr % abi.PAGE:
            process.space.forget(addr, length)
    return 0


@syscall("msync")
def msync(process: Process, addr: Pointer, length: Size, flags: Int) -> int:
    """Linux: msync(2)."""
    both = abi.MS_ASYNC | abi.MS_SYNC
    if flags & ~(both | abi.MS_INVALIDATE) or flags & both == both:
        raise OSError(EINVAL, "msync: flags")
    process.space.sync(addr, length, flags)
    return 0


@syscall("brk", support=partial("there is no break: always 0, so that libc uses mmap"))
def brk(process: Process, addr: Pointer) -> int:
    """Linux: brk(2)."""
    return 0
