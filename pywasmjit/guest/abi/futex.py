"""<linux/futex.h>."""

from __future__ import annotations

from typing import Final

FUTEX_WAIT: Final = 0
FUTEX_WAKE: Final = 1
FUTEX_REQUEUE: Final = 3
FUTEX_CMP_REQUEUE: Final = 4
FUTEX_WAKE_OP: Final = 5
FUTEX_LOCK_PI: Final = 6
FUTEX_UNLOCK_PI: Final = 7
FUTEX_TRYLOCK_PI: Final = 8
FUTEX_WAIT_BITSET: Final = 9
FUTEX_WAKE_BITSET: Final = 10
FUTEX_LOCK_PI2: Final = 13
FUTEX_PRIVATE: Final = 128
FUTEX_CLOCK_REALTIME: Final = 256

FUTEX_BITSET_MATCH_ANY: Final = 0xFFFF_FFFF

FUTEX_WAITERS: Final = 0x8000_0000
"""In the word of a lock, beside its owner's number: others want it."""
FUTEX_OWNER_DIED: Final = 0x4000_0000
"""The same: the owner before has ended without letting go."""
FUTEX_TID_MASK: Final = 0x3FFF_FFFF

_OPERATIONS: Final = {
    "FUTEX_WAIT": FUTEX_WAIT,
    "FUTEX_WAKE": FUTEX_WAKE,
    "FUTEX_FD": 2,
    "FUTEX_REQUEUE": FUTEX_REQUEUE,
    "FUTEX_CMP_REQUEUE": FUTEX_CMP_REQUEUE,
    "FUTEX_WAKE_OP": FUTEX_WAKE_OP,
    "FUTEX_LOCK_PI": FUTEX_LOCK_PI,
    "FUTEX_UNLOCK_PI": FUTEX_UNLOCK_PI,
    "FUTEX_TRYLOCK_PI": FUTEX_TRYLOCK_PI,
    "FUTEX_WAIT_BITSET": FUTEX_WAIT_BITSET,
    "FUTEX_WAKE_BITSET": FUTEX_WAKE_BITSET,
    "FUTEX_WAIT_REQUEUE_PI": 11,
    "FUTEX_CMP_REQUEUE_PI": 12,
    "FUTEX_LOCK_PI2": FUTEX_LOCK_PI2,
}
_OPTIONS: Final = {
    "": 0,
    "_PRIVATE": FUTEX_PRIVATE,
    "|FUTEX_CLOCK_REALTIME": FUTEX_CLOCK_REALTIME,
    "_PRIVATE|FUTEX_CLOCK_REALTIME": FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME,
}
OPERATION_NAMES: Final[dict[str, int]] = {
    name + option: number | bits for option, bits in _OPTIONS.items() for name, number in _OPERATIONS.items()
}
"""What `futex_op` can be, in words."""
