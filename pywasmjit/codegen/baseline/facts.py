"""What is known of fast locals where code is being emitted.

`known` maps a local to bounds narrower than its type's.  A label keeps what every branch to it agrees on, and a loop
starts with what its body never assigns.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline.operands import MASKS, Value
from pywasmjit.codegen.bounds import Bounds

FACTS_PER_INSTRUCTION: Final = 16
"""Facts that labels may copy and compare, on average; a function that wants more goes without."""

Known: TypeAlias = dict[int, Bounds]


class Facts:
    """Facts at the current point.

    wild: locals that were assigned a number that is probably large.  versions: how often each was assigned.
    """

    def __init__(self, instructions: int) -> None:
        self.known: Known = {}
        self.wild: set[int] = set()
        self.versions: dict[int, int] = {}
        self._left = 1000 + FACTS_PER_INSTRUCTION * instructions

    def is_current(self, value: Value) -> bool:
        """Return whether a fast local still holds the value."""
        return value.slot >= 0 and value.version == self.versions.get(value.slot, 0)

    def assign(self, slot: int, value: Value) -> None:
        """Learn that a local holds a normal value from now on."""
        self.versions[slot] = self.versions.get(slot, 0) + 1
        mask = MASKS.get(value.type)
        if mask is not None:
            if value.low > 0 or value.high < mask:
                self.known[slot] = value.bounds
            else:
                self.known.pop(slot, None)
            if value.wild:
                self.wild.add(slot)

    def narrow(self, slot: int, learnt: Bounds) -> None:
        """Learn bounds of a local; such as contradict what is known are those of code that is never reached."""
        known = self.known.get(slot)
        both = learnt if known is None else bounds.meet(known, learnt)
        if both is not None:
            self.known[slot] = both

    def copy(self) -> Known:
        """Return a copy for a label to keep, an empty one if too many were copied already."""
        self._left -= len(self.known)
        if self._left < 0:
            self.known = {}
        return dict(self.known)

    def join(self, there: Known) -> Known:
        """Return what holds here and there."""
        self._left -= len(there)
        kept: Known = {}
        for slot, other in there.items():
            here = self.known.get(slot)
            if here is not None:
                kept[slot] = bounds.hull(other, here)
        return kept

    def forget(self, slots: int) -> None:
        """Forget some locals, a bit set: those that a loop assigns, where it starts."""
        for slot in self.copy():
            if slots >> slot & 1:
                del self.known[slot]
