"""What the bodies of a module may refer to: its index spaces, while it is being made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from fuzz.generators.choices import Choices, chance
from pywasmjit.wasm.opcodes import IMPLEMENTED, OPS, Op
from pywasmjit.wasm.types import EXTERNREF, FUNCREF, FuncType, GlobalType, MemoryType, RefType, TableType, ValType

ROWS: Final[tuple[Op, ...]] = tuple(op for op in OPS if op.feature in IMPLEMENTED)
"""The instructions that this version of the engine runs, and no others."""

NUMBERS: Final[tuple[ValType, ...]] = ("i32", "i64", "f32", "f64")
VALUE_TYPES: Final[tuple[ValType, ...]] = (*NUMBERS, FUNCREF, EXTERNREF)
_WEIGHTED: Final[tuple[ValType, ...]] = (*("i32",) * 8, *("i64",) * 5, *("f64",) * 4, *("f32",) * 4, FUNCREF, EXTERNREF)


@dataclass
class TablePlan:
    """A table: its type, what its first slots hold when functions run, and whether bodies may write to it."""

    type: TableType
    slots: dict[int, int] = field(default_factory=dict)
    writable: bool = True


@dataclass
class SegmentPlan:
    """A data or element segment; `usable` says that bodies may copy from it, hence that it is passive."""

    size: int
    usable: bool
    type: RefType | None = None


@dataclass
class Shape:
    """The index spaces; imports come first in each.

    refs: functions that `ref.func` names.  used: how often each mnemonic was emitted.
    risk: per cent of places where an operand may be out of bounds.
    """

    choices: Choices
    types: list[FuncType] = field(default_factory=list)
    functions: list[FuncType] = field(default_factory=list)
    imported_functions: int = 0
    tables: list[TablePlan] = field(default_factory=list)
    memories: list[MemoryType] = field(default_factory=list)
    globals: list[GlobalType] = field(default_factory=list)
    datas: list[SegmentPlan] = field(default_factory=list)
    elements: list[SegmentPlan] = field(default_factory=list)
    fuel: int = 0
    risk: int = 0
    refs: set[int] = field(default_factory=set)
    used: Counter[str] = field(default_factory=Counter)

    def type_index(self, type_: FuncType) -> int:
        """Return the index of `type_`, which is added if new."""
        if type_ not in self.types:
            self.types.append(type_)
        return self.types.index(type_)

    def usable_memories(self) -> list[int]:
        """Return the memories that have a first page."""
        return [i for i, memory in enumerate(self.memories) if memory.minimum]

    def risky(self) -> bool:
        """Decide whether this operand may be out of bounds."""
        return self.risk > 0 and chance(self.choices, self.risk)


def random_type(choices: Choices) -> ValType:
    return _WEIGHTED[choices.choose(len(_WEIGHTED))]


def random_types(choices: Choices, most: int) -> tuple[ValType, ...]:
    return tuple(random_type(choices) for _ in range(choices.choose(most + 1)))
