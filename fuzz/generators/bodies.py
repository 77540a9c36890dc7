"""A function body under construction: the typed stack, control frames, and expressions on demand.

`Body` keeps the types of the operand stack exactly as the validator would.  An
instruction asks for operands with `need`, which takes what already lies on the
stack where it fits and makes the rest.  After an unconditional branch the stack
is polymorphic: `pop` may then find less than it asks for.

NaN: which NaN arithmetic makes is not determined, so a value that could be one
is replaced by the canonical NaN, either where it is made or (in functions
without float results) where its bits would become visible; see `observable`.

Ends: every function and every loop header begins with `burn`, which returns
default values once the global budget is used up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fuzz.generators import encoder, menu
from fuzz.generators.choices import chance, pick
from fuzz.generators.shape import NUMBERS, Shape, random_types
from fuzz.generators.values import CANONICAL_NAN, constant
from pywasmjit.wasm.opcodes import BY_NAME, Op
from pywasmjit.wasm.types import FUNCREF, FuncType, RefType, ValType


@dataclass
class Frame:
    """An open block: its opcode's name, its type, the stack's height below it."""

    kind: str
    type: FuncType
    height: int
    unreachable: bool = False

    @property
    def label_types(self) -> tuple[ValType, ...]:
        return self.type.params if self.kind == "loop" else self.type.results


class Body:
    """One function body; `finish` returns it encoded."""

    def __init__(self, shape: Shape, type_: FuncType, size: int) -> None:
        self.shape = shape
        self.choices = shape.choices
        self.type = type_
        self.code = bytearray()
        self.stack: list[ValType] = []
        self.frames = [Frame("function", type_, 0)]
        self.budget = size
        self.depth = 0
        self.floor = 0
        self.locals: list[ValType] = [*type_.params]
        self.writable = [*range(len(type_.params))]
        self._scratch: dict[ValType, int] = {}
        for local in random_types(self.choices, 6):
            self.writable.append(self.new_local(local))
        has_float_result = any(t in CANONICAL_NAN for t in type_.results)
        self.canonical_at_source = has_float_result or not chance(self.choices, 25)

    # Emission

    def new_local(self, type_: ValType) -> int:
        """Add a local which only its maker writes."""
        self.locals.append(type_)
        return len(self.locals) - 1

    def scratch(self, type_: ValType) -> int:
        """Return a local for use within one sequence of instructions."""
        if type_ not in self._scratch:
            self._scratch[type_] = self.new_local(type_)
        return self._scratch[type_]

    def emit(self, name: str, *immediates: object) -> None:
        """Write an instruction without looking at the stack."""
        self.emit_op(BY_NAME[name], *immediates)

    def emit_op(self, op: Op, *immediates: object) -> None:
        self.code += encoder.instruction(op, *immediates)
        self.shape.used[op.mnemonic] += 1
        self.budget -= 1

    def apply(self, name: str, *immediates: object, pops: int = 0, pushes: Sequence[ValType] = ()) -> None:
        """Write an instruction, and do to the stack what it does."""
        self.emit(name, *immediates)
        self.pop(pops)
        self.stack += pushes

    def apply_op(self, op: Op, *immediates: object) -> None:
        """Write an instruction whose row says its type."""
        assert op.params is not None
        assert op.results is not None
        self.emit_op(op, *immediates)
        self.pop(len(op.params))
        self.stack += op.results

    # The stack

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def visible(self) -> list[ValType]:
        """Return the part of the stack that the innermost block, or the expression in the making, may touch."""
        return self.stack[max(self.frame.height, self.floor) :]

    def pop(self, count: int) -> None:
        visible = len(self.visible())
        assert visible >= count or (self.frame.unreachable and self.floor <= self.frame.height)
        if count:
            del self.stack[len(self.stack) - min(count, visible) :]

    def need(self, types: Sequence[ValType]) -> None:
        """Have `types` on top of the stack: what fits is taken, what lacks is made."""
        visible = self.visible()
        if self._polymorphic(visible, types) and not chance(self.choices, 30):
            return
        most = min(len(visible), len(types))
        fitting = [k for k in range(most, 0, -1) if visible[len(visible) - k :] == list(types[:k])]
        taken = fitting[0] if fitting and not chance(self.choices, 20) else 0
        for type_ in types[taken:]:
            self.value(type_)

    def _polymorphic(self, visible: list[ValType], types: Sequence[ValType]) -> bool:
        """Return whether dead code may take `types` here because what lies on the stack is their end."""
        missing = len(types) - len(visible)
        if not self.frame.unreachable or self.floor > self.frame.height:
            return False
        return missing >= 0 and visible == list(types[missing:])

    def observable(self, types: Sequence[ValType]) -> None:
        """Like `need`, for operands whose bits will be seen: no NaN of unknown payload is among them."""
        if self.canonical_at_source or not any(t in CANONICAL_NAN for t in types):
            self.need(types)
            return
        for type_ in types:
            self.observable_value(type_)

    def observable_value(self, type_: ValType) -> None:
        """Like `value`, without NaNs of unknown payload."""
        self.value(type_)
        if not self.canonical_at_source:
            self.canonicalise()

    def canonicalise(self) -> None:
        """Replace the value on top, if it is a NaN, by the canonical NaN.

        The second way masks the NaN's bits, so a signalling one becomes an infinity, which shows.
        """
        if not self.visible() or self.stack[-1] not in CANONICAL_NAN:
            return
        type_ = self.stack[-1]
        local, canonical = self.scratch(type_), CANONICAL_NAN[type_]
        self.emit("local.tee", local)
        if chance(self.choices, 50):
            integer = "i32" if type_ == "f32" else "i64"
            self.emit(f"{integer}.reinterpret_{type_}")
            self.emit(f"{integer}.const", canonical)
            self.emit(f"{integer}.and")
            self.emit(f"{type_}.reinterpret_{integer}")
            self.emit("local.get", local)
            test = "ne"
        else:
            self.emit(f"{type_}.const", canonical)
            test = "eq"
        self.emit("local.get", local)
        self.emit("local.get", local)
        self.emit(f"{type_}.{test}")
        self.emit("select")

    # Values

    def constant(self, type_: ValType, bits: int | None = None) -> None:
        """Push a constant: `bits`, or one of the generator's choice; null for references."""
        if isinstance(type_, RefType):
            self.apply("ref.null", bytes([encoder.VALTYPES[type_]]), pushes=(type_,))
            return
        if bits is None:
            bits = constant(self.choices, type_)
        self.apply(f"{type_}.const", bits, pushes=(type_,))

    def leaf(self, type_: ValType) -> None:
        """Push a constant, a local, a global or a function; scratch locals may hold NaNs of unknown payload."""
        kind = self.choices.choose(10)
        scratch = self._scratch.get(type_)
        if kind > 3 and (found := [i for i, t in enumerate(self.locals) if t == type_ and i != scratch]):
            self.apply("local.get", pick(self.choices, found), pushes=(type_,))
        elif kind > 2 and (found := [i for i, g in enumerate(self.shape.globals) if g.content == type_]):
            self.apply("global.get", pick(self.choices, found), pushes=(type_,))
        elif type_ == FUNCREF and kind > 0:
            function = self.choices.choose(len(self.shape.functions))
            self.shape.refs.add(function)
            self.apply("ref.func", function, pushes=(FUNCREF,))
        else:
            self.constant(type_)

    def value(self, type_: ValType) -> None:
        """Push any value of a type, made by an expression of some depth."""
        makers = menu.MAKERS.get(type_, ())
        if self.depth >= 5 or self.budget <= 0 or not makers:
            self.leaf(type_)
            return
        kind = self.choices.choose(12)
        floor, self.floor = self.floor, len(self.stack)
        self.depth += 1
        if kind < 4:
            self.leaf(type_)
        elif kind < 11:
            pick(self.choices, makers)(self, type_)
        else:
            self.block("block", FuncType((), (type_,)))
        self.depth -= 1
        self.floor = floor

    def condition(self) -> None:
        """Push an i32 to branch on: mostly a comparison, perhaps inverted."""
        if self.budget <= 0 or not chance(self.choices, 70):
            self.value("i32")
            return
        op = pick(self.choices, menu.COMPARISONS)
        assert op.params is not None
        for type_ in op.params:
            self.value(type_)
        self.apply_op(op)
        if chance(self.choices, 25):
            self.apply("i32.eqz", pops=1, pushes=("i32",))

    def bounded(self, limit: int) -> None:
        """Push an i32 below `limit`, or rarely any i32."""
        if self.shape.risky():
            self.value("i32")
        elif limit < 2 or not chance(self.choices, 60):
            self.constant("i32", self.choices.choose(max(limit, 1)))
        else:
            self.value("i32")
            self.constant("i32", limit)
            self.apply("i32.rem_u", pops=2, pushes=("i32",))

    # Control

    def block(self, kind: str, type_: FuncType) -> None:
        """Write a whole block, loop or if of this type, its parameters being on the stack."""
        self.open(kind, type_)
        if kind == "loop":
            self.burn()
        self.statements(1 + self.choices.choose(4))
        if kind == "if" and (type_.params != type_.results or chance(self.choices, 50)):
            self.open_else()
            self.statements(1 + self.choices.choose(3))
        self.close()

    def open(self, kind: str, type_: FuncType) -> None:
        if kind == "if":
            self.pop(1)
        self.pop(len(type_.params))
        self.emit(kind, self.block_type(type_))
        self.frames.append(Frame(kind, type_, len(self.stack)))
        self.stack += type_.params

    def open_else(self) -> None:
        self.leave(self.frame.type.results)
        self.emit("else")
        del self.stack[self.frame.height :]
        self.frame.unreachable = False
        self.stack += self.frame.type.params

    def close(self) -> None:
        self.leave(self.frame.type.results)
        self.emit("end")
        frame = self.frames.pop()
        del self.stack[frame.height :]
        self.stack += frame.type.results

    def block_type(self, type_: FuncType) -> bytes:
        if not type_.params and not type_.results:
            return bytes([encoder.EMPTY_BLOCK])
        if not type_.params and len(type_.results) == 1 and not chance(self.choices, 10):
            return bytes([encoder.VALTYPES[type_.results[0]]])
        return encoder.s_leb(self.shape.type_index(type_))

    def leave(self, results: tuple[ValType, ...]) -> None:
        """Make the stack of the innermost block exactly `results`; in dead code it may be a part of them."""
        visible = self.visible()
        if self._polymorphic(visible, results):
            return
        same = 0
        while same < min(len(visible), len(results)) and visible[same] == results[same]:
            same += 1
        for _ in visible[same:]:
            self.consume()
        for type_ in results[same:]:
            self.leaf(type_)

    def consume(self) -> None:
        """Take the value on top, and keep it where it can be seen if there is a place."""
        type_ = self.stack[-1]
        places = [i for i in self.writable if self.locals[i] == type_]
        if places and chance(self.choices, 50):
            self.apply("local.set", pick(self.choices, places), pops=1)
        elif type_ in NUMBERS and self.shape.usable_memories() and chance(self.choices, 40):
            if not self.canonical_at_source:
                self.canonicalise()
            self.spill(type_)
        else:
            self.apply("drop", pops=1)

    def spill(self, type_: ValType) -> None:
        """Store the number on top at a constant address."""
        local = self.scratch(type_)
        self.emit("local.set", local)
        self.emit("i32.const", 8 * self.choices.choose(32))
        self.emit("local.get", local)
        memory = pick(self.choices, self.shape.usable_memories())
        self.emit(f"{type_}.store", (self.choices.choose(3), 8 * self.choices.choose(32), memory))
        self.pop(1)

    def branched(self) -> None:
        """Note that what follows cannot be reached."""
        del self.stack[self.frame.height :]
        self.frame.unreachable = True

    def burn(self) -> None:
        """Take one from the budget, or return default values if nothing is left."""
        fuel = self.shape.fuel
        self.emit("global.get", fuel)
        self.emit("i32.eqz")
        self.emit("if", bytes([encoder.EMPTY_BLOCK]))
        for type_ in self.type.results:
            self.default(type_)
        self.emit("return")
        self.emit("end")
        self.emit("global.get", fuel)
        self.emit("i32.const", 1)
        self.emit("i32.sub")
        self.emit("global.set", fuel)

    def default(self, type_: ValType) -> None:
        if isinstance(type_, RefType):
            self.emit("ref.null", bytes([encoder.VALTYPES[type_]]))
        else:
            self.emit(f"{type_}.const", 0)

    def statements(self, count: int) -> None:
        """Write some statements; after a branch, seldom any."""
        self.depth += 1
        for _ in range(count):
            if self.budget <= 0 or self.depth > 12 or (self.frame.unreachable and not chance(self.choices, 30)):
                break
            menu.statement(self.choices)(self)
        self.depth -= 1

    def random_block_type(self) -> FuncType:
        """Return a block type whose parameters lie on the stack."""
        visible = self.visible()
        taken = self.choices.choose(min(3, len(visible)) + 1)
        results = random_types(self.choices, 3) if chance(self.choices, 40) else ()
        return FuncType(tuple(visible[len(visible) - taken :]), results)

    def finish(self) -> bytes:
        """Return the body encoded, its locals included."""
        self.leave(self.type.results)
        self.emit("end")
        groups: list[tuple[int, ValType]] = []
        for type_ in self.locals[len(self.type.params) :]:
            if groups and groups[-1][1] == type_ and not chance(self.choices, 10):
                groups[-1] = groups[-1][0] + 1, type_
            else:
                groups.append((1, type_))
        declarations = [encoder.u_leb(count) + bytes([encoder.VALTYPES[type_]]) for count, type_ in groups]
        content = encoder.vector(declarations) + self.code
        return encoder.u_leb(len(content)) + content


def make_body(shape: Shape, type_: FuncType, size: int) -> bytes:
    """Return a random body of about `size` instructions, encoded."""
    body = Body(shape, type_, size)
    body.burn()
    while body.budget > 0 and not body.frame.unreachable:
        body.statements(4)
    return body.finish()
