"""<poll.h>: struct pollfd, 8 bytes, and the events, whose values are the same on every Linux."""

from __future__ import annotations

from struct import Struct
from typing import Final

POLLFD: Final = Struct("<ihH")
"""fd, events, revents."""
REVENTS: Final = Struct("<H")
REVENTS_OFFSET: Final = 6

POLLIN: Final = 0x01
POLLPRI: Final = 0x02
POLLOUT: Final = 0x04
POLLERR: Final = 0x08
POLLHUP: Final = 0x10
POLLNVAL: Final = 0x20
