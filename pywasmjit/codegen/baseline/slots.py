"""Where the locals of a function live, its own and the compiler's."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from typing import Any, Final

from pywasmjit.wasm.module import ModuleSyntax
from pywasmjit.wasm.types import FuncType, ValType

FAST_LOCALS: Final = 1000
"""Locals beyond this many live in a list: a frame costs 8 bytes a slot at every call."""

ZERO: Final[dict[ValType, Any]] = {"i32": 0, "i64": 0, "f32": 0.0, "f64": 0.0}
"""What locals hold at first; references, None."""


class Slots:
    """The fast locals, and the list of those that are none.

    names: of the fast locals.  types: of those that are the function's own.  spilled: runs of the others.
    spill_slot: the fast local that holds their list, -1 if there are none.
    """

    def __init__(
        self,
        module: ModuleSyntax,
        index: int,
        runs: Sequence[tuple[int, ValType]],
        taken: Collection[str],
    ) -> None:
        """runs: locals of the function's body.  taken: names that debuggers would take for the same variable."""
        type: FuncType = module.function_type(index)
        self.types: list[ValType] = list(type.params)
        self.spilled: list[tuple[int, ValType]] = []
        self._ends: list[int] = []
        spilled = 0
        for count, content in runs:
            room = max(0, min(count, FAST_LOCALS - len(self.types)))
            self.types.extend([content] * room)
            if count > room:
                spilled += count - room
                self.spilled.append((count - room, content))
                self._ends.append(spilled)
        self.names = _names(module, index, len(self.types), taken)
        self.spill_slot = self.new("spilled") if self.spilled else -1
        self._scratch: list[int] = []
        self.scratch_used = 0

    @property
    def total(self) -> int:
        """How many locals there are, spilled ones and the compiler's own included."""
        return len(self.names) + (self._ends[-1] if self._ends else 0)

    def new(self, name: str) -> int:
        """Return a new fast local of the compiler's own."""
        while name in self.names:
            name += "'"
        self.names.append(name)
        return len(self.names) - 1

    def scratch(self) -> int:
        """Return a fast local that is free until the instruction in hand (and the branch that consumes it) is done."""
        if self.scratch_used == len(self._scratch):
            self._scratch.append(self.new(f"scratch{self.scratch_used}"))
        self.scratch_used += 1
        return self._scratch[self.scratch_used - 1]

    def spill_index(self, local: int) -> int | None:
        """Return the place of a local in the list of those that have no fast slot, None if it has one."""
        place = local - len(self.types)
        return place if place >= 0 else None

    def spilled_type(self, place: int) -> ValType:
        """Return the type of a local in that list."""
        return self.spilled[bisect_right(self._ends, place)][1]


def _names(module: ModuleSyntax, index: int, count: int, taken: Collection[str]) -> list[str]:
    names: list[str] = []
    used = set(taken)  # debuggers copy locals and cells to and fro by name
    for i in range(count):
        name = module.local_name(index, i) or f"local{i}"
        while name in used:
            name = f"{name}.{i}"
        used.add(name)
        names.append(name)
    return names
