"""Which locals need their zero, and what each loop assigns.

One walk over a body in order.  Control is structured, so what is definitely
assigned at a label is the intersection over the branches to it, and all of them
come before it; a loop's header knows no more than its entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from pywasmjit.wasm.module import Instruction
from pywasmjit.wasm.opcodes import BY_NAME, Op

EVERYTHING: Final = -1
"""All locals, as a bit set: what holds where control never comes."""


class Assignments(NamedTuple):
    """Bit sets of locals below the limit given.

    unset: may be read before they are set.  loops: place of a `loop` in the body -> locals that it sets.
    """

    unset: int
    loops: dict[int, int]


class _Frame:
    """An open block.

    entry: assigned where it begins.  label: assigned at every branch to its end so far.
    outer: what the enclosing loop body had set when the block began.
    """

    __slots__ = ("entry", "has_else", "is_if", "label", "outer", "place")

    def __init__(self, place: int, op: Op, entry: int, outer: int) -> None:
        self.place = place if op is _LOOP else -1
        self.is_if = op is _IF
        self.has_else = False
        self.entry = entry
        self.label = EVERYTHING
        self.outer = outer


class _Walk:
    def __init__(self) -> None:
        self.assigned = 0
        self.set_here = 0
        self.loops: dict[int, int] = {}
        self.frames: list[_Frame] = [_Frame(-1, _BLOCK, 0, 0)]

    def branch(self, depth: int) -> None:
        frame = self.frames[-1 - depth]
        if frame.place < 0:
            frame.label &= self.assigned

    def enter(self, place: int, op: Op, _: Any) -> None:
        self.frames.append(_Frame(place, op, self.assigned, self.set_here))
        self.set_here = 0

    def leave_then(self, _place: int, _op: Op, _: Any) -> None:
        frame = self.frames[-1]
        frame.has_else = True
        frame.label &= self.assigned
        self.assigned = frame.entry

    def leave(self, _place: int, _op: Op, _: Any) -> None:
        frame = self.frames.pop()
        if frame.place >= 0:
            self.loops[frame.place] = self.set_here
        self.set_here |= frame.outer
        self.assigned &= frame.label
        if frame.is_if and not frame.has_else:
            self.assigned &= frame.entry

    def br(self, _place: int, _op: Op, depth: int) -> None:
        self.branch(depth)
        self.assigned = EVERYTHING

    def br_if(self, _place: int, _op: Op, depth: int) -> None:
        self.branch(depth)

    def br_table(self, _place: int, _op: Op, labels: tuple[tuple[int, ...], int]) -> None:
        for depth in {*labels[0], labels[1]}:
            self.branch(depth)
        self.assigned = EVERYTHING

    def stop(self, _place: int, _op: Op, _: Any) -> None:
        self.assigned = EVERYTHING


_BLOCK: Final = BY_NAME["block"]
_LOOP: Final = BY_NAME["loop"]
_IF: Final = BY_NAME["if"]
_GET: Final = BY_NAME["local.get"]
_SETS: Final = frozenset((BY_NAME["local.set"], BY_NAME["local.tee"]))

_RULES: Final[dict[Op, Callable[[_Walk, int, Op, Any], None]]] = {
    _BLOCK: _Walk.enter,
    _LOOP: _Walk.enter,
    _IF: _Walk.enter,
    BY_NAME["else"]: _Walk.leave_then,
    BY_NAME["end"]: _Walk.leave,
    BY_NAME["br"]: _Walk.br,
    BY_NAME["br_if"]: _Walk.br_if,
    BY_NAME["br_table"]: _Walk.br_table,
    BY_NAME["return"]: _Walk.stop,
    BY_NAME["unreachable"]: _Walk.stop,
}


def assignments(body: Sequence[Instruction], parameters: int, limit: int) -> Assignments:
    """Return what a validated body assigns; locals from `limit` on are left out.

    parameters: how many locals come set.  Cost: linear, but for bit sets of `limit` bits.
    """
    walk = _Walk()
    walk.assigned = (1 << parameters) - 1
    unset = 0
    for place, (_, op, immediate) in enumerate(body):
        if op is _GET:
            if immediate < limit and not walk.assigned >> immediate & 1:
                unset |= 1 << immediate
        elif op in _SETS:
            if immediate < limit:
                walk.assigned |= 1 << immediate
                walk.set_here |= 1 << immediate
        else:
            rule = _RULES.get(op)
            if rule is not None:
                rule(walk, place, op, immediate)
    return Assignments(unset, walk.loops)
