"""<poll.h>: struct pollfd, 8 bytes, and the events, whose values are the same on every Linux."""

from __future__ import annotations

from struct import Struct
from typing import Final

POLLFD: Final = Struct("<ihH")
"""fd, events, revents."""
POLLNVAL: Final = 0x20
