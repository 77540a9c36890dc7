"""<sys/uio.h>: a guest's struct iovec, 8 bytes: base u32, length u32."""

from __future__ import annotations

from struct import Struct
from typing import Final

IOVEC: Final = Struct("<II")
IOV_MAX: Final = 1024
MAX_TRANSFER: Final = 0x7FFF_F000
"""Most bytes that one transfer moves, as in the kernel."""
