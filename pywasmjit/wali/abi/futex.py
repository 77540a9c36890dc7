"""<linux/futex.h>."""

from __future__ import annotations

from typing import Final

FUTEX_WAIT: Final = 0
FUTEX_WAKE: Final = 1
FUTEX_PRIVATE: Final = 128
FUTEX_CLOCK_REALTIME: Final = 256
