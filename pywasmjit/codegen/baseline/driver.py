"""The pass over a body: which emitter runs when, and what stands before and behind the body's own code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pywasmjit.codegen import bounds
from pywasmjit.codegen.analyses.assignment import assignments
from pywasmjit.codegen.baseline import claims
from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.baseline.emitters import (
    atomics,
    calls,
    comparisons,
    control,
    conversions,
    floats,
    integers,
    jumps,
    meanings,
    memory,
    tables,
    variables,
)
from pywasmjit.codegen.baseline.facts import Known
from pywasmjit.codegen.baseline.frames import Frame, JumpSites
from pywasmjit.codegen.baseline.operands import EFFECTS, MASKS
from pywasmjit.codegen.baseline.slots import FAST_LOCALS, ZERO
from pywasmjit.codegen.baseline.views import ViewBudget
from pywasmjit.codegen.conventions import NO_CONVENTIONS, Conventions
from pywasmjit.codegen.target import cpython
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import FIRST_LINE, CodeTemplate
from pywasmjit.errors import ResourceLimit
from pywasmjit.wasm.module import ModuleSyntax
from pywasmjit.wasm.opcodes import BY_NAME, Op
from pywasmjit.wasm.types import FuncType

LARGE_FRAME: Final = 4096
"""Slots beyond which a function's frames are counted against a bound on all of them (`large_frame`)."""

ITEMS_PER_INSTRUCTION: Final = 64
LEAST_ITEMS_LIMIT: Final = 250_000
"""Most items of stack code that a function may become: so many for each instruction, or this many if that is more.

A branch by a table counts as many as it has targets.
"""

TABLES: Final[tuple[Mapping[str, Emitter], ...]] = (
    control.EMITTERS,
    calls.EMITTERS,
    variables.EMITTERS,
    memory.EMITTERS,
    tables.EMITTERS,
    integers.EMITTERS,
    comparisons.EMITTERS,
    floats.EMITTERS,
    conversions.EMITTERS,
    atomics.EMITTERS,
    meanings.EMITTERS,
)
"""Mnemonic -> what emits it, by kind of instruction."""

EMITTERS: Final[dict[Op, Emitter]] = {
    BY_NAME[mnemonic]: emitter for table in TABLES for mnemonic, emitter in table.items()
}
"""Row of the instruction table -> what emits it."""

_OPENS: Final = frozenset(BY_NAME[name] for name in ("block", "loop", "if"))
_CALL: Final = BY_NAME["call"]
_BR_TABLE: Final = BY_NAME["br_table"]
_END: Final = BY_NAME["end"]
_ELSE: Final = BY_NAME["else"]


class Driver:
    """Compiles one function; used once."""

    def __init__(
        self,
        module: ModuleSyntax,
        index: int,
        *,
        views: ViewBudget,
        cells: dict[int, int],
        conventions: Conventions = NO_CONVENTIONS,
        asserting: bool = False,
    ) -> None:
        """The arguments are those of `Context`.

        asserting: have the code check what the compiler claims of integers (see `claims`).
        """
        self.context = Context(module, index, views=views, cells=cells, conventions=conventions)
        self.asserting = asserting
        self._skipped = 0

    def compile(self) -> CodeTemplate:
        """Return the function's template."""
        c = self.context
        type = c.module.function_type(c.index)
        if c.conventions.returning_twice and any(op is _CALL and c.returns_twice(to) for _, op, to in c.body):
            c.jump_sites = JumpSites(c.slots)
        self._prologue(len(type.params))
        start = len(c.code)
        c.frames.append(Frame(FuncType((), type.results), 0))
        self._pass()
        if c.jump_sites is not None and c.jump_sites.labels:
            jumps.wrap_body(c, c.jump_sites, start)
        self._count_large_frame()
        name = c.module.display_name(c.index)
        code = cpython.assemble(
            c.code.items,
            name=name,
            qualname=name,
            filename=f"func[{c.index}]",
            parameters=len(type.params),
            slots=c.slots.names,
            cells=c.cell_names,
        )
        return CodeTemplate(c.index, code, c.references, tuple(item[0] for item in c.body))

    def _prologue(self, parameters: int) -> None:
        """Give locals their zero, but for those that are set before they are read."""
        c = self.context
        types = c.slots.types
        unset, c.loop_assigns = assignments(c.body, parameters, FAST_LOCALS)
        if c.jump_sites is not None:
            unset = -1  # control comes back to a site by ways that the analysis does not see
        cleared = [i for i in range(parameters, len(types)) if unset >> i & 1]
        if len(cleared) > 2:
            c.emit(t.LOAD_CONST, tuple(ZERO.get(types[i]) for i in cleared))
            c.emit(t.UNPACK, len(cleared))
            for i in cleared:
                c.emit(t.STORE_FAST, i)
        else:
            for i in cleared:
                c.emit(t.LOAD_CONST, ZERO.get(types[i]))
                c.emit(t.STORE_FAST, i)
        for i in cleared:
            if types[i] in MASKS:
                c.facts.known[i] = bounds.exactly(0)
        if c.slots.spilled:
            c.emit(t.LOAD_CALLEE, c.support("spilled_locals"))
            c.emit(t.LOAD_CONST, tuple((count, ZERO.get(type)) for count, type in c.slots.spilled))
            c.emit(t.CALL, 1)
            c.emit(t.STORE_FAST, c.slots.spill_slot)

    def _pass(self) -> None:
        """Emit the instructions that can be reached."""
        c, code, asserting = self.context, self.context.code, self.asserting
        items, stack, slots = code.items, c.stack, c.slots
        targets = sum(len(immediate[0]) for _, op, immediate in c.body if op is _BR_TABLE)
        limit = max(LEAST_ITEMS_LIMIT, ITEMS_PER_INSTRUCTION * (len(c.body) + targets))
        known: Known | None = None
        for place, (offset, op, immediate) in enumerate(c.body):
            code.line = place + FIRST_LINE
            c.position = place + 1
            if c.unreachable and self._skip(op):
                continue
            if not stack or stack[-1].condition is None:
                slots.scratch_used = 0
            c.fresh = False
            c.effects = EFFECTS[op]
            before = len(items)
            if before > limit:
                raise ResourceLimit("code_items", limit, f"function {c.index} at offset {offset:#x}")
            if asserting:
                known = dict(c.facts.known)
            EMITTERS[op](c, immediate)
            if known is not None:
                claims.check(c, op, known)
            if not c.fresh and stack and len(items) != before:
                c.settle()  # code that leaves nothing now lies behind that of the operand on top

    def _count_large_frame(self) -> None:
        """Have each call of a function with very many locals or operands counted as long as its frame lives."""
        c = self.context
        slots = c.slots.total
        if len(c.code) > LARGE_FRAME:  # else the stack cannot be deep
            slots += t.stack_size(c.code.items)
        if slots > LARGE_FRAME:
            c.code.line = 1
            call = (t.LOAD_CALLEE, c.support("large_frame")), (t.LOAD_CONST, slots), (t.CALL, 1)
            c.code.insert_before(0, *call, (t.STORE_FAST, c.slots.new("frame")))

    def _skip(self, op: Op) -> bool:
        """Return whether an instruction that cannot be reached is passed over."""
        if op in _OPENS:
            self._skipped += 1
        elif op is _END and self._skipped:
            self._skipped -= 1
        elif not self._skipped and (op is _END or op is _ELSE):
            return False
        return True
