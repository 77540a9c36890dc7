"""Landlock: names of rights, what each version of the interface knows, layouts of its structures (landlock(7))."""

from __future__ import annotations

from struct import Struct
from typing import Final

# -- rights to files and directories ----------------------------------------------------------------------------------

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
REMOVE_DIR: Final = 1 << 4
REMOVE_FILE: Final = 1 << 5
MAKE_CHAR: Final = 1 << 6
MAKE_DIR: Final = 1 << 7
MAKE_REG: Final = 1 << 8
MAKE_SOCK: Final = 1 << 9
MAKE_FIFO: Final = 1 << 10
MAKE_BLOCK: Final = 1 << 11
MAKE_SYM: Final = 1 << 12
REFER: Final = 1 << 13
TRUNCATE: Final = 1 << 14
IOCTL_DEV: Final = 1 << 15

OF_FILES: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""Rights that a rule for a file, not a directory, may hold."""

# -- rights to ports, and what can be kept within ---------------------------------------------------------------------

BIND_TCP: Final = 1 << 0
CONNECT_TCP: Final = 1 << 1

SCOPE_ABSTRACT_UNIX_SOCKET: Final = 1 << 0
SCOPE_SIGNAL: Final = 1 << 1

# -- versions ---------------------------------------------------------------------------------------------------------

_FS: Final = {1: MAKE_SYM, 2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
"""Version -> the highest right that it has brought."""
NET_SINCE: Final = 4
SCOPES_SINCE: Final = 6


def known_fs(version: int) -> int:
    """Return the rights to files that a version knows, 0 for version 0."""
    return (max((highest for since, highest in _FS.items() if since <= version), default=0) << 1) - 1 if version else 0


def known_net(version: int) -> int:
    """Return the rights to ports that a version knows."""
    return BIND_TCP | CONNECT_TCP if version >= NET_SINCE else 0


def known_scopes(version: int) -> int:
    """Return what a version can keep within."""
    return SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL if version >= SCOPES_SINCE else 0


# -- structures -------------------------------------------------------------------------------------------------------

CREATE_RULESET_VERSION: Final = 1
RULE_PATH_BENEATH: Final = 1
RULE_NET_PORT: Final = 2

RULESET: Final = Struct("=QQQ")
"""handled_access_fs, handled_access_net, scoped; older kernels take what is 0 behind their own end."""
PATH_BENEATH: Final = Struct("=Qi")
"""allowed_access, parent_fd."""
NET_PORT: Final = Struct("=QQ")
"""allowed_access, port."""
