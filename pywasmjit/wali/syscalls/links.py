"""Names: second ones (link), pointing ones (symlink), other ones (rename), new ones (creat, mknod); another root."""

from __future__ import annotations

import os
from errno import EINVAL, ENOENT, EPERM
from stat import S_IFMT, S_ISBLK, S_ISCHR
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi import fcntl as abi
from pywasmjit.guest.files import operations
from pywasmjit.guest.files.paths import inside
from pywasmjit.guest.policy.gate import require, require_own_host
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.guest.policy.preload import import_everything
from pywasmjit.guest.restart import Restart
from pywasmjit.wali.syscalls import fs
from pywasmjit.wali.table import (
    DirFd,
    Flags,
    Long,
    Path,
    PathOrEmpty,
    Unsigned,
    partial,
    syscall,
)

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import OpenFile
    from pywasmjit.guest.process import Process

AtFlags = Annotated[int, Flags(abi.AT_FLAGS)]
RenameFlags = Annotated[int, Flags(abi.RENAME_FLAGS)]


# -- link -------------------------------------------------------------------------------------------------------------


@syscall("link")
def link(process: Process, oldpath: Path, newpath: Path) -> int:
    """Linux: link(2)."""
    operations.link(process, process.paths.cwd, oldpath, process.paths.cwd, newpath, follow=False)
    return 0


@syscall("linkat")
def linkat(
    process: Process,
    olddirfd: DirFd,
    oldpath: PathOrEmpty,
    newdirfd: DirFd,
    newpath: Path,
    flags: AtFlags,
) -> int:
    """Linux: linkat(2); in a sandbox AT_EMPTY_PATH needs no capability."""
    if flags & ~(abi.AT_SYMLINK_FOLLOW | abi.AT_EMPTY_PATH):
        raise OSError(EINVAL, "linkat: flags")
    if not oldpath and not flags & abi.AT_EMPTY_PATH:
        raise OSError(ENOENT, "empty path")
    operations.link(process, olddirfd, oldpath, newdirfd, newpath, follow=bool(flags & abi.AT_SYMLINK_FOLLOW))
    return 0


# -- symlink ----------------------------------------------------------------------------------------------------------


@syscall("symlink")
def symlink(process: Process, target: Path, linkpath: Path) -> int:
    """Linux: symlink(2)."""
    operations.symlink(process, target, process.paths.cwd, linkpath)
    return 0


@syscall("symlinkat")
def symlinkat(process: Process, target: Path, newdirfd: DirFd, linkpath: Path) -> int:
    """Linux: symlinkat(2).  The text may be anything: it is resolved where it is followed."""
    operations.symlink(process, target, newdirfd, linkpath)
    return 0


# -- rename -----------------------------------------------------------------------------------------------------------

_RENAME_KNOWN = abi.RENAME_NOREPLACE | abi.RENAME_EXCHANGE | abi.RENAME_WHITEOUT


@syscall("rename")
def rename(process: Process, oldpath: Path, newpath: Path) -> int:
    """Linux: rename(2)."""
    return _rename(process, process.paths.cwd, oldpath, process.paths.cwd, newpath, 0)


@syscall("renameat")
def renameat(process: Process, olddirfd: DirFd, oldpath: Path, newdirfd: DirFd, newpath: Path) -> int:
    """Linux: renameat(2)."""
    return _rename(process, olddirfd, oldpath, newdirfd, newpath, 0)


@syscall("renameat2")
def renameat2(
    process: Process, olddirfd: DirFd, oldpath: Path, newdirfd: DirFd, newpath: Path, flags: RenameFlags
) -> int:
    """Linux: renameat2(2).  In a sandbox RENAME_WHITEOUT, which makes a device, needs the capability "system"."""
    return _rename(process, olddirfd, oldpath, newdirfd, newpath, flags)


def _rename(
    process: Process, old_start: OpenFile | None, oldpath: bytes, new_start: OpenFile | None, newpath: bytes, flags: int
) -> int:
    exchange = flags & abi.RENAME_EXCHANGE
    if flags & ~_RENAME_KNOWN or (exchange and flags & ~abi.RENAME_EXCHANGE):
        raise OSError(EINVAL, "renameat2: flags")
    if flags & abi.RENAME_WHITEOUT:
        require(process, Capability.SYSTEM, "renameat2(RENAME_WHITEOUT)")
    operations.rename(process, old_start, oldpath, new_start, newpath, flags)
    return 0


# -- new files --------------------------------------------------------------------------------------------------------


@syscall("creat", restart=Restart.ALWAYS)
def creat(process: Process, pathname: Path, mode: Unsigned) -> int:
    """Linux: creat(2)."""
    fd: int = fs.open(process, pathname, abi.O_CREAT | abi.O_WRONLY | abi.O_TRUNC, mode)
    return fd


@syscall("mknod")
def mknod(process: Process, pathname: Path, mode: Unsigned, dev: Long) -> int:
    """Linux: mknod(2).  In a sandbox devices need the capability "system"."""
    if S_ISCHR(mode) or S_ISBLK(mode):
        require(process, Capability.SYSTEM, "mknod of a device")
    operations.mknod(process, process.paths.cwd, pathname, mode & (S_IFMT(mode) | 0o7777), dev & 0xFFFF_FFFF)
    return 0


# -- root -------------------------------------------------------------------------------------------------------------


@syscall(
    "chroot",
    capability=Capability.SYSTEM,
    support=partial("with everything allowed only; EPERM where directories are granted one by one"),
)
def chroot(process: Process, path: Path) -> int:
    """Linux: chroot(2).  It is the host process's root that changes."""
    if not process.policy.everything:
        raise OSError(EPERM, "chroot among granted directories")
    require_own_host(process, "chroot")
    root = process.paths.open(process.paths.cwd, path, abi.O_PATH | abi.O_DIRECTORY, 0)
    process.kernel.access(root.host, b"", abi.X_OK, abi.AT_EACCESS)
    import_everything()
    with inside(root.host):  # where there is no /proc, as after another chroot, no path leads to a descriptor
        os.chroot(".")
    return 0
