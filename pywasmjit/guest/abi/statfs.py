"""<sys/statfs.h>: struct statfs, 120 bytes, the same on every 64-bit Linux."""

from __future__ import annotations

import os
from struct import Struct
from typing import Final

STATFS: Final = Struct("<qq5Q8sqqq32x")
"""f_type bsize; blocks bfree bavail files ffree; fsid; namelen frsize flags."""

SIZE: Final = STATFS.size
FLAGS_AT: Final = 80
"""Offset of f_flags, 8 bytes."""

ST_RDONLY: Final = 0x01
ST_VALID: Final = 0x20
TMPFS_MAGIC: Final = 0x0102_1994

_PAGE: Final = 4096
_NAME_MAX: Final = 255


def pack_statvfs(found: os.statvfs_result) -> bytes:
    """Return what POSIX tells of a file system as the guest's bytes; f_type and f_fsid are 0."""
    counts = (found.f_blocks, found.f_bfree, found.f_bavail, found.f_files, found.f_ffree)
    flags = found.f_flag | ST_VALID
    return STATFS.pack(0, found.f_bsize, *counts, bytes(8), found.f_namemax, found.f_frsize, flags)


def pack_virtual() -> bytes:
    """Return the statfs of directories that exist for the guest alone: an empty, read-only tmpfs."""
    return STATFS.pack(TMPFS_MAGIC, _PAGE, 0, 0, 0, 0, 0, bytes(8), _NAME_MAX, _PAGE, ST_RDONLY | ST_VALID)
