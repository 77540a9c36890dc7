"""<sys/eventfd.h>, <sys/timerfd.h>: flags, the same on every Linux that we run on."""

from __future__ import annotations

from typing import Final

EFD_SEMAPHORE: Final = 1
NONBLOCK: Final = 0o4000
CLOEXEC: Final = 0o2000000
"""EFD_, TFD_ and SFD_ flags of these names are those of open."""

EVENTFD_FLAGS: Final[dict[str, int]] = {"EFD_SEMAPHORE": 1, "EFD_NONBLOCK": NONBLOCK, "EFD_CLOEXEC": CLOEXEC}
TIMERFD_FLAGS: Final[dict[str, int]] = {"TFD_NONBLOCK": NONBLOCK, "TFD_CLOEXEC": CLOEXEC}
TIMERFD_SETTIME_FLAGS: Final[dict[str, int]] = {"TFD_TIMER_ABSTIME": 1, "TFD_TIMER_CANCEL_ON_SET": 2}
SIGNALFD_FLAGS: Final[dict[str, int]] = {"SFD_NONBLOCK": NONBLOCK, "SFD_CLOEXEC": CLOEXEC}

ITIMERSPEC_SIZE: Final = 32
ALARM_CLOCKS: Final = frozenset({8, 9})
"""CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM: they wake a sleeping machine."""
