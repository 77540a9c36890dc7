"""Whole modules: declarations, segments, exports, and the calls to make on an instance.

Everything is exported: functions as "f0", "f1", ..., memories "m0", tables "t0",
globals "g0", each numbered over its whole index space; the budget of calls and
loop rounds is the exported global "fuel", to be set to `FUEL` before each call.
Imports are named "env.f0", "env.g0" and so on; `fuzz.oracles.host` supplies them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from fuzz.generators import encoder
from fuzz.generators.bodies import make_body
from fuzz.generators.choices import Choices, chance, pick
from fuzz.generators.segments import Writer, data_segments, element_segments
from fuzz.generators.shape import NUMBERS, Shape, TablePlan, random_type, random_types
from fuzz.generators.values import CANONICAL_NAN, constant, is_nan
from pywasmjit.wasm.types import EXTERNREF, FUNCREF, FuncType, GlobalType, MemoryType, RefType, TableType, ValType

FUEL: Final = 40

Argument = int | str | None
"""Bits of a number; for references None, or a string that stands for a host object."""


@dataclass(frozen=True)
class Generated:
    """A module and what to call: (export, arguments) in order."""

    data: bytes
    calls: tuple[tuple[str, tuple[Argument, ...]], ...]
    used: Counter[str]


def generate(choices: Choices, size: int = 200) -> Generated:
    """Return a random well-typed module with bodies of up to about `size` instructions."""
    writer = Writer(Shape(choices))
    shape = writer.shape
    shape.risk = pick(choices, (0, 0, 2, 5, 12))
    imports = _imports(writer)
    functions = [_function_type(choices) for _ in range(1 + choices.choose(5))]
    shape.functions += functions
    tables, memories = _tables(shape), _memories(shape)
    globals_ = _globals(writer)
    element_segments(writer)
    data_segments(writer)
    bodies = [make_body(shape, type_, 5 + choices.choose(size)) for type_ in functions]
    declarations = [encoder.u_leb(shape.type_index(type_)) for type_ in functions]
    start = _start(shape)
    writer.declare_references()
    sections = {
        2: imports,
        3: declarations,
        4: tables,
        5: memories,
        6: globals_,
        7: _exports(shape),
        9: writer.elements,
        10: bodies,
        11: writer.datas,
        1: [encoder.func_type(type_) for type_ in shape.types],
    }
    return Generated(_assemble(choices, sections, start), _calls(shape), shape.used)


def _function_type(choices: Choices) -> FuncType:
    return FuncType(random_types(choices, 4), random_types(choices, 3 if chance(choices, 30) else 1))


def _imports(writer: Writer) -> list[bytes]:
    """Choose imports of all four kinds, and return their encoded entries."""
    shape, choices = writer.shape, writer.shape.choices
    out: list[bytes] = []

    def entry(kind: str, number: int, description: bytes) -> None:
        out.append(encoder.name("env") + encoder.name(f"{kind}{number}") + description)

    for i in range(choices.choose(3)):
        type_ = FuncType(_numbers(choices, 3), _numbers(choices, 2))
        shape.functions.append(type_)
        entry("f", i, b"\0" + encoder.u_leb(shape.type_index(type_)))
    shape.imported_functions = len(shape.functions)
    for i in range(choices.choose(3)):
        global_ = GlobalType(random_type(choices), choices.choose(2) == 1)
        shape.globals.append(global_)
        entry("g", i, b"\3" + encoder.global_type(global_))
    if chance(choices, 15):
        memory = MemoryType(1 + choices.choose(2), 3 + choices.choose(3))
        shape.memories.append(memory)
        entry("m", 0, b"\2" + encoder.memory_type(memory))
    if chance(choices, 15):
        table = TableType(pick(choices, (FUNCREF, EXTERNREF)), choices.choose(8), 8 + choices.choose(8))
        shape.tables.append(TablePlan(table))
        entry("t", 0, b"\1" + encoder.table_type(table))
    return out


def _numbers(choices: Choices, most: int) -> tuple[ValType, ...]:
    return tuple(pick(choices, NUMBERS) for _ in range(choices.choose(most + 1)))


def _tables(shape: Shape) -> list[bytes]:
    choices = shape.choices
    own = []
    for _ in range(choices.choose(4)):
        minimum = choices.choose(10)
        maximum = minimum + choices.choose(20) if chance(choices, 60) else None
        element = EXTERNREF if chance(choices, 25) else FUNCREF
        own.append(TablePlan(TableType(element, minimum, maximum), writable=chance(choices, 50)))
    shape.tables += own
    return [encoder.table_type(plan.type) for plan in own]


def _memories(shape: Shape) -> list[bytes]:
    choices = shape.choices
    own = []
    for _ in range(pick(choices, (1, 1, 1, 1, 1, 1, 0, 2, 3))):
        minimum = 0 if chance(choices, 5) else 1 + choices.choose(2)
        shared = chance(choices, 20)
        maximum = minimum + choices.choose(4) if shared or chance(choices, 60) else None
        own.append(MemoryType(minimum, maximum, shared))
    shape.memories += own
    return [encoder.memory_type(memory) for memory in own]


def _globals(writer: Writer) -> list[bytes]:
    """Declare the budget and some more globals."""
    shape, choices = writer.shape, writer.shape.choices
    shape.fuel = len(shape.globals)
    fuel = GlobalType("i32", True)
    out = [encoder.global_type(fuel) + writer.expression("i32", FUEL)]
    imported = len(shape.globals)
    shape.globals.append(fuel)
    for _ in range(choices.choose(6)):
        global_ = GlobalType(random_type(choices), not chance(choices, 25))
        out.append(encoder.global_type(global_) + writer.initial_value(global_.content, imported))
        shape.globals.append(global_)
    return out


def _start(shape: Shape) -> int | None:
    plain = [i for i, type_ in enumerate(shape.functions) if not type_.params and not type_.results]
    return pick(shape.choices, plain) if plain and chance(shape.choices, 30) else None


def _exports(shape: Shape) -> list[bytes]:
    kinds = (("f", 0, shape.functions), ("t", 1, shape.tables), ("m", 2, shape.memories), ("g", 3, shape.globals))
    out = [encoder.name("fuel") + b"\3" + encoder.u_leb(shape.fuel)]
    for letter, kind, items in kinds:
        for i in range(len(items)):
            out.append(encoder.name(f"{letter}{i}") + bytes([kind]) + encoder.u_leb(i))
    return out


def _assemble(choices: Choices, sections: dict[int, list[bytes]], start: int | None) -> bytes:
    """Return the module, some of its lengths padded, some custom sections between."""
    padded = chance(choices, 10)
    out = bytearray(encoder.MAGIC)

    def put(number: int, content: bytes) -> None:
        nonlocal out
        out += encoder.section(number, content, choices.choose(4) if padded else 0)
        if chance(choices, 3):
            out += encoder.custom_section(pick(choices, ("x", "producers", "é")), bytes(choices.choose(5)))

    for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11):
        if number == 8 and start is not None:
            put(8, encoder.u_leb(start))
        elif number == 12 and sections[11]:
            put(12, encoder.u_leb(len(sections[11])))
        elif sections.get(number):
            put(number, encoder.vector(sections[number]))
    if chance(choices, 20):
        out += encoder.custom_section("name", _names(len(sections[3])))
    return bytes(out)


def _names(functions: int) -> bytes:
    """Return a name section's content: of the module, and of the first functions."""
    pairs = [encoder.u_leb(i) + encoder.name(f"function {i}") for i in range(functions)]
    return encoder.section(0, encoder.name("fuzzed")) + encoder.section(1, encoder.vector(pairs))


def _calls(shape: Shape) -> tuple[tuple[str, tuple[Argument, ...]], ...]:
    """Choose two or three tuples of arguments for each function."""
    out = []
    for i in range(shape.imported_functions, len(shape.functions)):
        for _ in range(2 + shape.choices.choose(2)):
            arguments = tuple(_argument(shape.choices, type_) for type_ in shape.functions[i].params)
            out.append((f"f{i}", arguments))
    return tuple(out)


def _argument(choices: Choices, type_: ValType) -> Argument:
    """Choose an argument; NaNs are canonical, as a host cannot pass others to every engine."""
    if isinstance(type_, RefType):
        return pick(choices, (None, "one", "two")) if type_ == EXTERNREF else None
    bits = constant(choices, type_)
    return CANONICAL_NAN[type_] if is_nan(type_, bits) else bits
