"""Which views of memory compiled code may have."""

from __future__ import annotations

from typing import Final

VIEWS_PER_MEMORY: Final = 256
"""Views to be renewed when a memory grows; further offsets are added to the address instead."""


class ViewBudget:
    """Which (memory, format, offset) have a view of their own, per module and in order of first use."""

    def __init__(self) -> None:
        self._granted: set[tuple[int, str, int]] = set()
        self._used: dict[int, int] = {}

    def grant(self, memory: int, format: str, offset: int) -> bool:
        """Return whether code may use this view; a view once granted stays so."""
        key = memory, format, offset
        if key in self._granted:
            return True
        used = self._used.get(memory, 0)
        if used >= VIEWS_PER_MEMORY and offset:
            return False
        self._granted.add(key)
        self._used[memory] = used + 1
        return True
