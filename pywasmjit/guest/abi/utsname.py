"""<sys/utsname.h>: six strings of 65 bytes, each ended by NUL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_FIELD: Final = 65
SIZE: Final = 6 * _FIELD


def pack_utsname(fields: Iterable[str]) -> bytes:
    """Return struct utsname of sysname, nodename, release, version, machine, domainname."""
    parts = [field.encode("utf-8", "replace")[: _FIELD - 1].ljust(_FIELD, b"\0") for field in fields]
    assert len(parts) == 6
    return b"".join(parts)
