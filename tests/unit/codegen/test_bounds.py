"""Bounds against the meaning of instructions, of so few bits that every case can be tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement
from random import Random
from typing import NamedTuple

import pytest

from pywasmjit.codegen import bounds
from pywasmjit.codegen.bounds import Bounds
from pywasmjit.errors import Trap
from pywasmjit.wasm import numerics

Operation = Callable[[int, int, int], int | None]
"""(x, y, bits) -> result, None for a trap."""


def to_signed(x: int, bits: int) -> int:
    x &= (1 << bits) - 1
    return x - (1 << bits) if x >> bits - 1 else x


def quotient(x: int, y: int) -> int:
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def div_s(x: int, y: int, bits: int) -> int | None:
    x, y = to_signed(x, bits), to_signed(y, bits)
    return None if not y or (y == -1 and x == -1 << bits - 1) else quotient(x, y) % (1 << bits)


def rem_s(x: int, y: int, bits: int) -> int | None:
    x, y = to_signed(x, bits), to_signed(y, bits)
    return (x - y * quotient(x, y)) % (1 << bits) if y else None


def rotate_left(x: int, count: int, bits: int) -> int:
    count %= bits
    return (x << count | x >> bits - count) % (1 << bits)


MEANINGS: dict[str, Operation] = {
    "add": lambda x, y, n: (x + y) % (1 << n),
    "sub": lambda x, y, n: (x - y) % (1 << n),
    "mul": lambda x, y, n: x * y % (1 << n),
    "and": lambda x, y, n: x & y,
    "or": lambda x, y, n: x | y,
    "xor": lambda x, y, n: x ^ y,
    "shl": lambda x, y, n: (x << y % n) % (1 << n),
    "shr_u": lambda x, y, n: x >> y % n,
    "shr_s": lambda x, y, n: (to_signed(x, n) >> y % n) % (1 << n),
    "rotl": rotate_left,
    "rotr": lambda x, y, n: rotate_left(x, -y, n),
    "div_u": lambda x, y, n: x // y if y else None,
    "rem_u": lambda x, y, n: x % y if y else None,
    "div_s": div_s,
    "rem_s": rem_s,
    "clz": lambda x, _, n: n - x.bit_length(),
}
"""Instructions on normal numbers, of any number of bits."""

EDGES = (0, 1, 2, 3, 31, 32, 33, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF)


def numeric(mnemonic: str, *operands: int) -> int | None:
    """Return the engine's own result, None for a trap."""
    try:
        return int(numerics.FUNCTIONS[mnemonic](*operands))
    except Trap:
        return None


@pytest.mark.parametrize("name", MEANINGS)
def test_the_meanings_here_are_the_engine_s_for_fewer_bits(name: str) -> None:
    for bits, type in ((32, "i32"), (64, "i64")):
        for x in (*EDGES, *(edge << bits - 32 for edge in EDGES)):
            if name == "clz":
                assert MEANINGS[name](x, 0, bits) == numeric(f"{type}.clz", x)
                continue
            for y in EDGES:
                assert MEANINGS[name](x, y, bits) == numeric(f"{type}.{name}", x, y), (x, y)


class Rule(NamedTuple):
    """One transfer function of two operands, and what compiled code computes where the compiler uses it."""

    instruction: str
    outcome: Callable[[Bounds, Bounds, int], Bounds]
    computed: Operation
    left: str = "open"
    right: str = "open"
    exact: bool = False


def logarithm(bits: int) -> int:
    return bits.bit_length() - 1


def counted(shift: Callable[[Bounds, Bounds], Bounds]) -> Callable[[Bounds, Bounds, int], Bounds]:
    return lambda a, b, n: shift(a, bounds.reduced(b, logarithm(n)))


def twice(n: int) -> int:
    return (1 << n) + 1


def plain(function: Callable[[Bounds, Bounds], Bounds]) -> Callable[[Bounds, Bounds, int], Bounds]:
    return lambda a, b, n: function(a, b)


RULES = [
    Rule("add", plain(bounds.add), lambda x, y, n: x + y, exact=True),
    Rule("sub", plain(bounds.subtract), lambda x, y, n: x - y, exact=True),
    Rule("mul", plain(bounds.multiply), lambda x, y, n: x * y, exact=True),
    Rule("and", plain(bounds.bit_and), lambda x, y, n: x & y),
    Rule("or", plain(bounds.bit_or), lambda x, y, n: x | y),
    Rule("xor", plain(bounds.bit_xor), lambda x, y, n: x ^ y),
    Rule("shl", counted(bounds.shift_left), lambda x, y, n: x << y % n, exact=True),
    Rule("shr_u", counted(bounds.shift_right), lambda x, y, n: x >> y % n, "normal", exact=True),
    Rule("shr_s", counted(bounds.shift_right), lambda x, y, n: x >> y % n, "signed", exact=True),
    Rule(
        "rotl",
        lambda a, b, n: bounds.rotated(a, (1, n), n),
        lambda x, y, n: x * twice(n) >> n - y % n,
        "normal",
    ),
    Rule(
        "rotr",
        lambda a, b, n: bounds.rotated(a, (0, n - 1), n),
        lambda x, y, n: x * twice(n) >> y % n,
        "normal",
    ),
    Rule("div_u", plain(bounds.divide_unsigned), MEANINGS["div_u"], "normal", "normal", exact=True),
    Rule("rem_u", plain(bounds.remainder_unsigned), MEANINGS["rem_u"], "normal", "normal"),
    Rule("div_s", bounds.divide_signed, MEANINGS["div_s"], "normal", "normal"),
    Rule("rem_s", bounds.remainder_signed, MEANINGS["rem_s"], "normal", "normal"),
]


def numbers(form: str, bits: int) -> range:
    """Return the numbers that an operand may be: "open" ones have any form."""
    low, high = {
        "normal": bounds.normal(bits),
        "signed": bounds.signed(bits),
        "open": (-(1 << bits - 1), (1 << bits) - 1),
    }[form]
    return range(low, high + 1)


def intervals(form: str, bits: int) -> Iterator[Bounds]:
    return combinations_with_replacement(numbers(form, bits), 2)


def wider(found: Bounds | None, result: Bounds | None) -> Bounds | None:
    if found is None or result is None:
        return result if found is None else found
    return min(found[0], result[0]), max(found[1], result[1])


def judge(rule: Rule, a: Bounds, b: Bounds, bits: int, true: Bounds | None) -> None:
    """Compare what the rule says with the true bounds, None if all operands trap."""
    found = rule.outcome(a, b, bits)
    assert found[0] <= found[1]
    if true is not None:
        assert bounds.within(true, found), (a, b, found, true)
        assert not rule.exact or found == true, (a, b, found, true)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.instruction)
def test_all_intervals_of_four_bits(rule: Rule) -> None:
    bits = 4
    left, right = numbers(rule.left, bits), numbers(rule.right, bits)
    rows: dict[int, dict[Bounds, Bounds | None]] = {}
    for x in left:
        row = rows[x] = {}
        for low in right:
            found = None
            for high in range(low, right.stop):
                result = rule.computed(x, high, bits)
                found = wider(found, None if result is None else (result, result))
                row[low, high] = found
    for low in left:
        true: dict[Bounds, Bounds | None] = dict.fromkeys(rows[low])
        for high in range(low, left.stop):
            for b, here in rows[high].items():
                true[b] = wider(true[b], here)
                judge(rule, (low, high), b, bits, true[b])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.instruction)
def test_some_intervals_of_eight_bits(rule: Rule) -> None:
    bits, random = 8, Random(rule.instruction)
    for _ in range(60):
        a, b = (some(random, numbers(form, bits)) for form in (rule.left, rule.right))
        true = None
        for x in range(a[0], a[1] + 1):
            for y in range(b[0], b[1] + 1):
                result = rule.computed(x, y, bits)
                true = wider(true, None if result is None else (result, result))
        judge(rule, a, b, bits, true)


def some(random: Random, among: range) -> Bounds:
    low = random.choice(among)
    return low, min(low + random.choice((0, 1, 5, 40)), among[-1])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.instruction)
def test_what_is_computed_is_the_instruction_modulo_two_to_the_n(rule: Rule) -> None:
    for bits, step in ((4, 1), (8, 7)):
        mask = (1 << bits) - 1
        for x in numbers(rule.left, bits)[::step]:
            for y in numbers(rule.right, bits)[::step]:
                meant = MEANINGS[rule.instruction](x & mask, y & mask, bits)
                computed = rule.computed(x, y, bits)
                assert (None if computed is None else computed & mask) == meant, (x, y)


@pytest.mark.parametrize("bits", [4, 5])
def test_forms(bits: int) -> None:
    """Of one operand, so all intervals of one bit more: reduction, sign extension, leading zeros.  All exact."""
    for low, high in intervals("open", bits + 1):
        for width in range(1, bits + 1):
            cut = [x % (1 << width) for x in range(low, high + 1)]
            assert bounds.reduced((low, high), width) == (min(cut), max(cut))
            extended = [to_signed(x, width) for x in range(low, high + 1)]
            assert bounds.sign_extended((low, high), width) == (min(extended), max(extended))
    for low, high in intervals("normal", bits):
        zeros = [bits - x.bit_length() for x in range(low, high + 1)]
        assert bounds.leading_zeros((low, high), bits) == (min(zeros), max(zeros))


def test_masks_of_ones_are_exact() -> None:
    for low, high in intervals("open", 5):
        for ones in (0, 1, 3, 7, 15, 31, 63):
            cut = [x & ones for x in range(low, high + 1)]
            found = bounds.bit_and((low, high), (ones, ones))
            assert bounds.within((min(cut), max(cut)), found)
            if low < 0 <= high and ones <= -low:
                assert found == (0, ones)


@pytest.mark.parametrize("bits", [4])
def test_hull_and_meet(bits: int) -> None:
    every = list(intervals("open", bits))
    for a in every:
        for b in every:
            one = {*range(a[0], a[1] + 1)}
            other = {*range(b[0], b[1] + 1)}
            both = one & other
            assert bounds.hull(a, b) == (min(one | other), max(one | other))
            assert bounds.meet(a, b) == ((min(both), max(both)) if both else None)
            assert bounds.within(a, b) == (one <= other)


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_an_address_after_an_access(width: int) -> None:
    for address in intervals("normal", 4):
        for offset in range(20):
            for size in range(1, 17):
                inside = [x for x in range(address[0], address[1] + 1) if x + offset + width <= size]
                found = bounds.after_access(address, offset, size)
                assert found[0] <= found[1]
                assert bounds.within(found, address)
                if inside:
                    assert bounds.within((inside[0], inside[-1]), found)
                    assert width > 1 or found == (inside[0], inside[-1])


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_what_is_loaded(width: int) -> None:
    for signed in (False, True):
        least, most = ((1 << 8 * width - 1, (1 << 8 * width - 1) - 1)) if signed else (0, (1 << 8 * width) - 1)
        read = [int.from_bytes(x.to_bytes(width, "little"), "little", signed=signed) for x in (least, most)]
        assert bounds.loaded(width, signed) == tuple(read)


def test_every_function_says_how_tight_it_is() -> None:
    forms = {"normal", "signed", "within", "exactly"}
    functions = {
        name: found.__doc__ or ""
        for name, found in vars(bounds).items()
        if callable(found) and getattr(found, "__module__", "") == bounds.__name__ and not name.startswith("_")
    }
    assert functions.keys() > forms
    silent = [name for name, text in functions.items() if not re.search(r"\b(exact|sound)\b", text, re.IGNORECASE)]
    assert set(silent) == forms
