"""<linux/stat.h>: struct statx, 256 bytes, the same on every Linux; masks and flags of the call."""

from __future__ import annotations

import os
from struct import Struct
from typing import Final

STATX: Final = Struct("<IIQIIIH2xQQQQ" + 4 * "qIi" + "IIIIQIIQIII76x")
"""mask blksize attributes nlink uid gid mode; ino size blocks attributes_mask; atime btime ctime mtime as (seconds,
nanoseconds, 0); rdev and dev as (major, minor); mnt_id, then what is newer."""

SIZE: Final = STATX.size

STATX_BASIC_STATS: Final = 0x7FF
STATX_RESERVED: Final = 0x8000_0000
STATX_MASK: Final[dict[str, int]] = {
    "STATX_TYPE": 0x001,
    "STATX_MODE": 0x002,
    "STATX_NLINK": 0x004,
    "STATX_UID": 0x008,
    "STATX_GID": 0x010,
    "STATX_ATIME": 0x020,
    "STATX_MTIME": 0x040,
    "STATX_CTIME": 0x080,
    "STATX_INO": 0x100,
    "STATX_SIZE": 0x200,
    "STATX_BLOCKS": 0x400,
    "STATX_BTIME": 0x800,
    "STATX_MNT_ID": 0x1000,
}

AT_STATX_FORCE_SYNC: Final = 0x2000
AT_STATX_DONT_SYNC: Final = 0x4000
AT_STATX_SYNC_TYPE: Final = 0x6000

_GIGA: Final = 1_000_000_000
_REST: Final = (0,) * 7


def statx_fields(found: os.stat_result) -> tuple[int, ...]:
    """Return the fields of `STATX` that a stat knows, the basic ones; the rest is 0."""
    atime, mtime, ctime = (divmod(ns, _GIGA) for ns in (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns))
    block = getattr(found, "st_blksize", 4096)
    head = (STATX_BASIC_STATS, block, 0, found.st_nlink, found.st_uid, found.st_gid, found.st_mode, found.st_ino)
    blocks = getattr(found, "st_blocks", -(-found.st_size // 512))
    times = (*atime, 0, 0, 0, 0, *ctime, 0, *mtime, 0)
    special = getattr(found, "st_rdev", 0)
    devices = (os.major(special), os.minor(special), os.major(found.st_dev), os.minor(found.st_dev))
    return (*head, found.st_size, blocks, 0, *times, *devices, *_REST)
