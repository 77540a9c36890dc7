"""<sys/statfs.h>: struct statfs, 120 bytes, the same on every 64-bit Linux."""

from __future__ import annotations

import os
from struct import Struct
from typing import Final, NamedTuple

STATFS: Final = Struct("<qq5Q8sqqq32x")
"""f_type bsize; blocks bfree bavail files ffree; fsid; namelen frsize flags."""

SIZE: Final = STATFS.size

ST_RDONLY: Final = 0x01
ST_VALID: Final = 0x20
TMPFS_MAGIC: Final = 0x0102_1994

_PAGE: Final = 4096
_NAME_MAX: Final = 255


class FileSystem(NamedTuple):
    """What statfs tells of a file system, in the order of `STATFS`; sizes in units of `block` bytes."""

    kind: int
    block: int
    blocks: int
    free: int
    available: int
    files: int
    free_files: int
    id: bytes
    name_max: int
    fragment: int
    flags: int


def file_system(found: os.statvfs_result) -> FileSystem:
    """Return what POSIX tells of a file system; its kind and id are 0."""
    counts = (found.f_blocks, found.f_bfree, found.f_bavail, found.f_files, found.f_ffree)
    return FileSystem(0, found.f_bsize, *counts, bytes(8), found.f_namemax, found.f_frsize, found.f_flag | ST_VALID)


VIRTUAL: Final = FileSystem(TMPFS_MAGIC, _PAGE, 0, 0, 0, 0, 0, bytes(8), _NAME_MAX, _PAGE, ST_RDONLY | ST_VALID)
"""That of directories that exist for the guest alone: an empty, read-only tmpfs."""
