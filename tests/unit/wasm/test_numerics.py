"""Every numeric instruction against wasmtime, bit for bit.

One Wasm function per instruction walks an array of operand bits in memory and
writes the result's bits behind them; instructions that trap are also called one
by one.  A NaN that arithmetic makes may be any quiet NaN, and must be canonical
if no operand carries another payload; everything else must agree exactly.
"""

from __future__ import annotations

import random
import re
import struct
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from pywasmjit.errors import Trap
from pywasmjit.wasm import numerics
from pywasmjit.wasm.numerics import FUNCTIONS

Bits = tuple[int, ...]

UNARY = {"eqz", "clz", "ctz", "popcnt", "extend8_s", "extend16_s", "extend32_s"}
UNARY |= {"abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"}
TESTS = {"eqz", "eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u", "lt", "gt", "le", "ge"}
BITWISE = {"abs", "neg", "copysign"}
TRAPPING = [name for name in FUNCTIONS if re.search(r"div_|rem_|trunc_f", name)]
RESULTS = 1 << 19
CAPACITY = RESULTS // 16


def signature(name: str) -> tuple[tuple[str, ...], str]:
    """Return the parameter types and the result type of an instruction, from its name alone."""
    kind, what = name.split(".")
    if conversion := re.search(r"_([if](?:32|64))", what):
        return (conversion[1],), kind
    return (kind,) if what in UNARY else (kind, kind), "i32" if what in TESTS else kind


def mask(type_: str) -> int:
    return 0xFFFF_FFFF if type_.endswith("32") else 0xFFFF_FFFF_FFFF_FFFF


def as_integer(type_: str) -> str:
    return type_.replace("f", "i")


def wat_function(name: str) -> str:
    """Return an array loop and, for trapping instructions, a plain wrapper; both see bits only."""
    params, result = signature(name)
    load = "".join(f"({p}.load offset={8 * i} (local.get $in))" for i, p in enumerate(params))
    loop = f"""(func (export "each {name}") (param $in i32) (param $out i32) (param $n i32)
      (loop $next
        ({result}.store (local.get $out) ({name} {load}))
        (local.set $in (i32.add (local.get $in) (i32.const 16)))
        (local.set $out (i32.add (local.get $out) (i32.const 8)))
        (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"""
    if name not in TRAPPING:
        return loop
    operands = "".join(
        f"({p}.reinterpret_{as_integer(p)} (local.get {i}))" if p[0] == "f" else f"(local.get {i})"
        for i, p in enumerate(params)
    )
    types = " ".join(as_integer(p) for p in params)
    return f'(func (export "one {name}") (param {types}) (result {result}) ({name} {operands}))'


class Oracle:
    """wasmtime, running each instruction on bits."""

    def __init__(self) -> None:
        functions = "\n".join(wat_function(name) for name in FUNCTIONS)
        self.store = wasmtime.Store()
        module = wasmtime.Module(self.store.engine, f'(module (memory (export "m") 16) {functions})')
        self.exports: Any = wasmtime.Instance(self.store, module, []).exports(self.store)
        self.memory: Any = self.exports["m"]

    def each(self, name: str, operands: Sequence[Bits]) -> list[int]:
        """Return the result bits of an instruction that does not trap."""
        result = signature(name)[1]
        out: list[int] = []
        for at in range(0, len(operands), CAPACITY):
            part = operands[at : at + CAPACITY]
            self.memory.write(self.store, b"".join(struct.pack("<QQ", *(*row, 0)[:2]) for row in part), 0)
            self.exports[f"each {name}"](self.store, 0, RESULTS, len(part))
            raw = bytes(self.memory.read(self.store, RESULTS, RESULTS + 8 * len(part)))
            out += [word & mask(result) for word in struct.unpack(f"<{len(part)}Q", raw)]
        return out

    def one(self, name: str, operands: Bits) -> int | str:
        """Return the result bits, or the words of the trap."""
        try:
            return int(self.exports[f"one {name}"](self.store, *operands)) & mask(signature(name)[1])
        except wasmtime.Trap as trap:
            return trap.message.splitlines()[-1].strip().removeprefix("wasm trap: ")


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle()


FROM_BITS = {"f32": numerics.f32_from_bits, "f64": numerics.f64_from_bits}
TO_BITS = {"f32": numerics.f32_to_bits, "f64": numerics.f64_to_bits}
QUIET = {"f32": 0x7FC0_0000, "f64": 0x7FF8_0000_0000_0000}
INFINITY = {"f32": 0x7F80_0000, "f64": 0x7FF0_0000_0000_0000}


def is_nan(type_: str, bits: int) -> bool:
    return type_[0] == "f" and bits & (mask(type_) >> 1) > INFINITY[type_]


def is_canonical(type_: str, bits: int) -> bool:
    return bits & (mask(type_) >> 1) == QUIET[type_]


def ours(name: str, operands: Bits) -> int | str:
    """Return what `numerics` makes of these bits: bits, or the words of the trap."""
    params, result = signature(name)
    values = [FROM_BITS[p](bits) if p[0] == "f" else bits for p, bits in zip(params, operands, strict=True)]
    try:
        value = FUNCTIONS[name](*values)
    except Trap as trap:
        return str(trap)
    if result[0] == "i":
        assert isinstance(value, int)
        assert 0 <= value <= mask(result)
        return int(value)
    assert type(value) is float
    if result == "f32" and value != value:
        assert numerics.f64_to_bits(value) & 0x1FFF_FFFF == 0, "payload outside of binary32"
    return TO_BITS[result](value)


def check(name: str, operands: Bits, expected: int | str) -> None:
    params, result = signature(name)
    got = ours(name, operands)
    case = f"{name} {[hex(x) for x in operands]}: {got!r}, expected {expected!r}"
    exact = name.split(".")[1] in BITWISE or "reinterpret" in name
    if exact or isinstance(expected, str) or not is_nan(result, expected):
        assert got == expected, case
        return
    assert isinstance(got, int), case
    assert is_nan(result, got), case
    assert got & QUIET[result] == QUIET[result], case
    if not any(is_nan(p, x) and not is_canonical(p, x) for p, x in zip(params, operands, strict=True)):
        assert is_canonical(result, got), case


def check_all(oracle: Oracle, name: str, operands: Sequence[Bits]) -> None:
    if name in TRAPPING:
        results: Iterable[int | str] = (oracle.one(name, row) for row in operands)
    else:
        results = oracle.each(name, operands)
    for row, expected in zip(operands, results, strict=True):
        check(name, row, expected)


def integer_edges(width: int) -> list[int]:
    near = (0, 7, 8, 15, 16, 23, 24, 31, 32, 52, 53, 62, 63, 64)
    values = {(1 << k) + d for k in near if k <= width for d in (-2, -1, 0, 1, 2)} | {3, 10, 0x1234_5678_9ABC_DEF0}
    return sorted({v % (1 << width) for v in values} | {-v % (1 << width) for v in values})


def float_edges(type_: str) -> list[int]:
    """Zeros, subnormals, halves, integers near every bound of a conversion, infinities, all kinds of NaN."""
    numbers = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 3.5, 127.5, 1e-3, 0.1, 1e10, 1e38, 3.4028234e38]
    numbers += [float(1 << k) for k in (22, 23, 24, 31, 32, 51, 52, 53, 62, 63, 64)]
    pack = "<f" if type_ == "f32" else "<d"
    bits = {int.from_bytes(struct.pack(pack, x), "little") for x in numbers}
    inf, quiet = INFINITY[type_], QUIET[type_]
    around = {b + d for b in bits if b for d in (-2, -1, 1, 2)}
    special = {1, 2, inf & -inf, (inf & -inf) - 1, inf - 1, inf, inf + 1, quiet - 1, quiet, quiet + 1, mask(type_) >> 1}
    positive = bits | around | special
    return sorted(positive | {b | (mask(type_) + 1) >> 1 for b in positive})


EDGES = {
    "i32": integer_edges(32),
    "i64": integer_edges(64),
    "f32": float_edges("f32"),
    "f64": sorted({*float_edges("f64"), *map(numerics.f64_to_bits, map(numerics.f32_from_bits, float_edges("f32")))}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_edges_times_edges(oracle: Oracle, name: str) -> None:
    params, _ = signature(name)
    rows: list[Bits] = [(a,) for a in EDGES[params[0]]]
    if len(params) == 2:
        rows = [(a, b) for (a,) in rows for b in EDGES[params[1]]]
        rows = random.Random(name).sample(rows, min(len(rows), 6000))
    check_all(oracle, name, rows)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_random_bits(oracle: Oracle, name: str) -> None:
    params, _ = signature(name)
    rng = random.Random(name)

    def operand(type_: str) -> int:
        bits = rng.getrandbits(64) & mask(type_)
        return rng.choice((bits, bits, bits >> rng.randrange(64), bits & -1 << rng.randrange(64) & mask(type_)))

    check_all(oracle, name, [tuple(map(operand, params)) for _ in range(1000)])


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_searched_bits(oracle: Oracle, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(FUNCTIONS)))
    operands = tuple(data.draw(st.integers(0, mask(p))) for p in signature(name)[0])
    check_all(oracle, name, [operands])


def test_every_name_has_its_function() -> None:
    assert len(FUNCTIONS) == 136
    for name, function in FUNCTIONS.items():
        assert getattr(numerics, name.replace(".", "_")) is function


@pytest.mark.parametrize("type_", ["f32", "f64"])
def test_bits_survive_a_round_trip(type_: str) -> None:
    for bits in EDGES[type_]:
        assert TO_BITS[type_](FROM_BITS[type_](bits)) == bits


def test_signalling_nan_keeps_its_payload_as_f32() -> None:
    assert numerics.f64_to_bits(numerics.f32_from_bits(0xFFA0_0001)) == 0xFFF4_0000_2000_0000


def test_i64_to_f32_rounds_once() -> None:
    just_above_a_tie = 0x7FFF_FF40_0000_0001
    assert numerics.f32_convert_i64_s(just_above_a_tie) == float(0x7FFF_FF80_0000_0000)
    assert numerics.f32_convert_i64_u(just_above_a_tie | 1 << 63) == float(0xFFFF_FF00_0000_0000)
    assert numerics.f32_convert_i64_s(-just_above_a_tie % 2**64) == -float(0x7FFF_FF80_0000_0000)


def test_booleans_stand_for_zero_and_one() -> None:
    assert numerics.f32_convert_i32_s(True) == 1.0
    assert numerics.i32_clz(True) == 31
    assert type(numerics.f64_convert_i32_u(False)) is float
    assert numerics.f32_to_bits(numerics.f32_from_bits(True)) == 1


def test_signed_views() -> None:
    assert [numerics.signed_32(x) for x in (0, 2**31 - 1, 2**31, 2**32 - 1)] == [0, 2**31 - 1, -(2**31), -1]
    assert [numerics.signed_64(x) for x in (0, 2**63 - 1, 2**63, 2**64 - 1)] == [0, 2**63 - 1, -(2**63), -1]


def test_scratch_buffers_are_safe_between_threads() -> None:
    wrong: list[tuple[int, int]] = []

    def turn(bits: int) -> None:
        for _ in range(30_000):
            got = numerics.f32_to_bits(numerics.f32_from_bits(bits))
            if got != bits or numerics.f64_to_bits(numerics.f64_from_bits(bits)) != bits:
                wrong.append((bits, got))

    threads = [threading.Thread(target=turn, args=(bits,)) for bits in (0x7FA0_0001, 0x3F80_0000, 0xC000_0000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
