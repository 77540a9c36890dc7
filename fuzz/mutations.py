"""Damaged modules: only whether they are valid is compared."""

from __future__ import annotations

import random
from collections.abc import Iterator

_BYTES = (0, 1, 2, 0x0B, 0x1A, 0x3F, 0x40, 0x41, 0x60, 0x6F, 0x70, 0x7C, 0x7D, 0x7E, 0x7F, 0x80, 0xFC, 0xFE, 0xFF)


def mutants(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Yield `count` copies of a module with a few bytes changed, added, removed or moved."""
    rng = random.Random(f"mutants of {seed}")
    for _ in range(count):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            _damage(damaged, rng)
        yield bytes(damaged)


def _damage(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(8, len(data) + 1) if len(data) > 8 else len(data)
    kind = rng.randrange(6)
    if kind == 0:
        data[at:at] = bytes([rng.choice(_BYTES)])
    elif kind == 1:
        del data[at : at + rng.choice((1, 1, 1, 2, 5))]
    elif kind == 2:
        other = rng.randrange(8, len(data) + 1) if len(data) > 8 else 0
        data[at:at] = data[other : other + rng.randrange(1, 9)]
    elif at < len(data):
        change = (rng.choice(_BYTES), rng.randrange(256), data[at] ^ 1 << rng.randrange(8), data[at] + 1 & 0xFF)
        data[at] = rng.choice(change)
