"""<time.h>, <sys/time.h>: timespec and timeval are two 8-byte numbers; clock ids."""

from __future__ import annotations

from struct import Struct
from typing import Final

TIMESPEC: Final = Struct("<qq")
"""tv_sec, tv_nsec."""
TIMEVAL: Final = Struct("<qq")
"""tv_sec, tv_usec."""
ITIMERSPEC: Final = Struct("<4q")
"""it_interval, it_value, each as tv_sec, tv_nsec."""
TIMEZONE: Final = Struct("<ii")
"""tz_minuteswest, tz_dsttime."""

GIGA: Final = 1_000_000_000

UTIME_NOW: Final = 0x3FFF_FFFF
UTIME_OMIT: Final = 0x3FFF_FFFE
"""Nanoseconds that mean "now" and "leave it" to utimensat."""

CLOCKS: Final[dict[str, int]] = {
    "CLOCK_REALTIME": 0,
    "CLOCK_MONOTONIC": 1,
    "CLOCK_PROCESS_CPUTIME_ID": 2,
    "CLOCK_THREAD_CPUTIME_ID": 3,
    "CLOCK_MONOTONIC_RAW": 4,
    "CLOCK_REALTIME_COARSE": 5,
    "CLOCK_MONOTONIC_COARSE": 6,
    "CLOCK_BOOTTIME": 7,
    "CLOCK_REALTIME_ALARM": 8,
    "CLOCK_BOOTTIME_ALARM": 9,
    "CLOCK_TAI": 11,
}
