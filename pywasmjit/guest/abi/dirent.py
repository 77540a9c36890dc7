"""<dirent.h>: the records of getdents64."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final, TypeAlias

HEADER: Final = Struct("<QqHB")
"""d_ino, d_off, d_reclen, d_type; the name and its NUL follow, the record is padded to 8 bytes."""

DT_UNKNOWN: Final = 0
DT_DIR: Final = 4
DT_REG: Final = 8
DT_LNK: Final = 10


Entry: TypeAlias = tuple[int, int, int, bytes]
"""One entry of a directory: its inode, where reading goes on after it (opaque), its kind (DT_...), its name."""


def dirent_size(name: bytes) -> int:
    """Return the bytes of the record of an entry called `name`."""
    return -(-(HEADER.size + len(name) + 1) // 8) * 8


def pack_dirents(entries: Iterable[Entry]) -> bytes:
    """Return the records of entries."""
    records = []
    for inode, next_offset, kind, name in entries:
        size = dirent_size(name)
        records.append((HEADER.pack(inode, next_offset, size, kind) + name).ljust(size, b"\0"))
    return b"".join(records)


def unpack_dirents(records: bytes) -> Iterator[Entry]:
    """Yield the entries of records."""
    at = 0
    while at < len(records):
        inode, next_offset, size, kind = HEADER.unpack_from(records, at)
        yield inode, next_offset, kind, records[at + HEADER.size : records.index(0, at + HEADER.size)]
        at += size
