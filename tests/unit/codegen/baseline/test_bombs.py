"""Modules made to be expensive: they compile in linear time and bounded memory, or end in a declared limit."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from module_builder import END, F32, I32, I64, body, functype, leb, module, section, sleb, vec
from module_builder import name as named

import pywasmjit as wj
from pywasmjit.codegen.baseline import driver
from pywasmjit.codegen.baseline.context import Context
from pywasmjit.codegen.baseline.driver import Driver
from pywasmjit.codegen.baseline.views import ViewBudget
from tests.wat import assemble

BLOCK, LOOP, IF, ELSE, DROP, ADD, BR_IF, BR_TABLE = (bytes(b) for b in
    ((2, 0x40), (3, 0x40), (4, 0x40), (5,), (0x1A,), (0x6A,), (0x0D,), (0x0E,)))  # fmt: skip
NOTHING = functype()
EXPORT = section(7, vec([named("f") + b"\0\0"]))
MEMORY = section(5, vec([b"\0\1"]))


def get(local: int) -> bytes:
    return b"\x20" + leb(local)


def assign(local: int) -> bytes:
    return b"\x21" + leb(local)


def const(value: int) -> bytes:
    return b"\x41" + sleb(value)


def const64(value: int) -> bytes:
    return b"\x42" + sleb(value)


def alone(
    code: bytes, params: bytes = b"", results: bytes = b"", locals_: Any = (), types: Any = (), before: bytes = b""
) -> bytes:
    """Return a module of one exported function."""
    return module(
        body(code, locals_), types=(functype(params, results), *types), functions=[0], before_code=before + EXPORT
    )


def chain(step: bytes, type: bytes = I32, before: bytes = b"") -> Callable[[int], bytes]:
    """Return a maker of functions that apply the same instructions to their argument again and again."""
    return lambda n: alone(get(0) + step * n + END, type, type, before=before)


def facts_used(n: int) -> bytes:
    """Read many locals that are zero until then."""
    return b"".join(get(local) + DROP for local in range(min(n, 900)))


def calls(step: bytes, n: int) -> bytes:
    bodies = body(get(0) + step * n + END), body(get(0) + END), body(get(0) + END)
    types = functype(I32, I32), functype(I32 + I32, I32)
    return module(*bodies, types=types, functions=[0, 0, 1], before_code=EXPORT)


def wide_calls(argument: bytes, n: int) -> bytes:
    bodies = body((argument * 1000 + b"\x10\1") * (n // 1000) + END), body(END)
    return module(*bodies, types=(functype(I32), functype(I32 * 1000)), functions=[0, 1], before_code=EXPORT)


BOMBS: dict[str, Callable[[int], bytes]] = {
    "nested blocks": lambda n: alone(BLOCK * n + END * n + END),
    "nested loops": lambda n: alone(LOOP * n + END * n + END),
    "nested ifs, facts about many locals": lambda n: alone(
        (const(1) + IF) * n + END * n + facts_used(n) + END, locals_=[(900, I32)]),
    "else after else": lambda n: alone((get(0) + IF + ELSE) * n + END * n + END, I32),
    "loops, facts about many locals": lambda n: alone((LOOP + END) * n + facts_used(n) + END, locals_=[(900, I32)]),
    "branches, facts about many locals": lambda n: alone(
        (BLOCK + (get(0) + BR_IF + b"\0") * 2 + END) * (n // 3) + facts_used(n) + END, locals_=[(900, I32)]),
    "branches out of every depth": lambda n: alone(
        BLOCK * n + b"".join(get(0) + BR_IF + leb(i) for i in range(n)) + END * n + END, I32),
    "back to every loop": lambda n: alone(
        LOOP * n + b"".join(get(0) + BR_IF + leb(i) for i in range(n)) + END * n + END, I32),
    "assignments in loops": lambda n: alone(
        (LOOP + b"".join(const(i) + assign(i) for i in range(100)) + END) * (n // 100) + END, locals_=[(1000, I32)]),
    "locals of alternating types": lambda n: alone(
        b"".join(get(i) + DROP for i in range(n // 2, n)) + END, locals_=[(1, (I32, I64)[i & 1]) for i in range(n)]),
    "operands": lambda n: alone(const(1) * n + DROP * n + END),
    "operands added up": lambda n: alone(get(0) * n + ADD * (n - 1) + END, I32, I32),
    "operands to be reduced": lambda n: alone((get(0) + const(1) + ADD) * n + b"\x46" * (n - 1) + END, I32, I32),
    "branches that drop everything": lambda n: alone(
        b"\x02" + I32 + const(5) * n + (const(7) + get(0) + BR_IF + b"\0" + DROP) * n
        + b"\x0c\0" + END + END, I32, I32),
    "table of one target": lambda n: alone(BLOCK + get(0) + BR_TABLE + leb(n) + b"\0" * n + b"\0" + END + END, I32),
    "table of alternating targets": lambda n: alone(
        BLOCK * 2 + get(0) + BR_TABLE + leb(n) + b"\0\1" * (n // 2) + b"\0" + END * 3, I32),
    "table of targets that drop operands": lambda n: alone(
        b"\x02" + I32 + const(0) * 300 + b"\x02" + I32 + const(1) * 300 + const(9)
        + get(0) + BR_TABLE + leb(n) + b"\0\1" * (n // 2) + b"\0" + END + b"\x0c\0" + END + END, I32, I32),
    "table of targets that take values": lambda n: alone(
        (b"\x02" + leb(1)) * 2 + const(1) * 40 + get(0) + BR_TABLE + leb(n) + b"\0\1" * (n // 2) + b"\0"
        + END + END + DROP * 30 + END, I32, types=(functype(b"", I32 * 30),)),
    "table of every depth": lambda n: alone(
        (BLOCK + const(1)) * n + get(0) + BR_TABLE + leb(n) + b"".join(map(leb, range(n))) + b"\0"
        + END + (DROP + END) * (n - 1) + END, I32),
    "offsets": lambda n: alone(
        b"".join(get(0) + b"\x28\2" + leb(i) + DROP for i in range(n)) + END, I32, before=MEMORY),
    "additions": chain(get(0) + b"\x7c", I64),
    "shifts": chain(const64(63) + b"\x86", I64),
    "multiplications": chain(get(0) + b"\x7e", I64),
    "selections": chain(get(0) + get(0) + b"\x1b"),
    "inversions": chain(b"\x45"),
    "signed comparisons": chain(get(0) + b"\x48"),
    "signed divisions": chain(const(3) + b"\x6d"),
    "loads of loads": chain(b"\x28\2\0" + const(1) + ADD, before=MEMORY),
    "leading zeros": chain(b"\x67"),
    "rounding": chain(get(0) + b"\x92", F32),
    "calls of calls": lambda n: calls(const(1) + ADD + b"\x10\1", n),
    "calls in last arguments": lambda n: calls(get(0) * 20 + b"\x10\2" * 20, n // 20),
    "calls with many arguments": lambda n: wide_calls(const(1), n),
    "calls with many arguments to be reduced": lambda n: wide_calls(get(0) + const(1) + ADD, n),
}  # fmt: skip


def cost(data: bytes) -> float:
    """Return the CPU time that compiling the first function takes, verification included."""
    loaded = wj.Module(data)
    started = time.process_time()
    loaded._unit.template(0)
    return time.process_time() - started


@pytest.mark.parametrize("bomb", BOMBS)
def test_compiling_takes_linear_time(bomb: str) -> None:
    small, large = 1000, 4000
    make = BOMBS[bomb]
    few, many = make(small), make(large)
    cost(few)
    ratio = min(cost(many) / max(cost(few), 0.004) for _ in range(3))
    assert ratio < 12, f"{ratio:.1f} times the time for 4 times the code"


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_compiles_runs(bomb: str) -> None:
    f = wj.Instance(wj.Module(BOMBS[bomb](2000))).exports.f
    zeros = [0] * len(f.type.params)
    assert f(*zeros) == f(*zeros)


def test_a_hundred_thousand_nested_blocks_run() -> None:
    assert wj.Instance(wj.Module(alone(BLOCK * 100_000 + END * 100_000 + const(3) + END, b"", I32))).exports.f() == 3


def test_a_table_of_many_targets_that_drop_and_carry_values_branches_right() -> None:
    carried = functype(b"", I32 * 12)
    count = 40
    code = (b"\x02\1" + const(100)) * 3 + b"".join(const(i) for i in range(12))
    code += get(0) + BR_TABLE + leb(count) + b"".join(leb(i % 3) for i in range(count)) + b"\2" + END
    for level in (1, 2):
        code += const(level) + ADD + b"\x0c\0" + END  # the last of the carried values tells the way
    # Each block but the innermost leaves 12 values on top of what its own operands are.
    f = wj.Instance(wj.Module(alone(code + (ADD * 11) + END, I32, I32, types=(carried,)))).exports.f
    assert [f(n) for n in (0, 1, 2, 3, 41, -1)] == [66 + 3, 66 + 2, 66, 66 + 3, 66, 66]


@pytest.mark.parametrize("carried", [1, 2, 8, 9, 20])
@pytest.mark.parametrize("surplus", [1, 8, 9, 50])
def test_a_branch_keeps_the_order_of_what_it_carries(carried: int, surplus: int) -> None:
    code = b"\x02\1" + const(-1) * surplus + b"".join(const(i) for i in range(carried)) + get(0) + BR_IF + b"\0"
    code += b"\x00" + END + END
    f = wj.Instance(wj.Module(alone(code, I32, I32 * carried, types=(functype(b"", I32 * carried),)))).exports.f
    assert f(1) == (0 if carried == 1 else tuple(range(carried)))


def test_jumps_that_make_each_other_longer_end_in_a_limit() -> None:
    statement, odd = get(0) + assign(0), get(0) + const(1) + ADD + DROP
    seen: set[str] = set()
    for padding in range(60, 65):
        code = BLOCK * 301
        for n in range(300):
            code += get(0) + BR_IF + b"\1" + odd * (n & 1) + statement * padding + END
        try:
            assert wj.Instance(wj.Module(alone(code + statement * 200 + END + END, I32))).exports.f(0) is None
            seen.add("fine")
        except wj.ResourceLimit as error:
            seen.add(error.name)
    assert seen <= {"fine", "jump_passes"}
    assert "fine" in seen
    if sys.version_info < (3, 12):
        assert "jump_passes" in seen


def test_more_code_than_the_instructions_warrant_ends_in_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LEAST_ITEMS_LIMIT", 100)
    monkeypatch.setattr(driver, "ITEMS_PER_INSTRUCTION", 2)
    with pytest.raises(wj.ResourceLimit, match=r"code_items = .* function 0 at offset"):
        wj.Module(chain(get(0) + b"\x7e", I64)(200))._unit.template(0)


def test_no_intermediate_integer_grows_beyond_128_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The greatest bound that the compiler allows any value to have, over chains of everything that defers masks."""
    widest = 0
    pop, pop_many = Context.pop, Context.pop_many

    def watch(values: list[Any]) -> list[Any]:
        nonlocal widest
        widest = max(widest, *(bound.bit_length() for value in values for bound in (value.low, value.high)), 0)
        return values

    steps = [get(0) + bytes([code]) for code in (0x7C, 0x7D, 0x7E, 0x85, 0x86, 0x89)]  # add sub mul xor shl rotl
    steps += [const64(63) + b"\x86", const64(5) + b"\x8a", const64(-1) + b"\x84", const64(-1) + b"\x7e"]
    steps += [const64(-(2**63)) + b"\x7c"]
    monkeypatch.setattr(Context, "pop", lambda self: watch([pop(self)])[0])
    monkeypatch.setattr(Context, "pop_many", lambda self, count: watch(pop_many(self, count)))
    for first, second, third in product(steps, repeat=3):
        syntax = wj.Module(alone(get(0) + (first + second + third) * 4 + END, I64, I64)).syntax
        Driver(syntax, 0, views=ViewBudget(), cells={}).compile()
    assert 64 < widest <= 129


# Names.

NAMES = [
    *(b"a\"b'c\\", b"\0", b"a\0b", "\u202e\u2066".encode(), b"\xff\xfe", b"\xed\xa0\x80", b"", b"<string>"),
    *(b"/etc/passwd", b"\n\r\x1b[31m", b"lambda", b"None", b"function:0", b"link", b"__wasm__", b"__builtins__"),
    *(b"global0", b".0", b"a" * 1_000_000, b"local1", b"scratch0", b"spilled", b"activation", b"site", b"frame"),
    *("\u212b".encode(), b"%s{0}"),
]


def subsection(number: int, content: bytes) -> bytes:
    return bytes([number]) + leb(len(content)) + content


def with_names(text: bytes, locals_: dict[int, bytes]) -> bytes:
    """Return a module of hostile names: f(a, b) = a - b + global, by way of locals and a cell; traps if b = 0."""
    raw = leb(len(text)) + text
    content = named("name") + subsection(0, raw) + subsection(1, vec([b"\0" + raw, b"\1" + raw]))
    content += subsection(2, vec([b"\0" + vec(leb(n) + leb(len(name)) + name for n, name in locals_.items())]))
    code = (
        get(0)
        + get(1)
        + b"\x6b\x22\2\x23\0"
        + ADD
        + assign(3)
        + get(1)
        + b"\x45"
        + IF
        + b"\0"
        + END
        + b"\x10\1"
        + get(3)
    )
    cell = section(6, vec([b"\x7f\1\x41\x0a\x0b"]))
    return module(
        body(code + END, [(2, I32)]), body(END), types=(functype(I32 + I32, I32), functype()), functions=[0, 1],
        before_code=cell + EXPORT, after_code=section(0, content),
    )  # fmt: skip


def look(frame: Any, event: str, argument: object) -> Any:
    """Trace as a debugger does."""
    assert len(frame.f_locals) >= 0
    return look


@pytest.mark.parametrize("text", NAMES, ids=[repr(name[:12]) for name in NAMES])
@pytest.mark.parametrize("colliding", [False, True])
def test_hostile_names_change_nothing(text: bytes, colliding: bool) -> None:
    locals_ = {0: b"local1", 1: text, 2: b"global0", 3: b"scratch0"} if colliding else dict.fromkeys(range(4), text)
    f = wj.Instance(wj.Module(with_names(text, locals_))).exports.f
    assert f(7, 2) == 15
    before = sys.gettrace()
    sys.settrace(look)
    try:
        assert f(7, 2) == 15  # a debugger copies locals to and fro by name
    finally:
        sys.settrace(before)
    with pytest.raises(wj.Trap) as caught:
        f(1, 0)
    assert str(caught.value) == "unreachable"
    assert "unreachable" in "".join(traceback.format_exception(caught.value))
    for code in (caught.value.__traceback__.tb_next.tb_frame.f_code,):  # type: ignore[union-attr]
        assert len(code.co_filename) < 150
        assert code.co_filename.isprintable()


# What only looks like a bomb.


def wide_blocks(count: int, width: int, functions: int = 1) -> str:
    """Return a module whose functions nest blocks that all take and give many values."""
    type = f"(type $t (func (param{' i32' * width}) (result{' i32' * width})))"
    body = f"{'(local.get 0) ' * width} {'block (type $t) ' * count} {'end ' * count} {'drop ' * (width - 1)}"
    exported = f'(func (export "f") (param i32) (result i32) {body})'
    return f"(module {type} {exported} {f'(func (param i32) (result i32) {body})' * (functions - 1)})"


def wide_branches(count: int, width: int) -> str:
    branches = "(br_if 0 (local.get 0)) " * count
    return f"""(module (func (export "f") (param i32) (result i32)
        (block (result{" i32" * width}) {"(local.get 0) " * width} {branches}) {"drop " * (width - 1)}))"""


def long_tables(count: int, targets: int) -> str:
    table = f"(br_table {' '.join(str(n % 2) for n in range(targets))} 0 (local.get 0))"
    return f"""(module (func (export "f") (param i32) (result i32)
        {"(block (block " * count} {f"{table} (nop) ) ) " * count} (local.get 0)))"""


@pytest.mark.parametrize(
    "text",
    [wide_blocks(50, 50), wide_blocks(300, 20), wide_branches(100, 100), long_tables(1, 60_000), long_tables(60, 300)],
    ids=["blocks of 50", "300 blocks", "branches of 100", "one long table", "many tables"],
)
def test_small_functions_of_odd_shape_run(text: str) -> None:
    assert wj.Instance(wj.Module(assemble(text))).exports.f(5) == 5


def test_work_that_bytes_do_not_pay_for_has_an_end() -> None:
    data = assemble(wide_blocks(300, 500, functions=80))
    before = time.process_time()
    with pytest.raises(wj.ResourceLimit, match="validation_work"):
        wj.validate(data)
    assert time.process_time() - before < 5
