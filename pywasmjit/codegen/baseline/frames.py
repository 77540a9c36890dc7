"""The blocks that enclose the instruction in hand, and the calls that return twice."""

from __future__ import annotations

from pywasmjit.codegen.baseline.facts import Known
from pywasmjit.codegen.baseline.slots import Slots
from pywasmjit.codegen.target import operations as t
from pywasmjit.wasm.types import FuncType, ValType


class Frame:
    """An enclosing block: where branches to it go and what they carry.

    joined: position of the instruction that joined its facts last.
    """

    __slots__ = (
        "else_facts",
        "else_label",
        "facts",
        "height",
        "is_loop",
        "joined",
        "label",
        "params",
        "results",
        "targeted",
    )

    def __init__(self, type: FuncType, height: int, *, is_loop: bool = False) -> None:
        self.label = t.Label()
        self.else_label: t.Label | None = None
        self.params = type.params
        self.results = type.results
        self.height = height
        self.is_loop = is_loop
        self.targeted = False
        self.joined = -1
        self.facts: Known | None = None
        self.else_facts: Known = {}

    @property
    def carried(self) -> tuple[ValType, ...]:
        """Types of the values that a branch to this block takes along."""
        return self.params if self.is_loop else self.results


class JumpSites:
    """Calls that return twice in one function, and the locals that they need."""

    def __init__(self, slots: Slots) -> None:
        self.labels: list[t.Label] = []
        self.activation = slots.new("activation")
        self.value = slots.new("returned")
        self.kept: dict[ValType, list[int]] = {}
