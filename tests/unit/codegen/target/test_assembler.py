"""The writer of code objects gives what the package `bytecode` gives, byte for byte."""

from __future__ import annotations

from pathlib import Path
from struct import pack, unpack
from types import CellType, CodeType, FunctionType
from typing import Any

import pytest

import pywasmjit as wj
from fuzz.generators.choices import RandomChoices
from fuzz.generators.modules import generate
from pywasmjit.codegen.target import cpython, packaged
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.target.assembler import TooManyPasses
from pywasmjit.codegen.verifier import verify
from pywasmjit.errors import ResourceLimit

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.wasm"))

SAID = (
    *("co_code", "co_exceptiontable", "co_linetable", "co_names", "co_varnames", "co_freevars", "co_cellvars"),
    *("co_argcount", "co_nlocals", "co_stacksize", "co_flags", "co_firstlineno", "co_name", "co_qualname"),
)


def assert_same(one: CodeType, other: CodeType) -> None:
    """Compare everything that code objects say; constants by type and text, for 1, 1.0 and True are equal."""
    for name in SAID:
        assert getattr(one, name) == getattr(other, name), name
    assert [(type(each), repr(each)) for each in one.co_consts] == [(type(e), repr(e)) for e in other.co_consts]


def both(items: list[t.Item], **options: Any) -> CodeType:
    """Assemble in both ways, compare, and return the writer's code."""
    options.setdefault("name", "f")
    options = {"qualname": "f", "filename": "file", "parameters": 0, "slots": [], **options}
    written = cpython.assemble(items, by=cpython.by_writer, **options)
    assert_same(written, cpython.assemble(items, by=packaged.assemble, **options))
    return written


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[CodeType]:
    """Have the compiler assemble everything in both ways; the list of what it got."""
    assemble, made = cpython.assemble, []

    def twice(items: list[t.Item], **options: Any) -> CodeType:
        written = assemble(items, by=cpython.by_writer, **options)
        assert_same(written, assemble(items, by=packaged.assemble, **options))
        made.append(written)
        return written

    monkeypatch.setattr(cpython, "assemble", twice)
    return made


@pytest.mark.parametrize("seeds", [range(20), range(20, 40)], ids=str)
def test_random_modules(seeds: range, compared: list[CodeType]) -> None:
    for seed in seeds:
        wj.Module(generate(RandomChoices(seed)).data).compile()
    assert len(compared) > len(seeds)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_real_programs(path: Path, compared: list[CodeType]) -> None:
    wj.Module.from_file(path).compile()
    assert len(compared) >= 5


def straight(count: int, line: int = 1) -> list[t.Item]:
    """Return instructions that take room: 2 units each."""
    return [item for _ in range(count) for item in ((t.LOAD_FAST, 0, line), (t.POP, None, line))]


@pytest.mark.parametrize("count", [0, 1, 125, 126, 127, 128, 129, 130, 40_000])
def test_jumps_of_any_length(count: int) -> None:
    loop, out, odd = t.Label(), t.Label(), t.Label()
    items = [
        (t.NOP, None, 1),
        (t.LABEL, loop, 2),
        (t.LOAD_FAST, 0, 2),
        (t.JUMP_IF_ZERO, out, 2),
        *straight(count, 3),
        (t.LOAD_FAST, 0, 3),
        (t.JUMP_IF_NONZERO, odd, 3),
        *straight(count // 2, 4),
        (t.LABEL, odd, 4),
        (t.LOAD_FAST, 0, 4),
        (t.LOAD_CONST, 1, 4),
        (t.BINARY, "-", 4),
        (t.STORE_FAST, 0, 4),
        (t.LOAD_FAST, 0, 4),
        (t.JUMP_IF_NONZERO, loop, 4),
        (t.LABEL, out, 900),
        (t.LOAD_FAST, 0, 5),
        (t.RETURN, None, 70_000),
    ]
    code = both(items, parameters=1, slots=["n"])
    namespace: dict[str, Any] = {}
    assert type(both)(code, namespace)(3) == 0


def test_handlers_of_any_depth_and_place() -> None:
    handler, end = t.Label(), t.Label()
    items: list[t.Item] = [
        *[(t.LOAD_CONST, n, 1) for n in range(70)],
        (t.TRY, (handler, 70), 2),
        (t.LOAD_CONST, 1, 2),
        (t.LOAD_FAST, 299, 2),
        *straight(300, 2),
        (t.BINARY, "//", 2),
        (t.END_TRY, handler, 2),
        (t.JUMP, end, 3),
        (t.LABEL, handler, 4),
        (t.NOP, None, 4),
        (t.LABEL, end, 5),
        *[(t.POP, None, 5) for _ in range(70)],
        (t.RETURN, None, 5),
    ]
    code = both(items, parameters=300, slots=[f"l{n}" for n in range(300)])
    assert type(both)(code, {})(*([0] * 300)) == 0


NUMBERS = (254, 255, 256, 257, 65_535, 65_536)


def numbered(kind: str, number: int) -> tuple[list[t.Item], t.Item, dict[str, Any]]:
    """Return what has to come first, an instruction whose argument is `number`, and options.

    On 3.11 and later the argument of a cell counts the locals too.
    """
    if kind == "local":
        slots = [f"l{n}" for n in range(number + 1)]
        uses = [item for n in range(number) for item in ((t.LOAD_CONST, None, 1), (t.STORE_FAST, n, 1))]
        return [*uses, (t.LOAD_CONST, 5, 1), (t.STORE_FAST, number, 1)], (t.LOAD_FAST, number, 1), {"slots": slots}
    if kind == "constant":
        uses = [item for n in range(number) for item in ((t.LOAD_CONST, n, 1), (t.POP, None, 1))]
        return uses, (t.LOAD_CONST, "last", 1), {}
    if kind == "name":  # the lowest bit tells whether a NULL is pushed
        uses = [item for n in range(number // 2) for item in ((t.LOAD_GLOBAL, f"g{n}", 1), (t.POP, None, 1))]
        return uses, (t.LOAD_GLOBAL, "last", 1), {}
    slots = [f"l{n}" for n in range(number)]
    uses = [item for n in range(number) for item in ((t.LOAD_CONST, None, 1), (t.STORE_FAST, n, 1))]
    return uses, (t.LOAD_CELL, 0, 1), {"slots": slots, "cells": ("cell",)}


PLACES = (
    "first of a range",
    "last of a range",
    "first behind a range",
    "first of a handler",
    "behind a jump",
    "a line",
)
EVERYWHERE = ", ".join(PLACES)


def placed(place: str, before: list[t.Item], use: t.Item) -> list[t.Item]:
    """Return code with a range, a handler, a jump and lines, where `use` stands at `place`."""
    handler, out = t.Label(), t.Label()
    plain: t.Item = (t.LOAD_CONST, None, 1)

    def here(name: str, line: int) -> list[t.Item]:
        operation, argument, _ = use if name in place else plain
        return [(operation, argument, line), (t.POP, None, line)]

    return [
        *before,
        (t.TRY, (handler, 0), 2),
        *here("first of a range", 2),
        *here("last of a range", 3),
        (t.END_TRY, handler, 3),
        *here("first behind a range", 4),
        plain,
        (t.JUMP_IF_NONE, out, 4),
        *here("a line", 70_000),
        (t.RETURN_NONE, None, 5),
        (t.LABEL, handler, 6),
        *here("first of a handler", 6),
        (t.RERAISE, None, 6),
        (t.LABEL, out, 7),
        *here("behind a jump", 7),
        (t.LOAD_CONST, 7, 8),
        (t.RETURN, None, 8),
    ]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("kind", ["local", "constant", "name", "cell"])
def test_arguments_of_every_length_stand_in_every_place(kind: str, number: int) -> None:
    """Our own verifier accepts the code, CPython runs it, and the package writes the same."""
    before, use, options = numbered(kind, number)
    names = {f"g{n}": n for n in range(number // 2)} | {"last": 0} if kind == "name" else {}
    closure = (CellType(3),) if kind == "cell" else ()
    for place in PLACES if number < 1000 else (EVERYWHERE,):  # what comes first takes its time
        code = both(placed(place, before, use), **options)
        verify(code, freevars=len(closure))
        assert FunctionType(code, names, "f", (), closure)() == 7, place


def test_constants_that_are_equal_and_not_the_same() -> None:
    nans = unpack("<2d", pack("<2Q", 0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_0001))
    values = [1, True, 1.0, -0.0, 0.0, 0, False, *nans, None, "1", b"1", 1, 1.0, 2**100]
    items: list[t.Item] = [item for value in values for item in ((t.LOAD_CONST, value, 1), (t.POP, None, 1))]
    code = both([*items, (t.RETURN_NONE, None, 1)])
    assert len(code.co_consts) == len(values) - 2


def test_cells_and_globals_of_a_function() -> None:
    items: list[t.Item] = [
        (t.LOAD_CALLEE, "call", 1),
        (t.LOAD_GLOBAL, "value", 1),
        (t.LOAD_CELL, 1, 1),
        (t.CALL, 2, 1),
        (t.STORE_CELL, 0, 2),
        (t.LOAD_CELL, 0, 3),
        (t.LOAD_FAST, 1, 3),
        (t.COMPARE, "<", 3),
        (t.NOT, None, 3),
        (t.RETURN, None, 3),
    ]
    both(items, parameters=2, slots=["a", "b", "c"], cells=("first", "second"))


def test_pairs_of_moves_have_the_lowest_places() -> None:
    moves: list[t.Item] = [(t.LOAD_FAST, n, n) for n in range(30)]
    moves += [item for n in (25, 27, 29) for item in ((t.STORE_FAST, n, 50), (t.LOAD_FAST, n - 1, 50))]
    both([*moves, (t.RETURN, None, 51)], slots=[f"l{n}" for n in range(30)])


def test_too_many_passes_is_a_limit() -> None:
    def give_up(*_: object) -> CodeType:
        raise TooManyPasses

    with pytest.raises(ResourceLimit, match="jump_passes"):
        cpython.assemble(
            [(t.RETURN_NONE, None, 1)], name="f", qualname="f", filename="f", parameters=0, slots=[], by=give_up
        )
