"""The host's descriptors: what one stands for, how many there may be, and which are the engine's.

The last numbers below the host's limit are the engine's (`reserved`): guests get none of them.
"""

from __future__ import annotations

import os
from errno import EBADF, ENOTSOCK
from stat import S_ISSOCK
from typing import Final

_MOST: Final = 1 << 20
RESERVED: Final = 64
"""Descriptors that are kept for the engine, where the host allows many."""


def require_access(host: int) -> int:
    """Return the flags of a host's descriptor.  Raises EBADF for one that stands for a path only (O_PATH)."""
    import fcntl

    flags = fcntl.fcntl(host, fcntl.F_GETFL)
    if flags & getattr(os, "O_PATH", 0):
        raise OSError(EBADF, "opened for its path only")
    return flags


def require_socket(host: int) -> None:
    """Raise ENOTSOCK for a host's descriptor that is no socket, EBADF if it stands for a path only."""
    if not S_ISSOCK(os.fstat(host).st_mode):
        require_access(host)
        raise OSError(ENOTSOCK, "no socket")


def name_of_descriptor(fd: int) -> str:
    """Return the path of an open directory as the host knows it now, without links."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:  # no /proc, or no Linux
        before = os.open(".", os.O_RDONLY)
        try:
            os.fchdir(fd)
            return os.getcwd()
        finally:
            os.fchdir(before)
            os.close(before)


def descriptor_limit() -> int:
    """Return how many descriptors the process may have, at most 2**20."""
    try:
        import resource
    except ImportError:
        return 1024
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if soft == resource.RLIM_INFINITY else min(soft, _MOST)


def reserved(limit: int) -> int:
    """Return how many of the host's numbers are kept for the engine."""
    return min(RESERVED, limit // 4)


def move_high(descriptor: int) -> int:
    """Move an engine's own descriptor near the top of the allowed numbers, close-on-exec; return the new one."""
    import fcntl

    try:
        limit = descriptor_limit()
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, max(3, limit - reserved(limit)))
    except (OSError, AttributeError):
        return descriptor
    os.close(descriptor)
    return high
