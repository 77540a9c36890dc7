"""<sys/select.h>: sets of descriptors, as bits in 64-bit words; pselect6's pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

SIGMASK_PAIR: Final = Struct("<QQ")
"""What the sixth argument of pselect6 points to: the address of a signal set and its size."""


def set_size(nfds: int) -> int:
    """Return how many bytes of a set the kernel accesses."""
    return (nfds + 63) // 64 * 8


def members(bits: bytes, nfds: int) -> Iterator[int]:
    """Yield the descriptors below `nfds` in a set, in order."""
    left = int.from_bytes(bits, "little") & (1 << nfds) - 1
    while left:
        lowest = left & -left
        yield lowest.bit_length() - 1
        left ^= lowest


def pack_set(descriptors: Iterable[int], nfds: int) -> bytes:
    """Return the set that has these descriptors, all below `nfds`."""
    bits = bytearray(set_size(nfds))
    for each in descriptors:
        bits[each >> 3] |= 1 << (each & 7)
    return bytes(bits)
