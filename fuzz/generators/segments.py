"""Constant expressions, element segments and data segments, in all their encodings."""

from __future__ import annotations

from dataclasses import dataclass, field

from fuzz.generators import encoder
from fuzz.generators.choices import Choices, chance, pick
from fuzz.generators.shape import SegmentPlan, Shape
from fuzz.generators.values import constant
from pywasmjit.wasm.opcodes import BY_NAME
from pywasmjit.wasm.types import FUNCREF, RefType, ValType

PAGE = 65536
END = b"\x0b"


@dataclass
class Writer:
    """A shape, and the encoded segments made for it so far."""

    shape: Shape
    elements: list[bytes] = field(default_factory=list)
    datas: list[bytes] = field(default_factory=list)

    def emit(self, name: str, *immediates: object) -> bytes:
        self.shape.used[name] += 1
        return encoder.instruction(BY_NAME[name], *immediates)

    def expression(self, type_: ValType, bits: int) -> bytes:
        return self.emit(f"{type_}.const", bits) + END

    def initial_value(self, type_: ValType, imported: int) -> bytes:
        """Return a constant expression of a type, which may read the first `imported` globals."""
        shape, choices = self.shape, self.shape.choices
        readable = [i for i, g in enumerate(shape.globals[:imported]) if g.content == type_ and not g.mutable]
        if readable and chance(choices, 60):
            return self.emit("global.get", pick(choices, readable)) + END
        if isinstance(type_, RefType):
            return self.reference(type_) + END
        if type_ in ("i32", "i64") and chance(choices, 25):
            operator = pick(choices, ("add", "sub", "mul"))
            operands = [self.emit(f"{type_}.const", constant(choices, type_)) for _ in range(2)]
            return b"".join(operands) + self.emit(f"{type_}.{operator}") + END
        return self.expression(type_, constant(choices, type_))

    def reference(self, type_: RefType, function: int | None = None) -> bytes:
        """Return `ref.func`, or `ref.null` where that is not possible or `function` is None and luck wills it."""
        if type_ == FUNCREF and (function is not None or chance(self.shape.choices, 60)):
            index = self.shape.choices.choose(len(self.shape.functions)) if function is None else function
            self.shape.refs.add(index)
            return self.emit("ref.func", index)
        return self.emit("ref.null", bytes([encoder.VALTYPES[type_]]))

    def offset(self, place: int) -> bytes:
        """Return the constant expression of an active segment's place."""
        if chance(self.shape.choices, 15):
            first = self.emit("i32.const", (place - 7) % (1 << 32)) + self.emit("i32.const", 7)
            return first + self.emit("i32.add") + END
        return self.expression("i32", place)

    def declare_references(self) -> None:
        """Add the declarative segment that `ref.func` in bodies asks for."""
        if self.shape.refs:
            functions = [encoder.u_leb(i) for i in sorted(self.shape.refs)]
            self.elements.append(b"\3\0" + encoder.vector(functions))


def element_segments(writer: Writer) -> None:
    """Fill tables that bodies only read with functions, then make segments of every other kind."""
    shape, choices = writer.shape, writer.shape.choices
    for index, plan in enumerate(shape.tables):
        if plan.type.element == FUNCREF and plan.type.minimum and not (plan.writable and chance(choices, 50)):
            _active(writer, index, plan.type.minimum)
    for _ in range(choices.choose(3)):
        type_ = pick(choices, [FUNCREF, *(plan.type.element for plan in shape.tables)])
        count = choices.choose(6)
        content, _ = _items(writer, type_, count)
        indices = content[0] == "indices"
        passive = not chance(choices, 20)
        flags = (0 if indices else 4) | (1 if passive else 3)
        kind = b"\0" if indices else bytes([encoder.VALTYPES[type_]])
        writer.elements.append(bytes([flags]) + kind + content[1])
        shape.elements.append(SegmentPlan(count, passive, type_))


def _items(writer: Writer, type_: RefType, count: int) -> tuple[tuple[str, bytes], list[int | None]]:
    """Return (form, encoded vector) of references, and the functions they name."""
    shape, choices = writer.shape, writer.shape.choices
    functions: list[int | None] = [choices.choose(len(shape.functions)) for _ in range(count)]
    if type_ == FUNCREF and chance(choices, 60):
        return ("indices", encoder.vector([encoder.u_leb(f or 0) for f in functions])), functions
    if type_ != FUNCREF:
        functions = [None] * count
    functions = [None if chance(choices, 20) else f for f in functions]
    null = bytes([encoder.VALTYPES[type_]])
    items = [(writer.emit("ref.null", null) if f is None else writer.emit("ref.func", f)) + END for f in functions]
    return ("expressions", encoder.vector(items)), functions


def _active(writer: Writer, table: int, size: int) -> None:
    """Write functions into a table of `size` slots."""
    shape, choices = writer.shape, writer.shape.choices
    count = 1 + choices.choose(size)
    place = choices.choose(size - count + 1)
    if shape.risky():
        place = size
    (form, content), functions = _items(writer, FUNCREF, count)
    offset = writer.offset(place)
    short = table == 0 and not chance(choices, 20)
    if form == "indices":
        head = b"\0" + offset if short else b"\2" + encoder.u_leb(table) + offset + b"\0"
    else:
        head = b"\4" + offset if short else b"\6" + encoder.u_leb(table) + offset + b"\x70"
    writer.elements.append(head + content)
    shape.elements.append(SegmentPlan(count, False, FUNCREF))
    if place + count <= size:
        shape.tables[table].slots.update({place + i: f for i, f in enumerate(functions) if f is not None})


def data_segments(writer: Writer) -> None:
    """Make active segments for usable memories, and passive ones."""
    shape, choices = writer.shape, writer.shape.choices
    memories = shape.usable_memories()
    for _ in range(choices.choose(4)):
        raw = _content(choices)
        content = encoder.u_leb(len(raw)) + raw
        passive = not memories or chance(choices, 50)
        if passive:
            writer.datas.append(b"\1" + content)
        else:
            memory = pick(choices, memories)
            end = PAGE * shape.memories[memory].minimum
            place = pick(choices, (0, 8, 0, 256, end - len(raw)))
            if shape.risky():
                place = end - len(raw) + 1
            short = memory == 0 and not chance(choices, 20)
            head = b"\0" if short else b"\2" + encoder.u_leb(memory)
            writer.datas.append(head + writer.offset(place) + content)
        shape.datas.append(SegmentPlan(len(raw), passive))


def _content(choices: Choices) -> bytes:
    """Return a few bytes, or many that look random and depend on one choice."""
    if not chance(choices, 60):
        return bytes(choices.choose(256) for _ in range(choices.choose(24)))
    state, out = choices.choose(1 << 32), bytearray()
    while len(out) < 400:
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        out += (state >> 24).to_bytes(5, "little")
    return bytes(out)
