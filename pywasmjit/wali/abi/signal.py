"""<signal.h>: numbers, and the 24-byte sigaction that libc passes."""

from __future__ import annotations

from struct import Struct
from typing import Final

SIGACTION: Final = Struct("<IQIQ")
"""handler (table index, 0 default, 0xFFFFFFFE ignore), flags, restorer, mask: packed, 24 bytes."""

SIGSET: Final = Struct("<Q")
SIGSET_SIZE: Final = 8

SIGKILL: Final = 9
SIGSTOP: Final = 19
NSIG: Final = 64

SIG_BLOCK: Final = 0
SIG_UNBLOCK: Final = 1
SIG_SETMASK: Final = 2

UNBLOCKABLE: Final = 1 << SIGKILL - 1 | 1 << SIGSTOP - 1
