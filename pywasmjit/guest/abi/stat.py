"""<sys/stat.h>: struct stat, 144 bytes for a guest, and the mode bits that the engine itself looks at."""

from __future__ import annotations

import os
from struct import Struct
from typing import Final

STAT: Final = Struct("<QQQIIIIQqqqqqqqqq24x")
"""st_dev ino nlink; mode uid gid pad; rdev size blksize blocks; atim mtim ctim as (seconds, nanoseconds)."""

SIZE: Final = STAT.size

S_IFMT: Final = 0o170000
S_IFDIR: Final = 0o040000
S_IFREG: Final = 0o100000
S_IFLNK: Final = 0o120000

_GIGA: Final = 1_000_000_000


def pack_stat(found: os.stat_result) -> bytes:
    """Return a host's stat as the guest's bytes; what the host does not tell is 0."""
    times = (part for ns in (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns) for part in divmod(ns, _GIGA))
    return STAT.pack(
        found.st_dev & 0xFFFF_FFFF_FFFF_FFFF,
        found.st_ino,
        found.st_nlink,
        found.st_mode,
        found.st_uid,
        found.st_gid,
        0,
        getattr(found, "st_rdev", 0) & 0xFFFF_FFFF_FFFF_FFFF,
        found.st_size,
        getattr(found, "st_blksize", 4096),
        getattr(found, "st_blocks", -(-found.st_size // 512)),
        *times,
    )
