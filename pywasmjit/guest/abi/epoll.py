"""<sys/epoll.h>: a guest's epoll_event has 12 bytes, as on x86-64: events u32, data u64.

On all other machines the kernel's has 16: data is at a multiple of its size.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

EPOLL_EVENT: Final = Struct("<IQ")
ALIGNED_EPOLL_EVENT: Final = Struct("<I4xQ")
MAX_EVENTS: Final = 0x7FFF_FFFF // EPOLL_EVENT.size

EPOLL_CTL_ADD: Final = 1
EPOLL_CTL_DEL: Final = 2
EPOLL_CTL_MOD: Final = 3
EPOLL_OPERATIONS: Final[dict[str, int]] = {
    "EPOLL_CTL_ADD": EPOLL_CTL_ADD,
    "EPOLL_CTL_DEL": EPOLL_CTL_DEL,
    "EPOLL_CTL_MOD": EPOLL_CTL_MOD,
}

EPOLL_CLOEXEC: Final = 0o2000000
EPOLL_FLAGS: Final[dict[str, int]] = {"EPOLL_CLOEXEC": EPOLL_CLOEXEC}
