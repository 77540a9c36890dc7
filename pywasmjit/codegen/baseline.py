"""The baseline compiler: one pass over a validated body into stack code.

The driver is here (what a body's instructions share: the operand stack, facts
about locals, names of live objects); what each instruction becomes is a small
function in `pywasmjit.codegen.emitters`, found by its row of the table.

Facts: `facts` maps a fast local to bounds narrower than its type's.  They hold
at the current point; a label keeps what every branch to it agrees on, and a
loop starts with what its body never assigns.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from pywasmjit.codegen import bounds
from pywasmjit.codegen.analyses.assignment import assignments
from pywasmjit.codegen.bounds import Bounds
from pywasmjit.codegen.conventions import NO_CONVENTIONS, Conventions
from pywasmjit.codegen.stack import BITS, MASKS, SMALL, SignedLess, Value
from pywasmjit.codegen.target import cpython
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import FIRST_LINE, MEANING, SUPPORT, VIEW, CodeTemplate, Reference
from pywasmjit.errors import ResourceLimit
from pywasmjit.wasm import numerics
from pywasmjit.wasm.decoder import decode_expr
from pywasmjit.wasm.module import ModuleSyntax
from pywasmjit.wasm.opcodes import BY_NAME, Op
from pywasmjit.wasm.types import FuncType, ValType

FAST_LOCALS: Final = 1000
"""Locals beyond this many live in a list: a frame costs 8 bytes a slot at every call."""

LARGE_FRAME: Final = 4096
"""Slots beyond which a function's frames are counted against a bound on all of them (`large_frame`)."""

VIEWS_PER_MEMORY: Final = 256
"""Views to be renewed when a memory grows; further offsets are added to the address instead."""

PAGE: Final = 65536
GREATEST_MEMORY: Final = 65535 * PAGE
"""Bytes; the engine's memories stay below 4 GiB, so an address that was accessed leaves room for small offsets."""

REACH: Final = 500
"""Items of stack code that a value may span for code to be put before it: moving longer ones takes quadratic time."""

FACTS_PER_INSTRUCTION: Final = 16
"""Facts about locals that labels may copy and compare, on average; a function that wants more goes without."""

ITEMS_PER_INSTRUCTION: Final = 64
LEAST_ITEMS_LIMIT: Final = 250_000
"""Most items of stack code that a function may become: so many for each instruction, or this many if that is more.

A branch by a table counts as many as it has targets.
"""

Facts: TypeAlias = dict[int, Bounds]
Emitter: TypeAlias = "Callable[[FunctionCompiler, Any], None]"

EMITTERS: Final[dict[Op, Emitter]] = {}
"""Row of the instruction table -> what emits it; filled by the modules of `emitters`."""


def emits(*mnemonics: str) -> Callable[[Emitter], Emitter]:
    """Declare the emitter of the instructions named."""

    def declare(emitter: Emitter) -> Emitter:
        for mnemonic in mnemonics:
            EMITTERS[BY_NAME[mnemonic]] = emitter
        return emitter

    return declare


class Frame:
    """An enclosing block: where branches to it go and what they carry."""

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
        self.facts: Facts | None = None
        self.else_facts: Facts = {}

    @property
    def carried(self) -> tuple[ValType, ...]:
        """Types of the values that a branch to this block takes along."""
        return self.params if self.is_loop else self.results


class JumpSites:
    """Calls that return twice in one function, and the locals that they need."""

    def __init__(self, compiler: FunctionCompiler) -> None:
        self.labels: list[t.Label] = []
        self.activation = compiler.new_slot("activation")
        self.value = compiler.new_slot("returned")
        self.kept: dict[ValType, list[int]] = {}


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


_OPENS: Final = frozenset(BY_NAME[name] for name in ("block", "loop", "if"))
_CALL: Final = BY_NAME["call"]
_BR_TABLE: Final = BY_NAME["br_table"]
_END: Final = BY_NAME["end"]
_ELSE: Final = BY_NAME["else"]

_CONSTANTS: Final[dict[Op, Callable[[int], Any]]] = {
    BY_NAME["i32.const"]: int,
    BY_NAME["i64.const"]: int,
    BY_NAME["f32.const"]: numerics.f32_from_bits,
    BY_NAME["f64.const"]: numerics.f64_from_bits,
}

ZERO: Final[dict[ValType, Any]] = {"i32": 0, "i64": 0, "f32": 0.0, "f64": 0.0}


class FunctionCompiler:
    """Compiles one function; used once."""

    def __init__(
        self,
        module: ModuleSyntax,
        index: int,
        *,
        views: ViewBudget,
        cells: dict[int, int],
        filename: str,
        conventions: Conventions = NO_CONVENTIONS,
    ) -> None:
        """index: in the function index space.  cells: global index -> its place in the instance's closure.

        conventions: those that are relevant to the module.
        """
        self.conventions = conventions
        self.module = module
        self.index = index
        self.views = views
        self.cells = cells
        self.cell_names = tuple(f"global{index}" for index in cells)
        self.filename = filename
        self.type = module.function_type(index)
        body = module.bodies[index - module.imported_count("func")]
        self.body = decode_expr(module, body.start, body.end)
        self.code: list[t.Item] = []
        self.stack: list[Value] = []
        self.frames: list[Frame] = []
        self.references: dict[str, Reference] = {}
        self.facts: Facts = {}
        self._facts_left = 1000 + FACTS_PER_INSTRUCTION * len(self.body)
        self.wild: set[int] = set()
        self.versions: dict[int, int] = {}
        self.barrier = 0
        self.line = 1
        self.position = 0
        self.jump_sites: JumpSites | None = None
        self.unreachable = False
        self.fresh = False
        self._skipped = 0
        self._settled = 0
        self._loop_assigns: dict[int, int] = {}
        self._declare_locals(body.locals)

    # ----------------------------------------------------------------- locals

    def _declare_locals(self, runs: Sequence[tuple[int, ValType]]) -> None:
        """Give each local a fast slot, or a place in the list of those beyond `FAST_LOCALS`."""
        self.local_types: list[ValType] = list(self.type.params)
        self.spilled: list[tuple[int, ValType]] = []
        self._spilled_ends: list[int] = []
        spilled = 0
        for count, type in runs:
            room = max(0, min(count, FAST_LOCALS - len(self.local_types)))
            self.local_types.extend([type] * room)
            if count > room:
                spilled += count - room
                self.spilled.append((count - room, type))
                self._spilled_ends.append(spilled)
        self.slots = self._slot_names()
        self.spill_slot = self.new_slot("spilled") if self.spilled else -1
        self._scratch: list[int] = []
        self.scratch_used = 0

    def _slot_names(self) -> list[str]:
        names: list[str] = []
        taken = set(self.cell_names)  # debuggers copy locals and cells to and fro by name
        for i in range(len(self.local_types)):
            name = self.module.local_name(self.index, i) or f"local{i}"
            while name in taken:
                name = f"{name}.{i}"
            taken.add(name)
            names.append(name)
        return names

    def new_slot(self, name: str) -> int:
        """Return a new fast local of the compiler's own."""
        while name in self.slots:
            name += "'"
        self.slots.append(name)
        return len(self.slots) - 1

    def scratch(self) -> int:
        """Return a fast local that is free until the instruction in hand (and the branch that consumes it) is done."""
        if self.scratch_used == len(self._scratch):
            self._scratch.append(self.new_slot(f"scratch{self.scratch_used}"))
        self.scratch_used += 1
        return self._scratch[self.scratch_used - 1]

    def spill_index(self, local: int) -> int | None:
        """Return the place of a local in the list of those that have no fast slot, None if it has one."""
        place = local - len(self.local_types)
        return place if place >= 0 else None

    def spilled_type(self, place: int) -> ValType:
        """Return the type of a local in that list."""
        return self.spilled[bisect_right(self._spilled_ends, place)][1]

    def _prologue(self) -> None:
        unset, self._loop_assigns = assignments(self.body, len(self.type.params), FAST_LOCALS)
        if self.jump_sites is not None:
            unset = -1  # control comes back to a site by ways that the analysis does not see
        cleared = [i for i in range(len(self.type.params), len(self.local_types)) if unset >> i & 1]
        if len(cleared) > 2:
            self.emit(t.LOAD_CONST, tuple(ZERO.get(self.local_types[i]) for i in cleared))
            self.emit(t.UNPACK, len(cleared))
            for i in cleared:
                self.emit(t.STORE_FAST, i)
        else:
            for i in cleared:
                self.emit(t.LOAD_CONST, ZERO.get(self.local_types[i]))
                self.emit(t.STORE_FAST, i)
        for i in cleared:
            if self.local_types[i] in MASKS:
                self.facts[i] = (0, 0)
        if self.spilled:
            self.emit(t.LOAD_CALLEE, self.support("spilled_locals"))
            self.emit(t.LOAD_CONST, tuple((count, ZERO.get(type)) for count, type in self.spilled))
            self.emit(t.CALL, 1)
            self.emit(t.STORE_FAST, self.spill_slot)

    # ----------------------------------------------------------------- names of live objects

    def refer(self, kind: str, *arguments: Any) -> str:
        """Return the global name of a live object; the linker binds it."""
        name = f"{kind}:{','.join(map(str, arguments))}" if arguments else kind
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

    # ----------------------------------------------------------------- emitting

    def emit(self, operation: str, argument: Any = None) -> None:
        self.code.append((operation, argument, self.line))

    def insert(self, place: int, *items: tuple[str, Any]) -> int:
        """Insert code before `place`; return how much longer the code is."""
        self.code[place:place] = [(operation, argument, self.line) for operation, argument in items]
        return len(items)

    def movable(self, value: Value) -> bool:
        """Return whether code may be put before the value's code, or the value's code elsewhere."""
        return value.start >= self.barrier and len(self.code) - value.start <= REACH

    def calls(self, value: Value) -> bool:
        """Return whether the code of the value on top, which can be moved, calls anything.

        The memory may grow in a call, or another thread may run and grow it: a view loaded before is then too short.
        """
        return any(item[0] is t.CALL for item in self.code[value.start :])

    def settle(self) -> None:
        """Forbid moving code across this point: depths were recorded, or control may join here."""
        self.barrier = len(self.code)
        for value in self.stack[min(self._settled, len(self.stack)) :]:
            value.constant = None
            value.slot = -1
        self._settled = len(self.stack)

    def call(self, name: str, operands: Sequence[Value]) -> None:
        """Call the global `name` with the topmost operands, which are normal and off the stack."""
        if not operands:
            self.emit(t.LOAD_CALLEE, name)
        elif self.movable(operands[0]):
            self.insert(operands[0].start, (t.LOAD_CALLEE, name))
        else:
            slots = [self.scratch() for _ in operands]
            for slot in reversed(slots):
                self.emit(t.STORE_FAST, slot)
            self.emit(t.LOAD_CALLEE, name)
            for slot in slots:
                self.emit(t.LOAD_FAST, slot)
        self.emit(t.CALL, len(operands))

    def duplicable(self, value: Value) -> tuple[str, Any]:
        """Take a normal value off the top of the stack; return what pushes it, now and again."""
        if value.constant is not None:
            if self.code[-1][0] is t.LOAD_CONST:
                self.code.pop()
            else:  # what remains of an operand above lies behind it
                self.emit(t.POP)
            return t.LOAD_CONST, value.constant
        if value.slot >= 0 and self.code[-1][:2] == (t.LOAD_FAST, value.slot):
            self.code.pop()
            return t.LOAD_FAST, value.slot
        slot = self.scratch()
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

    def push_result(self, type: ValType, operands: Sequence[Value] = (), *, effects: int = 0) -> Value:
        """Push what the code since the first operand's start leaves, of unknown value; return it."""
        start = operands[0].start if operands else len(self.code)
        value = Value(type, start, 0, MASKS.get(type, 0))
        value.absorb(*operands)
        value.effects |= effects
        self.stack.append(value)
        self.fresh = True
        return value

    def push_constant(self, type: ValType, constant: Any) -> Value:
        value = Value(type, len(self.code))
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
        value = Value(type, len(self.code))
        value.slot = slot
        value.version = self.versions.get(slot, 0)
        value.reads = 1 << slot
        mask = MASKS.get(type)
        if mask is not None:
            value.low, value.high = self.facts.get(slot, (0, mask))
            value.wild = slot in self.wild
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

    # ----------------------------------------------------------------- normal forms

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
        tail = self.code[above[0].start :]
        del self.code[above[0].start :]
        before = len(self.code)
        self._normalise_top(value)
        grown = len(self.code) - before
        self.code.extend(tail)
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
            self.code[-1] = (t.LOAD_CONST, value.constant, self.line)
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
            last = self.code[-1]
            if not value.is_bool:
                self.emit(t.LOAD_CONST, 0)
                self.emit(t.COMPARE, "==")
            elif last[0] is t.COMPARE and value.total:
                self.code[-1] = (t.COMPARE, t.INVERSE[last[1]], last[2])
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
            self.code[-1] = (t.COMPARE, ">=", self.line)
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

    # ----------------------------------------------------------------- facts and branches

    def is_current(self, value: Value) -> bool:
        """Return whether a fast local still holds the value."""
        return value.slot >= 0 and value.version == self.versions.get(value.slot, 0)

    def assign(self, slot: int, value: Value) -> None:
        """Pop the normal value on top into a fast local."""
        self.emit(t.STORE_FAST, slot)
        self.versions[slot] = self.versions.get(slot, 0) + 1
        mask = MASKS.get(value.type)
        if mask is not None:
            if value.low > 0 or value.high < mask:
                self.facts[slot] = value.bounds
            else:
                self.facts.pop(slot, None)
            if value.wild:
                self.wild.add(slot)

    def narrow(self, slot: int, learnt: Bounds) -> None:
        """Learn bounds of a fast local."""
        known = self.facts.get(slot)
        both = learnt if known is None else bounds.meet(known, learnt)
        if both is not None:
            self.facts[slot] = both

    def join_facts(self, frame: Frame) -> None:
        """Keep at the label of `frame` only what holds here too."""
        if frame.joined == self.position:  # another arm of the same br_table
            return
        frame.joined = self.position
        if frame.facts is None:
            frame.facts = self.copy_facts()
            return
        self._facts_left -= len(frame.facts)
        kept: Facts = {}
        for slot, there in frame.facts.items():
            here = self.facts.get(slot)
            if here is not None:
                kept[slot] = bounds.hull(there, here)
        frame.facts = kept

    def copy_facts(self) -> Facts:
        """Return a copy of the facts for a label to keep, an empty one if too many were copied already."""
        self._facts_left -= len(self.facts)
        if self._facts_left < 0:
            self.facts = {}
        return dict(self.facts)

    def enter_loop(self) -> None:
        """Forget what the loop that starts at the instruction before `position` assigns."""
        assigned = self._loop_assigns.get(self.position - 1, 0)
        facts = self.copy_facts()
        for slot in facts:
            if assigned >> slot & 1:
                del self.facts[slot]

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

    # ----------------------------------------------------------------- the pass

    def compile(self) -> CodeTemplate:
        """Return the function's template."""
        if self.conventions.returning_twice and any(
            op is _CALL and self.returns_twice(immediate) for _, op, immediate in self.body
        ):
            self.jump_sites = JumpSites(self)
        self._prologue()
        start = len(self.code)
        self.frames.append(Frame(FuncType((), self.type.results), 0))
        body = self.body
        count = len(body)
        targets = sum(len(immediate[0]) for _, op, immediate in body if op is _BR_TABLE)
        limit = max(LEAST_ITEMS_LIMIT, ITEMS_PER_INSTRUCTION * (count + targets))
        while self.position < count:
            _, op, immediate = body[self.position]
            self.line = self.position + FIRST_LINE
            self.position += 1
            if self.unreachable and self._skip(op):
                continue
            if not self.stack or self.stack[-1].condition is None:
                self.scratch_used = 0
            self.fresh = False
            before = len(self.code)
            if before > limit:
                raise ResourceLimit("code_items", limit, f"function {self.index} at offset {body[self.position][0]:#x}")
            EMITTERS[op](self, immediate)
            if not self.fresh and self.stack and len(self.code) != before:
                self.settle()  # code that leaves nothing now lies behind that of the operand on top
        if self.jump_sites is not None and self.jump_sites.labels:
            from pywasmjit.codegen.emitters.jumps import wrap_body  # an emitter, and emitters import this module

            wrap_body(self, self.jump_sites, start)
        self._count_large_frame()
        name = self.module.display_name(self.index)
        code = cpython.assemble(
            self.code,
            name=name,
            qualname=name,
            filename=self.filename,
            parameters=len(self.type.params),
            slots=self.slots,
            cells=self.cell_names,
        )
        return CodeTemplate(self.index, code, self.references, tuple(item[0] for item in body))

    def _count_large_frame(self) -> None:
        """Have each call of a function with very many locals or operands counted as long as its frame lives."""
        slots = len(self.slots) + (self._spilled_ends[-1] if self.spilled else 0)
        if len(self.code) > LARGE_FRAME:  # else the stack cannot be deep
            slots += t.stack_size(self.code)
        if slots > LARGE_FRAME:
            self.line = 1
            call = (t.LOAD_CALLEE, self.support("large_frame")), (t.LOAD_CONST, slots), (t.CALL, 1)
            self.insert(0, *call, (t.STORE_FAST, self.new_slot("frame")))

    def returns_twice(self, index: int) -> bool:
        """Return whether a function is an import that returns again after a jump."""
        imported = self.module.imported("func")
        return index < len(imported) and imported[index][:2] in self.conventions.returning_twice

    def _skip(self, op: Op) -> bool:
        """Return whether an instruction that cannot be reached is passed over."""
        if op in _OPENS:
            self._skipped += 1
        elif op is _END and self._skipped:
            self._skipped -= 1
        elif not self._skipped and (op is _END or op is _ELSE):
            return False
        return True
