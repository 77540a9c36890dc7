"""<sched.h>."""

from __future__ import annotations

from struct import Struct
from typing import Final

SCHED_PARAM: Final = Struct("<i")
"""sched_priority: what the kernel reads of libc's 48 bytes."""

POLICIES: Final[dict[str, int]] = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
SCHED_RESET_ON_FORK: Final = 0x4000_0000
