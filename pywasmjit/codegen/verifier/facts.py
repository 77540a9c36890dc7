"""What the verifier knows about CPython's instructions, version by version.

The compilers have their own knowledge in `target.cpython`.  Nothing is shared on
purpose: a wrong belief there must meet an independent one here.  Opcode numbers
and the sizes of inline caches come from the standard library's `opcode` module
of the running version; the rest is written down by hand, from the interpreter's
behaviour on 3.11, 3.12 and 3.13, and a test compares the stack effects with
`opcode.stack_effect`.

Words: a *unit* is two bytes, an opcode and its argument; an instruction is its
EXTENDED_ARG prefixes, its own unit and its cache units.  `size` counts the last
two.  An opcode that has no row here is not allowed.
"""

from __future__ import annotations

import opcode
import sys
from collections.abc import Iterable

VERSION = sys.version_info[:2]
TESTED = ((3, 11), (3, 12), (3, 13))
"""Versions on which these facts were tried, by tests/unit/codegen/verifier/test_verifier.py and fuzz/mutate_code.py.

On any other the verifier refuses everything; what is said below of 3.14 is a start.
"""

# How the verifier's loop treats an instruction.  Negative: before anything else.
ILLEGAL = -2
EXTENDED = -1
PLAIN = 0  # pops and pushes a fixed number of plain values and never grows the stack
CHECKED = 1  # the same, with few legal arguments
READ = 2  # pushes a local
CONST = 3  # pushes a constant
WRITE = 4  # pops into a local
BRANCH = 5  # pops a value, jumps forward or falls through
BRANCH_BACK = 6
JUMP = 7
JUMP_BACK = 8
RARE = 9  # a function of `rules` computes the effect
EXIT = 10  # the same, and control never falls through

Row = tuple[int, int, int, int]
"""(treatment, values popped, growth of the stack, size in units)"""

MAX_PREFIXES = 3

# Facts that differ between versions.

EXACT_BOOLS = VERSION >= (3, 13)
"""POP_JUMP_IF_TRUE/FALSE and UNARY_NOT take True or False only; anything else is misjudged and leaks."""

PAIRED_CALLS = VERSION == (3, 11)
"""A call is PRECALL n, CALL n; a specialised PRECALL skips the CALL behind it without looking."""

NULL_ABOVE_CALLABLE = VERSION >= (3, 13)
"""Layout of a call: `f NULL args` where true, `NULL f args` before."""

ASYNC_BEFORE_TARGET = VERSION < (3, 13)
"""An exception at a backward jump is looked up at the unit before the jump's target, at the depth of the target."""

UNWINDS_BEFORE_CALL = VERSION >= (3, 13)
"""An exception that leaves a Python function called without a C frame is looked up at the unit before the call's."""

ATTRIBUTE_SHIFT = 1 if VERSION >= (3, 12) else 0
"""LOAD_ATTR's argument is `name << shift`, bit 0 asking for a method where shift is 1."""

LOOP_ENDINGS: tuple[str, ...] = ()
"""What must stand at the target of FOR_ITER; a finished iterator is popped and jumps behind it."""
if VERSION == (3, 12):
    LOOP_ENDINGS = ("END_FOR",)
elif VERSION >= (3, 13):
    LOOP_ENDINGS = ("END_FOR", "POP_TOP" if VERSION == (3, 13) else "POP_ITER")

STRICT_RETURN = hasattr(sys, "gettotalrefcount")
"""Only a debug build minds values left on the stack by RETURN_VALUE; a frame's death releases them."""


# Opcodes.

OPCODES: dict[str, int] = {name: number for name, number in opcode.opmap.items() if number < 256}


def _cache_units() -> dict[str, int]:
    """Return the number of inline cache units by opcode name."""
    table = opcode._inline_cache_entries  # type: ignore[attr-defined]
    if isinstance(table, dict):
        return dict(table)
    return {opcode.opname[number]: count for number, count in enumerate(table)}


CACHES = _cache_units()

_FIXED: dict[str, tuple[int, int]] = {  # popped, pushed; the argument is ignored
    "NOP": (0, 0),
    "POP_TOP": (1, 0),
    "UNARY_NEGATIVE": (1, 1),
    "UNARY_NOT": (1, 1),
    "BINARY_SUBSCR": (2, 1),
    "STORE_SUBSCR": (3, 0),
    "BINARY_SLICE": (3, 1),
    "STORE_SLICE": (4, 0),
    "END_FOR": (2, 0) if VERSION == (3, 12) else (2, 1),  # 3.13 pops one value, but looks at the other when traced
    "POP_ITER": (1, 0),
    "NOT_TAKEN": (0, 0),
}

_MASKS = {"<": 2, "<=": 10, "==": 8, "!=": 7, ">": 4, ">=": 12}


def _compare_arguments() -> frozenset[int]:
    """Return the legal arguments of COMPARE_OP; the mask in the low bits serves the specialised forms."""
    plain = range(len(opcode.cmp_op))
    if VERSION == (3, 11):
        return frozenset(plain)
    if VERSION == (3, 12):
        return frozenset(n << 4 | _MASKS[opcode.cmp_op[n]] for n in plain)
    return frozenset(n << 5 | to_bool | _MASKS[opcode.cmp_op[n]] for n in plain for to_bool in (0, 16))


COMPARE_TO_BOOL = 16
"""From 3.13: the bit in COMPARE_OP's argument that makes its result exactly True or False."""

_BINARY = range(len(opcode._nb_ops))  # type: ignore[attr-defined]
_FLAG = range(2)

LEGAL_ARGUMENTS: dict[str, frozenset[int]] = {
    "BINARY_OP": frozenset(_BINARY),
    "COMPARE_OP": _compare_arguments(),
    "IS_OP": frozenset(_FLAG),
    "CONTAINS_OP": frozenset(_FLAG),
}
_CHECKED: dict[str, tuple[int, int]] = dict.fromkeys(LEGAL_ARGUMENTS, (2, 1))

_BRANCHES = ["POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE", "POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE"]
BOOLEAN_BRANCHES = ["POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE"] if EXACT_BOOLS else []
if VERSION == (3, 11):
    _BRANCHES = [name.replace("JUMP_IF", "JUMP_FORWARD_IF") for name in _BRANCHES]
    _BRANCHES_BACK = [name.replace("FORWARD", "BACKWARD") for name in _BRANCHES]
else:
    _BRANCHES_BACK = []

RARE_NAMES = [
    "LOAD_GLOBAL", "PUSH_NULL", "CALL", "COPY", "SWAP", "LOAD_DEREF", "STORE_DEREF", "LOAD_FAST_CHECK",
    "LOAD_FAST_LOAD_FAST", "STORE_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST", "BUILD_TUPLE", "BUILD_LIST", "BUILD_SLICE",
    "UNPACK_SEQUENCE", "LOAD_ATTR", "GET_ITER", "FOR_ITER", "PUSH_EXC_INFO", "POP_EXCEPT", "CHECK_EXC_MATCH",
    "LOAD_SMALL_INT",
]  # fmt: skip
if VERSION == (3, 11):
    RARE_NAMES += ["LOAD_METHOD", "PRECALL", "JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP"]
    RARE_NAMES.remove("CALL")
if EXACT_BOOLS:
    RARE_NAMES += ["TO_BOOL", "UNARY_NOT", "COMPARE_OP", "IS_OP", "CONTAINS_OP", *BOOLEAN_BRANCHES]

EXIT_NAMES = ["RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"]

_EXTENDABLE = [
    "LOAD_FAST", "STORE_FAST", "LOAD_FAST_CHECK", "LOAD_CONST", "RETURN_CONST", "LOAD_GLOBAL", "LOAD_ATTR",
    "LOAD_METHOD", "LOAD_DEREF", "STORE_DEREF", "CALL", "PRECALL", "COPY", "SWAP", "BUILD_TUPLE", "BUILD_LIST",
    "UNPACK_SEQUENCE", "FOR_ITER", "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP",
    *_BRANCHES, *_BRANCHES_BACK,
]  # fmt: skip
EXTENDABLE: frozenset[int] = frozenset(OPCODES[name] for name in _EXTENDABLE if name in OPCODES)

_INLINING = {"CALL": -1, "BINARY_SUBSCR": 2, "LOAD_ATTR": 1, "FOR_ITER": 1}
if VERSION >= (3, 14):
    _INLINING["BINARY_OP"] = 2
INLINING: dict[int, int] = {OPCODES[name]: popped for name, popped in _INLINING.items() if name in OPCODES}
"""May run a Python function without a C frame between (see UNWINDS_BEFORE_CALL), having popped so much by then.

-1 stands for a call's arguments and its two slots.
"""


def _rows() -> list[Row]:
    """Return one row for each of the 256 opcodes."""
    rows: list[Row] = [(ILLEGAL, 0, 0, 1)] * 256

    def put(treatment: int, names: Iterable[str], popped: int = 0, pushed: int = 0) -> None:
        for name in names:
            if name in OPCODES:
                rows[OPCODES[name]] = (treatment, popped, pushed - popped, 1 + CACHES.get(name, 0))

    for name, (popped, pushed) in _FIXED.items():
        put(PLAIN, [name], popped, pushed)
    for name, (popped, pushed) in _CHECKED.items():
        put(CHECKED, [name], popped, pushed)
    put(EXTENDED, ["EXTENDED_ARG"])
    put(READ, ["LOAD_FAST"], 0, 1)
    put(CONST, ["LOAD_CONST"], 0, 1)
    put(WRITE, ["STORE_FAST"], 1, 0)
    put(BRANCH, _BRANCHES, 1, 0)
    put(BRANCH_BACK, _BRANCHES_BACK, 1, 0)
    put(JUMP, ["JUMP_FORWARD"])
    put(JUMP_BACK, ["JUMP_BACKWARD"])
    put(RARE, RARE_NAMES)
    put(EXIT, EXIT_NAMES)
    if PAIRED_CALLS:  # PRECALL and its CALL count as one instruction
        treatment, popped, growth, size = rows[OPCODES["PRECALL"]]
        rows[OPCODES["PRECALL"]] = (treatment, popped, growth, size + 1 + CACHES["CALL"])
    return rows


ROWS = _rows()
BACKWARD = bytes(number for number, row in enumerate(ROWS) if row[0] in (BRANCH_BACK, JUMP_BACK))


def _fusions() -> tuple[dict[int, tuple[int, int]], bytes]:
    """Return {fused opcode: (first, second)} and a table that turns fused opcodes into their first part.

    The constructor of 3.12's code objects replaces an opcode by a fused one that
    also runs the following instruction; no other version changes fresh code.
    """
    fused: dict[int, tuple[int, int]] = {}
    table = bytearray(range(256))
    if VERSION == (3, 12):
        free = [number for number, name in enumerate(opcode.opname) if name.startswith("<")]
        for number, name in zip(free, opcode._specialized_instructions, strict=False):  # type: ignore[attr-defined]
            if "__" in name:
                first, second = name.split("__")
                fused[number] = (OPCODES[first], OPCODES[second])
                table[number] = OPCODES[first]
    return fused, bytes(table)


FUSED, UNFUSE = _fusions()
LARGEST = MAX_PREFIXES + max(row[3] for row in ROWS)
"""No instruction has more units."""
