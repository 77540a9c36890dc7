"""<dirent.h>: the records of getdents64."""

from __future__ import annotations

from struct import Struct
from typing import Final

HEADER: Final = Struct("<QqHB")
"""d_ino, d_off, d_reclen, d_type; the name and its NUL follow, the record is padded to 8 bytes."""

DT_UNKNOWN: Final = 0
DT_DIR: Final = 4
DT_REG: Final = 8
DT_LNK: Final = 10


def pack_dirent(inode: int, next_offset: int, kind: int, name: bytes) -> bytes:
    """Return one record.  next_offset: opaque to the guest, where reading goes on after this record."""
    length = -(-(HEADER.size + len(name) + 1) // 8) * 8
    return (HEADER.pack(inode, next_offset, length, kind) + name).ljust(length, b"\0")
