"""What emitters get: the code, the operand stack and the names of one function, and how to change them.

Rules that all emitters rely on:

* A value's code is one contiguous piece from its `start` on, and pieces lie in the order of the stack.
* Whatever wants values in normal form asks for it (`pop_normal`); what takes them in any form says so (`pop`).
* Code before the end is touched only where it may be (`movable`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline.code import Code
from pywasmjit.codegen.baseline.facts import Facts
from pywasmjit.codegen.baseline.frames import Frame, JumpSites
from pywasmjit.codegen.baseline.operands import BITS, MASKS, SMALL, SignedLess, Value
from pywasmjit.codegen.baseline.slots import Slots
from pywasmjit.codegen.baseline.views import ViewBudget
from pywasmjit.codegen.conventions import Conventions
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import MEANING, SUPPORT, VIEW, Reference, global_name
from pywasmjit.wasm import numerics
from pywasmjit.wasm.instructions import decode_expr
from pywasmjit.wasm.module import ModuleSyntax
from pywasmjit.wasm.opcodes import BY_NAME, Op
from pywasmjit.wasm.types import ValType

REACH: Final = 500
"""Items of stack code that a value may span for code to be put before it: moving longer ones takes quadratic time."""

_CONSTANTS: Final[dict[Op, Callable[[int], Any]]] = {
    BY_NAME["i32.const"]: int,
    BY_NAME["i64.const"]: int,
    BY_NAME["f32.const"]: numerics.f32_from_bits,
    BY_NAME["f64.const"]: numerics.f64_from_bits,
}


class Context:
    """One function while it is compiled.

    position: of the instruction after the one in hand.  effects: what the code of that one's result does.
    barrier: code before it must stay where it is.  unreachable: control does not come here.
    fresh: the instruction in hand has pushed something.
    loop_assigns: position of a `loop` -> the fast locals that its body assigns, a bit set.
    """

    def __init__(
        self,
        module: ModuleSyntax,
        index: int,
        *,
        views: ViewBudget,
        cells: dict[int, int],
        conventions: Conventions,
    ) -> None:
        """index: in the function index space.  cells: global index -> its place in the instance's closure.

        conventions: those that are relevant to the module.
        """
        self.module = module
        self.index = index
        self.views = views
        self.cells = cells
        self.cell_names = tuple(f"global{index}" for index in cells)
        self.conventions = conventions
        body = module.bodies[index - module.imported_count("func")]
        self.body = decode_expr(module, body.start, body.end)
        self.code = Code()
        self.emit = self.code.emit
        self.slots = Slots(module, index, body.locals, self.cell_names)
        self.facts = Facts(len(self.body))
        self.stack: list[Value] = []
        self.frames: list[Frame] = []
        self.references: dict[str, Reference] = {}
        self.barrier = 0
        self.position = 0
        self.effects = 0
        self.loop_assigns: dict[int, int] = {}
        self.jump_sites: JumpSites | None = None
        self.unreachable = False
        self.fresh = False
        self._settled = 0

    # Names of live objects.

    def refer(self, kind: str, *arguments: Any) -> str:
        """Return the global name of a live object; the linker binds it."""
        name = global_name(kind, *arguments)
        self.references[name] = kind, arguments
        return name

    def support(self, name: str) -> str:
        """Return the global name of a helper of the run time."""
        return self.refer(SUPPORT, name)

    def meaning(self, mnemonic: str) -> str:
        """Return the global name of an instruction's meaning in `numerics`."""
        return self.refer(MEANING, mnemonic)

    def view(self, memory: int, format: str, offset: int) -> str | None:
        """Return the global name of a view, None when there are too many already."""
        return self.refer(VIEW, memory, format, offset) if self.views.grant(memory, format, offset) else None

    def module_constant(self, index: int) -> Any:
        """Return the engine form of a global that is a numeric constant of the module, else None."""
        place = index - self.module.imported_count("global")
        if place < 0 or self.module.globals[place].type.mutable:
            return None
        _, op, immediate = self.module.globals[place].init[0]
        make = _CONSTANTS.get(op)
        return make(immediate) if make is not None and len(self.module.globals[place].init) <= 2 else None

    # Code and the stack.

    def movable(self, value: Value) -> bool:
        """Return whether code may be put before the value's code, or the value's code elsewhere."""
        return value.start >= self.barrier and len(self.code.items) - value.start <= REACH

    def calls(self, value: Value) -> bool:
        """Return whether the code of the value on top, which can be moved, calls anything.

        The memory may grow in a call, or another thread may run and grow it: a view loaded before is then too short.
        """
        return self.code.calls_since(value.start)

    def settle(self) -> None:
        """Forbid moving code across this point: depths were recorded, or control may join here."""
        self.barrier = len(self.code.items)
        for value in self.stack[min(self._settled, len(self.stack)) :]:
            value.constant = None
            value.slot = -1
        self._settled = len(self.stack)

    def call(self, name: str, operands: Sequence[Value]) -> None:
        """Call the global `name` with the topmost operands, which are normal and off the stack."""
        if not operands:
            self.emit(t.LOAD_CALLEE, name)
        elif self.movable(operands[0]):
            self.code.insert_before(operands[0].start, (t.LOAD_CALLEE, name))
        else:
            slots = [self.slots.scratch() for _ in operands]
            for slot in reversed(slots):
                self.emit(t.STORE_FAST, slot)
            self.emit(t.LOAD_CALLEE, name)
            for slot in slots:
                self.emit(t.LOAD_FAST, slot)
        self.emit(t.CALL, len(operands))

    def duplicable(self, value: Value) -> tuple[str, Any]:
        """Take a normal value off the top of the stack; return what pushes it, now and again."""
        if value.constant is not None:
            if self.code.ends_with(t.LOAD_CONST):
                self.code.drop_last()
            else:  # what remains of an operand above lies behind it
                self.emit(t.POP)
            return t.LOAD_CONST, value.constant
        if value.slot >= 0 and self.code.ends_with_load(value.slot):
            self.code.drop_last()
            return t.LOAD_FAST, value.slot
        slot = self.slots.scratch()
        self.emit(t.STORE_FAST, slot)
        return t.LOAD_FAST, slot

    @property
    def next_op(self) -> Op | None:
        """The row of the instruction after this one."""
        return self.body[self.position][1] if self.position < len(self.body) else None

    def push(self, value: Value) -> Value:
        self.stack.append(value)
        self.fresh = True
        return value

    def push_result(self, type: ValType, operands: Sequence[Value] = (), *, effects: int | None = None) -> Value:
        """Push what the code since the first operand's start leaves, of unknown value; return it.

        effects: what the code does beside its operands', by default what the instruction's row says.
        """
        start = operands[0].start if operands else len(self.code.items)
        value = Value(type, start, 0, MASKS.get(type, 0))
        value.absorb(*operands)
        value.effects |= self.effects if effects is None else effects
        self.stack.append(value)
        self.fresh = True
        return value

    def push_constant(self, type: ValType, constant: Any) -> Value:
        value = Value(type, len(self.code.items))
        value.constant = constant
        if type in MASKS:
            value.low = value.high = constant
            value.wild = constant > SMALL
        else:
            value.quiet = constant == constant
        self.emit(t.LOAD_CONST, constant)
        self.stack.append(value)
        self.fresh = True
        return value

    def push_local(self, slot: int, type: ValType) -> Value:
        """Push a fast local."""
        value = Value(type, len(self.code.items))
        value.slot = slot
        value.version = self.facts.versions.get(slot, 0)
        value.reads = 1 << slot
        mask = MASKS.get(type)
        if mask is not None:
            value.low, value.high = self.facts.known.get(slot, (0, mask))
            value.wild = slot in self.facts.wild
        self.emit(t.LOAD_FAST, slot)
        self.stack.append(value)
        self.fresh = True
        return value

    def pop(self) -> Value:
        """Pop a value in any form."""
        self._settled = min(self._settled, len(self.stack) - 1)
        return self.stack.pop()

    def pop_normal(self, count: int) -> list[Value]:
        """Pop `count` values, deepest first, each in the normal form of its type."""
        if not count:
            return []
        values = self.pop_many(count)
        self.normalise(values)
        return values

    def pop_many(self, count: int) -> list[Value]:
        """Pop `count` values in any form, deepest first."""
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        self._settled = min(self._settled, len(self.stack))
        return values

    # Normal forms.

    def normalise(self, values: Sequence[Value]) -> None:
        """Bring the topmost operands (deepest first, not on `stack`) into normal form, in place."""
        count = len(values)
        movable = True  # all values above the one in hand
        for place in range(count - 1, -1, -1):
            value = values[place]
            if place < count - 1:
                movable = movable and self.movable(values[place + 1])
            if value.is_normal:
                continue
            if place == count - 1:
                self._normalise_top(value)
            elif movable:
                self._normalise_below(value, values[place + 1 :])
            else:
                depth = count - place
                self.emit(t.SWAP, depth)
                value.constant = None  # the last code is no longer its own
                self._normalise_top(value)
                self.emit(t.SWAP, depth)

    def normalise_top(self, count: int, *, above: Value | None = None) -> None:
        """Bring the topmost `count` operands into normal form where they are.

        above: a condition that lies on top of them and is off the stack already.
        """
        values = self.stack[len(self.stack) - count :] if count else []
        if above is None:
            self.normalise(values)
        elif not all(value.is_normal for value in values):
            inverted, above.inverted = above.inverted, False  # it stays the condition that it is
            self.normalise([*values, above])
            above.inverted = inverted

    def _normalise_below(self, value: Value, above: Sequence[Value]) -> None:
        tail = self.code.take_tail(above[0].start)
        before = len(self.code.items)
        self._normalise_top(value)
        grown = len(self.code.items) - before
        self.code.put_back(tail)
        for v in above:
            v.start += grown

    def _normalise_top(self, value: Value) -> None:
        if value.condition is not None or value.inverted:
            self.materialise(value)
        if value.type in MASKS:
            self._wrap(value)
        elif not value.rounded:
            self._round(value)

    def _wrap(self, value: Value) -> None:
        """Reduce the integer on top modulo 2**N."""
        mask = MASKS[value.type]
        if value.constant is not None:
            value.constant &= mask
            self.code.replace_last(t.LOAD_CONST, value.constant)
            value.low = value.high = value.constant
            return
        if value.low >= 0 and value.high <= mask:
            return
        guard: tuple[int, str] | None = None
        if not value.wild:
            if value.high <= mask:
                guard = 0, "<"
            elif value.low >= 0:
                guard = SMALL, ">"
        skip = t.Label()
        if guard is not None:
            self.emit(t.COPY, 1)
            self.emit(t.LOAD_CONST, guard[0])
            self.emit(t.COMPARE, guard[1])
            self.emit(t.JUMP_UNLESS, skip)
        self.emit(t.LOAD_CONST, mask)
        self.emit(t.BINARY, "&")
        if guard is not None:
            self.emit(t.LABEL, skip)
        value.bounds = bounds.reduced(value.bounds, BITS[value.type])
        value.slot = -1

    def _round(self, value: Value) -> None:
        """Round the f32 on top to binary32: through a one-element view, which also overflows to infinity."""
        cell = self.support("f32_cell")
        self.emit(t.LOAD_GLOBAL, cell)
        self.emit(t.LOAD_CONST, 0)
        self.emit(t.STORE_SUBSCRIPT)
        self.emit(t.LOAD_GLOBAL, cell)
        self.emit(t.LOAD_CONST, 0)
        self.emit(t.SUBSCRIPT)
        value.rounded = True

    def materialise(self, value: Value) -> None:
        """Turn a condition on top, perhaps inverted or not emitted yet, into 0 or 1."""
        if value.condition is not None:
            self._materialise_signed(value)
        elif value.inverted:
            if not value.is_bool:
                self.emit(t.LOAD_CONST, 0)
                self.emit(t.COMPARE, "==")
            elif value.total and self.code.ends_with(t.COMPARE):
                self.code.invert_last()
            else:
                self.emit(t.NOT)
        value.inverted = False
        value.is_bool = True
        value.bounds = bounds.BOOL

    def _materialise_signed(self, value: Value) -> None:
        """Compare both operands with their sign bits flipped."""
        assert value.condition is not None
        self.emit_signed_less(value.condition)
        if value.inverted:
            self.code.replace_last(t.COMPARE, ">=")
        value.condition = None

    def emit_signed_less(self, condition: SignedLess) -> None:
        """Compare the operands of a condition, whatever they are."""
        half = (MASKS[condition.type] + 1) >> 1
        for operation, argument, _, _ in (condition.left, condition.right):
            if operation is t.LOAD_CONST:
                self.emit(t.LOAD_CONST, argument ^ half)
            else:
                self.emit(operation, argument)
                self.emit(t.LOAD_CONST, half)
                self.emit(t.BINARY, "^")
        self.emit(t.COMPARE, "<")

    # Locals, facts and labels.

    def assign(self, slot: int, value: Value) -> None:
        """Pop the normal value on top into a fast local."""
        self.emit(t.STORE_FAST, slot)
        self.facts.assign(slot, value)

    def join_facts(self, frame: Frame) -> None:
        """Keep at the label of `frame` only what holds here too."""
        if frame.joined != self.position:  # else another arm of the same br_table
            frame.joined = self.position
            frame.facts = self.facts.copy() if frame.facts is None else self.facts.join(frame.facts)

    def frame(self, depth: int) -> Frame:
        return self.frames[-1 - depth]

    def reset(self, frame: Frame, types: Sequence[ValType]) -> None:
        """Make the stack what it is at a label: `types` above the frame's height, all of unknown value."""
        self.pop_many(len(self.stack) - frame.height)
        for type in types:
            self.push_unknown(type)
        self.settle()

    def push_unknown(self, type: ValType) -> Value:
        """Push a value whose code cannot be moved."""
        value = Value(type, -1, 0, MASKS.get(type, 0))
        self.stack.append(value)
        self.fresh = True
        return value

    def returns_twice(self, index: int) -> bool:
        """Return whether a function is an import that returns again after a jump."""
        imported = self.module.imported("func")
        return index < len(imported) and imported[index][:2] in self.conventions.returning_twice


Emitter: TypeAlias = Callable[[Context, Any], None]
"""Emit an instruction, given its immediate."""
