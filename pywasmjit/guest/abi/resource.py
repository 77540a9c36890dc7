"""<sys/resource.h>, <sys/times.h>, <sys/sysinfo.h>: limits by number, and the structures of usage."""

from __future__ import annotations

from struct import Struct
from typing import Final

RLIMIT: Final = Struct("<QQ")
"""rlim_cur, rlim_max."""
RLIM_INFINITY: Final = (1 << 64) - 1

RLIMITS: Final[dict[str, int]] = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}
RLIMIT_NAMES: Final[dict[int, str]] = {number: name for name, number in RLIMITS.items()}

RLIMIT_DATA: Final = 2
RLIMIT_STACK: Final = 3
RLIMIT_NOFILE: Final = 7
RLIMIT_AS: Final = 9

RUSAGE: Final = Struct("<qqqq14q")
"""ru_utime, ru_stime as (seconds, microseconds); maxrss and 13 more counts: the 144 bytes that the kernel writes."""
RUSAGE_WHO: Final[dict[str, int]] = {"RUSAGE_CHILDREN": -1, "RUSAGE_SELF": 0, "RUSAGE_THREAD": 1}

TMS: Final = Struct("<4q")
"""tms_utime stime cutime cstime, in ticks of 10 ms."""
TICKS_PER_SECOND: Final = 100

SYSINFO: Final = Struct("<q3Q6QH6xQQI4x")
"""uptime; loads; totalram freeram sharedram bufferram totalswap freeswap; procs; totalhigh freehigh; mem_unit."""
LOAD_SHIFT: Final = 16
"""Loads are fixed-point numbers with this many bits after the point."""
