"""<fcntl.h>: flags of open, commands of fcntl, AT_ constants; and flags between guest and host, by name.

All but the flags of open are the same on every 64-bit Linux."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

O_ACCMODE: Final = 0o3
O_RDONLY: Final = 0o0
O_WRONLY: Final = 0o1
O_RDWR: Final = 0o2
O_CREAT: Final = 0o100
O_EXCL: Final = 0o200
O_NOCTTY: Final = 0o400
O_TRUNC: Final = 0o1000
O_APPEND: Final = 0o2000
O_NONBLOCK: Final = 0o4000
O_DSYNC: Final = 0o10000
O_ASYNC: Final = 0o20000
O_DIRECT: Final = 0o40000
O_LARGEFILE: Final = 0o100000
O_DIRECTORY: Final = 0o200000
O_NOFOLLOW: Final = 0o400000
O_NOATIME: Final = 0o1000000
O_CLOEXEC: Final = 0o2000000
O_SYNC: Final = 0o4010000
O_PATH: Final = 0o10000000
O_TMPFILE: Final = 0o20200000

OPEN_FLAGS: Final[dict[str, int]] = {
    "O_TMPFILE": O_TMPFILE,
    "O_SYNC": O_SYNC,
    "O_WRONLY": O_WRONLY,
    "O_RDWR": O_RDWR,
    "O_CREAT": O_CREAT,
    "O_EXCL": O_EXCL,
    "O_NOCTTY": O_NOCTTY,
    "O_TRUNC": O_TRUNC,
    "O_APPEND": O_APPEND,
    "O_NONBLOCK": O_NONBLOCK,
    "O_DSYNC": O_DSYNC,
    "O_ASYNC": O_ASYNC,
    "O_DIRECT": O_DIRECT,
    "O_LARGEFILE": O_LARGEFILE,
    "O_DIRECTORY": O_DIRECTORY,
    "O_NOFOLLOW": O_NOFOLLOW,
    "O_NOATIME": O_NOATIME,
    "O_CLOEXEC": O_CLOEXEC,
    "O_PATH": O_PATH,
}
"""Flags of open by name, those of several bits first."""

AT_FDCWD: Final = -100
AT_SYMLINK_NOFOLLOW: Final = 0x100
AT_REMOVEDIR: Final = 0x200
AT_SYMLINK_FOLLOW: Final = 0x400
AT_NO_AUTOMOUNT: Final = 0x800
AT_EMPTY_PATH: Final = 0x1000
AT_EACCESS: Final = 0x200
"""The same bit as AT_REMOVEDIR, for another call."""

AT_FLAGS: Final[dict[str, int]] = {
    "AT_SYMLINK_NOFOLLOW": AT_SYMLINK_NOFOLLOW,
    "AT_REMOVEDIR": AT_REMOVEDIR,
    "AT_SYMLINK_FOLLOW": AT_SYMLINK_FOLLOW,
    "AT_NO_AUTOMOUNT": AT_NO_AUTOMOUNT,
    "AT_EMPTY_PATH": AT_EMPTY_PATH,
}

NO_MAGICLINKS: Final = 0x02
NO_SYMLINKS: Final = 0x04
BENEATH: Final = 0x08
"""RESOLVE_ flags of openat2, the same on every Linux."""

F_OK: Final = 0
X_OK: Final = 1
W_OK: Final = 2
R_OK: Final = 4

ACCESS_FLAGS: Final[dict[str, int]] = {"R_OK": R_OK, "W_OK": W_OK, "X_OK": X_OK}

F_DUPFD: Final = 0
F_GETFD: Final = 1
F_SETFD: Final = 2
F_GETFL: Final = 3
F_SETFL: Final = 4
F_GETLK: Final = 5
F_SETLK: Final = 6
F_SETLKW: Final = 7
F_SETOWN: Final = 8
F_GETOWN: Final = 9
F_SETSIG: Final = 10
F_GETSIG: Final = 11
F_SETOWN_EX: Final = 15
F_GETOWN_EX: Final = 16
F_OFD_GETLK: Final = 36
F_OFD_SETLK: Final = 37
F_OFD_SETLKW: Final = 38
F_SETLEASE: Final = 1024
F_GETLEASE: Final = 1025
F_NOTIFY: Final = 1026
F_DUPFD_CLOEXEC: Final = 1030
F_SETPIPE_SZ: Final = 1031
F_GETPIPE_SZ: Final = 1032
F_ADD_SEALS: Final = 1033
F_GET_SEALS: Final = 1034
F_GET_RW_HINT: Final = 1035
F_SET_RW_HINT: Final = 1036
F_GET_FILE_RW_HINT: Final = 1037
F_SET_FILE_RW_HINT: Final = 1038

FCNTL_COMMANDS: Final[dict[str, int]] = {
    "F_DUPFD": F_DUPFD,
    "F_GETFD": F_GETFD,
    "F_SETFD": F_SETFD,
    "F_GETFL": F_GETFL,
    "F_SETFL": F_SETFL,
    "F_GETLK": F_GETLK,
    "F_SETLK": F_SETLK,
    "F_SETLKW": F_SETLKW,
    "F_SETOWN": F_SETOWN,
    "F_GETOWN": F_GETOWN,
    "F_SETSIG": F_SETSIG,
    "F_GETSIG": F_GETSIG,
    "F_SETOWN_EX": F_SETOWN_EX,
    "F_GETOWN_EX": F_GETOWN_EX,
    "F_OFD_GETLK": F_OFD_GETLK,
    "F_OFD_SETLK": F_OFD_SETLK,
    "F_OFD_SETLKW": F_OFD_SETLKW,
    "F_SETLEASE": F_SETLEASE,
    "F_GETLEASE": F_GETLEASE,
    "F_NOTIFY": F_NOTIFY,
    "F_DUPFD_CLOEXEC": F_DUPFD_CLOEXEC,
    "F_SETPIPE_SZ": F_SETPIPE_SZ,
    "F_GETPIPE_SZ": F_GETPIPE_SZ,
    "F_ADD_SEALS": F_ADD_SEALS,
    "F_GET_SEALS": F_GET_SEALS,
    "F_GET_RW_HINT": F_GET_RW_HINT,
    "F_SET_RW_HINT": F_SET_RW_HINT,
    "F_GET_FILE_RW_HINT": F_GET_FILE_RW_HINT,
    "F_SET_FILE_RW_HINT": F_SET_FILE_RW_HINT,
}

FD_CLOEXEC: Final = 1

FLOCK_SIZE: Final = 32
"""struct flock: l_type i16, l_whence i16 at 2, l_start i64 at 8, l_len i64 at 16, l_pid i32 at 24."""
OWNER_EX_SIZE: Final = 8
HINT_SIZE: Final = 8

LOCK_NB: Final = 4
FLOCK_OPERATIONS: Final[dict[str, int]] = {"LOCK_SH": 1, "LOCK_EX": 2, "LOCK_NB": 4, "LOCK_UN": 8}

RENAME_NOREPLACE: Final = 1
RENAME_EXCHANGE: Final = 2
RENAME_WHITEOUT: Final = 4
RENAME_FLAGS: Final[dict[str, int]] = {"RENAME_NOREPLACE": 1, "RENAME_EXCHANGE": 2, "RENAME_WHITEOUT": 4}

FALLOC_FLAGS: Final[dict[str, int]] = {
    "FALLOC_FL_KEEP_SIZE": 0x01,
    "FALLOC_FL_PUNCH_HOLE": 0x02,
    "FALLOC_FL_COLLAPSE_RANGE": 0x08,
    "FALLOC_FL_ZERO_RANGE": 0x10,
    "FALLOC_FL_INSERT_RANGE": 0x20,
    "FALLOC_FL_UNSHARE_RANGE": 0x40,
}
FADVICE: Final[dict[str, int]] = {
    "POSIX_FADV_NORMAL": 0,
    "POSIX_FADV_RANDOM": 1,
    "POSIX_FADV_SEQUENTIAL": 2,
    "POSIX_FADV_WILLNEED": 3,
    "POSIX_FADV_DONTNEED": 4,
    "POSIX_FADV_NOREUSE": 5,
}

_BITS: Final = dict(OPEN_FLAGS, __O_TMPFILE=O_TMPFILE & ~O_DIRECTORY, __O_SYNC=O_SYNC & ~O_DSYNC)
"""Flags of open by name, and the bits that only belong to one of several: a program may set one of them alone."""
_KNOWN: Final = O_ACCMODE | O_SYNC | O_TMPFILE | sum(flag for flag in _BITS.values() if flag.bit_count() == 1)


class OpenFlags:
    """The flags of open on one host, and what becomes of a guest's there.

    to_host: returns the host's value of a guest's flags; what the host does not have is left out, as the kernel
    ignores bits that it does not know.  to_guest: returns the guest's value of the host's flags, as F_GETFL tells them.
    Access modes are the same numbers everywhere.
    """

    to_host: Callable[[int], int]
    to_guest: Callable[[int], int]

    def __init__(self, values: Mapping[str, int]) -> None:
        """Take the host's flags by name; one that is 0 or has no name is not known there."""
        values = dict(values)
        for single, whole, other in (("__O_TMPFILE", "O_TMPFILE", "O_DIRECTORY"), ("__O_SYNC", "O_SYNC", "O_DSYNC")):
            values[single] = values.get(whole, 0) & ~values.get(other, 0)
        modes = (O_WRONLY, O_RDWR)
        self._pairs = tuple((bits, values.get(name, 0)) for name, bits in _BITS.items() if bits not in modes)
        same = all(guest == host for guest, host in self._pairs)
        self.to_host = _known if same else self._convert_to_host
        self.to_guest = int if same else self._convert_to_guest

    def _convert_to_host(self, flags: int) -> int:
        result = flags & O_ACCMODE
        for guest, host in self._pairs:
            if flags & guest == guest:
                flags &= ~guest
                result |= host
        return result

    def _convert_to_guest(self, flags: int) -> int:
        result = flags & O_ACCMODE
        for guest, host in self._pairs:
            if host and flags & host == host:
                flags &= ~host
                result |= guest
        return result


def _known(flags: int) -> int:
    return flags & _KNOWN
