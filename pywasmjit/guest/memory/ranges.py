"""Sets of bytes of an address space: what is free in it, what was given out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

_END: Final = 1 << 32
"""The end of every address space."""


class Ranges:
    """A set of bytes as sorted disjoint ranges, neighbours joined."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._ranges)

    def add(self, start: int, end: int) -> None:
        """Add start..end, of which nothing is in the set."""
        at = bisect_right(self._ranges, (start, start))
        if at < len(self._ranges) and self._ranges[at][0] == end:
            end = self._ranges.pop(at)[1]
        if at and self._ranges[at - 1][1] == start:
            at -= 1
            start = self._ranges.pop(at)[0]
        self._ranges.insert(at, (start, end))

    def remove(self, start: int, end: int) -> None:
        """Take out start..end, of which all is in the set."""
        at = bisect_right(self._ranges, (start, _END)) - 1
        first, last = self._ranges.pop(at)
        assert first <= start
        assert end <= last
        rest = [(first, start), (end, last)]
        self._ranges[at:at] = [piece for piece in rest if piece[0] < piece[1]]

    def first_fit(self, size: int) -> int | None:
        """Return the lowest start of `size` bytes in one range."""
        for start, end in self._ranges:
            if end - start >= size:
                return start
        return None

    def covers(self, start: int, end: int) -> bool:
        """Tell whether all of start..end is in the set."""
        at = bisect_right(self._ranges, (start, _END)) - 1
        return at >= 0 and self._ranges[at][0] <= start and end <= self._ranges[at][1]
