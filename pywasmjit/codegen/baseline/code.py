"""The stack code of one function while it is written.

Emitters append, and change what is there by the few edits below, each of which says what it is for: nobody else touches
the list.  An edit before the end moves what lies behind, so whoever asks for it must know that no depth was recorded
and no label placed there (`Context.movable`).
"""

from __future__ import annotations

from typing import Any

from pywasmjit.codegen.target import operations as t


class Code:
    """A list of items, and the line that new ones get."""

    __slots__ = ("items", "line")

    def __init__(self) -> None:
        self.items: list[t.Item] = []
        self.line = 1

    def __len__(self) -> int:
        return len(self.items)

    def emit(self, operation: str, argument: Any = None) -> None:
        """Append an item."""
        self.items.append((operation, argument, self.line))

    # What the end looks like, and changes of it.

    def ends_with(self, operation: str) -> bool:
        """Return whether the last item is such an operation."""
        return self.items[-1][0] is operation

    def ends_with_load(self, slot: int) -> bool:
        """Return whether the last item pushes this fast local."""
        return self.items[-1][:2] == (t.LOAD_FAST, slot)

    def drop_last(self, count: int = 1) -> None:
        """Take the last items back: constants or loads whose values are not wanted on the stack."""
        del self.items[-count:]

    def replace_last(self, operation: str, argument: Any) -> None:
        """Have the last item push something else."""
        self.items[-1] = operation, argument, self.line

    def invert_last(self) -> None:
        """Turn the comparison of integers that the last item is into its inverse, at the line where it is."""
        _, operator, line = self.items[-1]
        self.items[-1] = t.COMPARE, t.INVERSE[operator], line

    # Changes before the end.

    def insert_before(self, place: int, *items: tuple[str, Any]) -> int:
        """Insert items before `place`; return how many."""
        self.items[place:place] = [(operation, argument, self.line) for operation, argument in items]
        return len(items)

    def take_tail(self, start: int) -> list[t.Item]:
        """Cut off the items from `start` on, to be put back behind others."""
        tail = self.items[start:]
        del self.items[start:]
        return tail

    def put_back(self, tail: list[t.Item]) -> None:
        """Append what was cut off."""
        self.items += tail

    def exchange(self, first: int, second: int) -> int:
        """Move the items from `first` to `second` behind all others; return where they begin now."""
        tail = self.items[second:]
        moved = self.items[first:second]
        self.items[first:] = tail
        place = len(self.items)
        self.items += moved
        return place

    def calls_since(self, start: int) -> bool:
        """Return whether any item from `start` on is a call."""
        return any(item[0] is t.CALL for item in self.items[start:])
