"""<sys/mman.h>."""

from __future__ import annotations

from typing import Final

PAGE: Final = 4096

PROT_READ: Final = 1
PROT_WRITE: Final = 2
PROT_EXEC: Final = 4
PROT_SEM: Final = 8
"""Of no effect, and so without a name in `PROT_FLAGS`."""

PROT_FLAGS: Final[dict[str, int]] = {"PROT_READ": 1, "PROT_WRITE": 2, "PROT_EXEC": 4}

MAP_SHARED: Final = 0x01
MAP_PRIVATE: Final = 0x02
MAP_SHARED_VALIDATE: Final = 0x03
MAP_TYPE: Final = 0x0F
MAP_FIXED: Final = 0x10
MAP_ANONYMOUS: Final = 0x20
MAP_FIXED_NOREPLACE: Final = 0x100000

MAP_FLAGS: Final[dict[str, int]] = {
    "MAP_SHARED_VALIDATE": 0x03,
    "MAP_SHARED": 0x01,
    "MAP_PRIVATE": 0x02,
    "MAP_FIXED": 0x10,
    "MAP_ANONYMOUS": 0x20,
    "MAP_GROWSDOWN": 0x100,
    "MAP_LOCKED": 0x2000,
    "MAP_NORESERVE": 0x4000,
    "MAP_POPULATE": 0x8000,
    "MAP_STACK": 0x20000,
    "MAP_FIXED_NOREPLACE": 0x100000,
}

MREMAP_MAYMOVE: Final = 1
MREMAP_FIXED: Final = 2

MS_ASYNC: Final = 1
MS_INVALIDATE: Final = 2
MS_SYNC: Final = 4

MADV_DONTNEED: Final = 4
MADV_FREE: Final = 8
MADVICE: Final[dict[str, int]] = {
    "MADV_NORMAL": 0,
    "MADV_RANDOM": 1,
    "MADV_SEQUENTIAL": 2,
    "MADV_WILLNEED": 3,
    "MADV_DONTNEED": 4,
    "MADV_FREE": 8,
}
