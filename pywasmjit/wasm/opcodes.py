"""The instruction table: one row per opcode of WebAssembly.

Decoder, validator, printer and fuzzer are driven by these rows; passes ask a
row for its effect, never for its name.  The table covers WebAssembly 3.0,
threads, legacy exceptions and wide arithmetic, also where this version of the
engine does not run an instruction yet: `IMPLEMENTED` says which features it runs.

A row is `op(code, mnemonic, type, *immediates, effect=..., width=...)`.  Its
type is "parameters -> results", or None where the validator has a rule written
by hand.  In the type of an instruction that addresses memory, each address and
size is written as "i32"; in a 64-bit memory it is an i64.

Two opcodes that share a name in the text format have two names here, since a
name must find one row: "select_t" is `select` with a type, "ref.test_null" and
"ref.cast_null" are the nullable forms.

Spec: Binary Format, Instructions; Validation, Instructions.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

from pywasmjit.records import record
from pywasmjit.wasm.types import EXTERNREF, FUNCREF, RefType, ValType


class Effect(enum.IntFlag):
    """What executing an instruction may do besides computing its results from its operands."""

    NONE = 0
    TRAPS = enum.auto()
    READS_MEMORY = enum.auto()
    WRITES_MEMORY = enum.auto()
    GROWS_MEMORY = enum.auto()
    """Views over the memory are stale afterwards."""
    SYNCHRONIZES = enum.auto()
    """Other threads may be seen, or see: nothing that reads or writes memory moves across."""
    READS_LOCAL = enum.auto()
    WRITES_LOCAL = enum.auto()
    READS_GLOBAL = enum.auto()
    WRITES_GLOBAL = enum.auto()
    READS_TABLE = enum.auto()
    WRITES_TABLE = enum.auto()
    WRITES_SEGMENT = enum.auto()
    """A data or element segment is dropped."""
    ALLOCATES = enum.auto()
    """The result is an object with an identity of its own."""
    READS_HEAP = enum.auto()
    WRITES_HEAP = enum.auto()
    CALLS = enum.auto()
    """Anything at all may happen to memories, tables and globals."""
    BRANCHES = enum.auto()
    THROWS = enum.auto()


@record(frozen=True, eq=False)
class Op:
    """One opcode.

    code: the opcode's byte, or `prefix << 16 | number` after a prefix byte 0xFB to 0xFE.
    params, results: types of operands, last one on top; None if the rule is written by hand.
    immediates: kinds, in the order of the binary format; see `IMMEDIATES`.
    width: bytes of memory accessed, thus the greatest alignment allowed; 0 if not a load, store or the like.
    """

    code: int
    mnemonic: str
    params: tuple[ValType, ...] | None
    results: tuple[ValType, ...] | None
    immediates: tuple[str, ...]
    effect: Effect
    feature: str
    width: int

    def __repr__(self) -> str:
        return f"<Op {self.mnemonic}>"

    def __reduce__(self) -> tuple[Callable[[int], Op], tuple[int]]:
        return _by_code, (self.code,)


IMMEDIATES: Final[dict[str, str]] = {
    "blocktype": "FuncType",
    "label": "label index, 0 is the innermost",
    "labels": "(tuple of label indices, default)",
    "func": "function index",
    "type": "type index",
    "table": "table index",
    "memory": "memory index",
    "global": "global index",
    "local": "local index",
    "tag": "tag index",
    "elem": "element segment index",
    "data": "data segment index",
    "field": "field index",
    "u32": "count",
    "s32": "constant, 0 <= x < 2**32",
    "s64": "constant, 0 <= x < 2**64",
    "f32": "bits of the constant",
    "f64": "bits of the constant",
    "v128": "bits of the constant, little-endian",
    "lane": "lane number",
    "lanes": "tuple of 16 lane numbers",
    "memarg": "(log2 of the alignment, offset, memory index)",
    "valtypes": "tuple of value types",
    "heaptype": "RefType",
    "cast": "(label index, source RefType, target RefType)",
    "catches": "tuple of (kind, tag index or None, label index)",
    "zero": "a reserved byte, always 0; not in the decoded form",
}
"""Kind of immediate -> its decoded form."""

FEATURES: Final = (
    "mvp",
    "mutable-global",
    "sign-extension",
    "saturating-conversion",
    "bulk-memory",
    "reference-types",
    "multi-value",
    "extended-const",
    "threads",
    "multi-memory",
    "simd",
    "relaxed-simd",
    "tail-call",
    "function-references",
    "gc",
    "exceptions",
    "memory64",
    "legacy-exceptions",
    "wide-arithmetic",
    "custom-page-sizes",
)
"""Names of features, the minimum ("mvp") first."""

IMPLEMENTED: Final = frozenset(FEATURES[: FEATURES.index("multi-memory") + 1])
"""Names of the features that this version runs."""

NONE: Final = Effect.NONE
TRAPS: Final = Effect.TRAPS
CALLS: Final = Effect.CALLS
BRANCHES: Final = Effect.BRANCHES
THROWS: Final = Effect.THROWS
ALLOCATES: Final = Effect.ALLOCATES
LOADS: Final = Effect.TRAPS | Effect.READS_MEMORY
STORES: Final = Effect.TRAPS | Effect.WRITES_MEMORY
COPIES: Final = LOADS | STORES
ATOMIC_LOADS: Final = LOADS | Effect.SYNCHRONIZES
ATOMIC_STORES: Final = STORES | Effect.SYNCHRONIZES
ATOMIC: Final = COPIES | Effect.SYNCHRONIZES
GROWS: Final = Effect.READS_MEMORY | Effect.WRITES_MEMORY | Effect.GROWS_MEMORY
TABLE_READS: Final = Effect.TRAPS | Effect.READS_TABLE
TABLE_WRITES: Final = Effect.TRAPS | Effect.WRITES_TABLE
TABLE_COPIES: Final = TABLE_READS | TABLE_WRITES
HEAP_READS: Final = Effect.TRAPS | Effect.READS_HEAP
HEAP_WRITES: Final = Effect.TRAPS | Effect.WRITES_HEAP
HEAP_COPIES: Final = HEAP_READS | HEAP_WRITES
ALLOCATES_TRAPS: Final = Effect.ALLOCATES | Effect.TRAPS
RETURN_CALLS: Final = Effect.CALLS | Effect.BRANCHES
INDIRECT_CALLS: Final = Effect.CALLS | TABLE_READS
BRANCHES_TRAPS: Final = Effect.BRANCHES | Effect.TRAPS

_TYPES: Final[dict[str, ValType]] = {
    "i32": "i32",
    "i64": "i64",
    "f32": "f32",
    "f64": "f64",
    "v128": "v128",
    "funcref": FUNCREF,
    "externref": EXTERNREF,
    "eqref": RefType("eq"),
    "i31ref": RefType("i31"),
    "ref-i31": RefType("i31", False),
    "arrayref": RefType("array"),
    "exnref": RefType("exn"),
}

_signatures: dict[str | None, tuple[tuple[ValType, ...] | None, tuple[ValType, ...] | None]] = {None: (None, None)}


def _signature(text: str | None) -> tuple[tuple[ValType, ...] | None, tuple[ValType, ...] | None]:
    """Return the parameters and results that "i32 i32 -> i32" names; equal texts share their tuples."""
    found = _signatures.get(text)
    if found is None:
        assert text is not None
        params, _, results = text.partition("->")
        found = tuple(_TYPES[t] for t in params.split()), tuple(_TYPES[t] for t in results.split())
        _signatures[text] = found
    return found


def _declarer(feature: str, prefix: int = 0) -> Callable[..., Op]:
    """Return the function that declares opcodes of `feature`, numbered behind `prefix` if one is given."""
    high = prefix << 16

    def op(number: int, mnemonic: str, type: str | None, *immediates: str, effect: Effect = NONE, width: int = 0) -> Op:
        params, results = _signature(type)
        return Op(high | number, mnemonic, params, results, immediates, effect, feature, width)

    return op


op = _declarer("mvp")

_MVP: Final = (
    # Control
    op(0x00, "unreachable", None, effect=BRANCHES_TRAPS),
    op(0x01, "nop", "->"),
    op(0x02, "block", None, "blocktype"),
    op(0x03, "loop", None, "blocktype"),
    op(0x04, "if", None, "blocktype", effect=BRANCHES),
    op(0x05, "else", None, effect=BRANCHES),
    op(0x0B, "end", None),
    op(0x0C, "br", None, "label", effect=BRANCHES),
    op(0x0D, "br_if", None, "label", effect=BRANCHES),
    op(0x0E, "br_table", None, "labels", effect=BRANCHES),
    op(0x0F, "return", None, effect=BRANCHES),
    op(0x10, "call", None, "func", effect=CALLS),
    op(0x11, "call_indirect", None, "type", "table", effect=INDIRECT_CALLS),
    # Parametric
    op(0x1A, "drop", None),
    op(0x1B, "select", None),
    # Variables
    op(0x20, "local.get", None, "local", effect=Effect.READS_LOCAL),
    op(0x21, "local.set", None, "local", effect=Effect.WRITES_LOCAL),
    op(0x22, "local.tee", None, "local", effect=Effect.WRITES_LOCAL),
    op(0x23, "global.get", None, "global", effect=Effect.READS_GLOBAL),
    op(0x24, "global.set", None, "global", effect=Effect.WRITES_GLOBAL),
    # Memory
    op(0x28, "i32.load", "i32 -> i32", "memarg", effect=LOADS, width=4),
    op(0x29, "i64.load", "i32 -> i64", "memarg", effect=LOADS, width=8),
    op(0x2A, "f32.load", "i32 -> f32", "memarg", effect=LOADS, width=4),
    op(0x2B, "f64.load", "i32 -> f64", "memarg", effect=LOADS, width=8),
    op(0x2C, "i32.load8_s", "i32 -> i32", "memarg", effect=LOADS, width=1),
    op(0x2D, "i32.load8_u", "i32 -> i32", "memarg", effect=LOADS, width=1),
    op(0x2E, "i32.load16_s", "i32 -> i32", "memarg", effect=LOADS, width=2),
    op(0x2F, "i32.load16_u", "i32 -> i32", "memarg", effect=LOADS, width=2),
    op(0x30, "i64.load8_s", "i32 -> i64", "memarg", effect=LOADS, width=1),
    op(0x31, "i64.load8_u", "i32 -> i64", "memarg", effect=LOADS, width=1),
    op(0x32, "i64.load16_s", "i32 -> i64", "memarg", effect=LOADS, width=2),
    op(0x33, "i64.load16_u", "i32 -> i64", "memarg", effect=LOADS, width=2),
    op(0x34, "i64.load32_s", "i32 -> i64", "memarg", effect=LOADS, width=4),
    op(0x35, "i64.load32_u", "i32 -> i64", "memarg", effect=LOADS, width=4),
    op(0x36, "i32.store", "i32 i32 ->", "memarg", effect=STORES, width=4),
    op(0x37, "i64.store", "i32 i64 ->", "memarg", effect=STORES, width=8),
    op(0x38, "f32.store", "i32 f32 ->", "memarg", effect=STORES, width=4),
    op(0x39, "f64.store", "i32 f64 ->", "memarg", effect=STORES, width=8),
    op(0x3A, "i32.store8", "i32 i32 ->", "memarg", effect=STORES, width=1),
    op(0x3B, "i32.store16", "i32 i32 ->", "memarg", effect=STORES, width=2),
    op(0x3C, "i64.store8", "i32 i64 ->", "memarg", effect=STORES, width=1),
    op(0x3D, "i64.store16", "i32 i64 ->", "memarg", effect=STORES, width=2),
    op(0x3E, "i64.store32", "i32 i64 ->", "memarg", effect=STORES, width=4),
    op(0x3F, "memory.size", "-> i32", "memory", effect=Effect.READS_MEMORY),
    op(0x40, "memory.grow", "i32 -> i32", "memory", effect=GROWS),
    # Constants
    op(0x41, "i32.const", "-> i32", "s32"),
    op(0x42, "i64.const", "-> i64", "s64"),
    op(0x43, "f32.const", "-> f32", "f32"),
    op(0x44, "f64.const", "-> f64", "f64"),
    # Comparisons
    op(0x45, "i32.eqz", "i32 -> i32"),
    op(0x46, "i32.eq", "i32 i32 -> i32"),
    op(0x47, "i32.ne", "i32 i32 -> i32"),
    op(0x48, "i32.lt_s", "i32 i32 -> i32"),
    op(0x49, "i32.lt_u", "i32 i32 -> i32"),
    op(0x4A, "i32.gt_s", "i32 i32 -> i32"),
    op(0x4B, "i32.gt_u", "i32 i32 -> i32"),
    op(0x4C, "i32.le_s", "i32 i32 -> i32"),
    op(0x4D, "i32.le_u", "i32 i32 -> i32"),
    op(0x4E, "i32.ge_s", "i32 i32 -> i32"),
    op(0x4F, "i32.ge_u", "i32 i32 -> i32"),
    op(0x50, "i64.eqz", "i64 -> i32"),
    op(0x51, "i64.eq", "i64 i64 -> i32"),
    op(0x52, "i64.ne", "i64 i64 -> i32"),
    op(0x53, "i64.lt_s", "i64 i64 -> i32"),
    op(0x54, "i64.lt_u", "i64 i64 -> i32"),
    op(0x55, "i64.gt_s", "i64 i64 -> i32"),
    op(0x56, "i64.gt_u", "i64 i64 -> i32"),
    op(0x57, "i64.le_s", "i64 i64 -> i32"),
    op(0x58, "i64.le_u", "i64 i64 -> i32"),
    op(0x59, "i64.ge_s", "i64 i64 -> i32"),
    op(0x5A, "i64.ge_u", "i64 i64 -> i32"),
    op(0x5B, "f32.eq", "f32 f32 -> i32"),
    op(0x5C, "f32.ne", "f32 f32 -> i32"),
    op(0x5D, "f32.lt", "f32 f32 -> i32"),
    op(0x5E, "f32.gt", "f32 f32 -> i32"),
    op(0x5F, "f32.le", "f32 f32 -> i32"),
    op(0x60, "f32.ge", "f32 f32 -> i32"),
    op(0x61, "f64.eq", "f64 f64 -> i32"),
    op(0x62, "f64.ne", "f64 f64 -> i32"),
    op(0x63, "f64.lt", "f64 f64 -> i32"),
    op(0x64, "f64.gt", "f64 f64 -> i32"),
    op(0x65, "f64.le", "f64 f64 -> i32"),
    op(0x66, "f64.ge", "f64 f64 -> i32"),
    # Arithmetic
    op(0x67, "i32.clz", "i32 -> i32"),
    op(0x68, "i32.ctz", "i32 -> i32"),
    op(0x69, "i32.popcnt", "i32 -> i32"),
    op(0x6A, "i32.add", "i32 i32 -> i32"),
    op(0x6B, "i32.sub", "i32 i32 -> i32"),
    op(0x6C, "i32.mul", "i32 i32 -> i32"),
    op(0x6D, "i32.div_s", "i32 i32 -> i32", effect=TRAPS),
    op(0x6E, "i32.div_u", "i32 i32 -> i32", effect=TRAPS),
    op(0x6F, "i32.rem_s", "i32 i32 -> i32", effect=TRAPS),
    op(0x70, "i32.rem_u", "i32 i32 -> i32", effect=TRAPS),
    op(0x71, "i32.and", "i32 i32 -> i32"),
    op(0x72, "i32.or", "i32 i32 -> i32"),
    op(0x73, "i32.xor", "i32 i32 -> i32"),
    op(0x74, "i32.shl", "i32 i32 -> i32"),
    op(0x75, "i32.shr_s", "i32 i32 -> i32"),
    op(0x76, "i32.shr_u", "i32 i32 -> i32"),
    op(0x77, "i32.rotl", "i32 i32 -> i32"),
    op(0x78, "i32.rotr", "i32 i32 -> i32"),
    op(0x79, "i64.clz", "i64 -> i64"),
    op(0x7A, "i64.ctz", "i64 -> i64"),
    op(0x7B, "i64.popcnt", "i64 -> i64"),
    op(0x7C, "i64.add", "i64 i64 -> i64"),
    op(0x7D, "i64.sub", "i64 i64 -> i64"),
    op(0x7E, "i64.mul", "i64 i64 -> i64"),
    op(0x7F, "i64.div_s", "i64 i64 -> i64", effect=TRAPS),
    op(0x80, "i64.div_u", "i64 i64 -> i64", effect=TRAPS),
    op(0x81, "i64.rem_s", "i64 i64 -> i64", effect=TRAPS),
    op(0x82, "i64.rem_u", "i64 i64 -> i64", effect=TRAPS),
    op(0x83, "i64.and", "i64 i64 -> i64"),
    op(0x84, "i64.or", "i64 i64 -> i64"),
    op(0x85, "i64.xor", "i64 i64 -> i64"),
    op(0x86, "i64.shl", "i64 i64 -> i64"),
    op(0x87, "i64.shr_s", "i64 i64 -> i64"),
    op(0x88, "i64.shr_u", "i64 i64 -> i64"),
    op(0x89, "i64.rotl", "i64 i64 -> i64"),
    op(0x8A, "i64.rotr", "i64 i64 -> i64"),
    op(0x8B, "f32.abs", "f32 -> f32"),
    op(0x8C, "f32.neg", "f32 -> f32"),
    op(0x8D, "f32.ceil", "f32 -> f32"),
    op(0x8E, "f32.floor", "f32 -> f32"),
    op(0x8F, "f32.trunc", "f32 -> f32"),
    op(0x90, "f32.nearest", "f32 -> f32"),
    op(0x91, "f32.sqrt", "f32 -> f32"),
    op(0x92, "f32.add", "f32 f32 -> f32"),
    op(0x93, "f32.sub", "f32 f32 -> f32"),
    op(0x94, "f32.mul", "f32 f32 -> f32"),
    op(0x95, "f32.div", "f32 f32 -> f32"),
    op(0x96, "f32.min", "f32 f32 -> f32"),
    op(0x97, "f32.max", "f32 f32 -> f32"),
    op(0x98, "f32.copysign", "f32 f32 -> f32"),
    op(0x99, "f64.abs", "f64 -> f64"),
    op(0x9A, "f64.neg", "f64 -> f64"),
    op(0x9B, "f64.ceil", "f64 -> f64"),
    op(0x9C, "f64.floor", "f64 -> f64"),
    op(0x9D, "f64.trunc", "f64 -> f64"),
    op(0x9E, "f64.nearest", "f64 -> f64"),
    op(0x9F, "f64.sqrt", "f64 -> f64"),
    op(0xA0, "f64.add", "f64 f64 -> f64"),
    op(0xA1, "f64.sub", "f64 f64 -> f64"),
    op(0xA2, "f64.mul", "f64 f64 -> f64"),
    op(0xA3, "f64.div", "f64 f64 -> f64"),
    op(0xA4, "f64.min", "f64 f64 -> f64"),
    op(0xA5, "f64.max", "f64 f64 -> f64"),
    op(0xA6, "f64.copysign", "f64 f64 -> f64"),
    # Conversions
    op(0xA7, "i32.wrap_i64", "i64 -> i32"),
    op(0xA8, "i32.trunc_f32_s", "f32 -> i32", effect=TRAPS),
    op(0xA9, "i32.trunc_f32_u", "f32 -> i32", effect=TRAPS),
    op(0xAA, "i32.trunc_f64_s", "f64 -> i32", effect=TRAPS),
    op(0xAB, "i32.trunc_f64_u", "f64 -> i32", effect=TRAPS),
    op(0xAC, "i64.extend_i32_s", "i32 -> i64"),
    op(0xAD, "i64.extend_i32_u", "i32 -> i64"),
    op(0xAE, "i64.trunc_f32_s", "f32 -> i64", effect=TRAPS),
    op(0xAF, "i64.trunc_f32_u", "f32 -> i64", effect=TRAPS),
    op(0xB0, "i64.trunc_f64_s", "f64 -> i64", effect=TRAPS),
    op(0xB1, "i64.trunc_f64_u", "f64 -> i64", effect=TRAPS),
    op(0xB2, "f32.convert_i32_s", "i32 -> f32"),
    op(0xB3, "f32.convert_i32_u", "i32 -> f32"),
    op(0xB4, "f32.convert_i64_s", "i64 -> f32"),
    op(0xB5, "f32.convert_i64_u", "i64 -> f32"),
    op(0xB6, "f32.demote_f64", "f64 -> f32"),
    op(0xB7, "f64.convert_i32_s", "i32 -> f64"),
    op(0xB8, "f64.convert_i32_u", "i32 -> f64"),
    op(0xB9, "f64.convert_i64_s", "i64 -> f64"),
    op(0xBA, "f64.convert_i64_u", "i64 -> f64"),
    op(0xBB, "f64.promote_f32", "f32 -> f64"),
    op(0xBC, "i32.reinterpret_f32", "f32 -> i32"),
    op(0xBD, "i64.reinterpret_f64", "f64 -> i64"),
    op(0xBE, "f32.reinterpret_i32", "i32 -> f32"),
    op(0xBF, "f64.reinterpret_i64", "i64 -> f64"),
)

op = _declarer("sign-extension")

_SIGN_EXTENSION: Final = (
    op(0xC0, "i32.extend8_s", "i32 -> i32"),
    op(0xC1, "i32.extend16_s", "i32 -> i32"),
    op(0xC2, "i64.extend8_s", "i64 -> i64"),
    op(0xC3, "i64.extend16_s", "i64 -> i64"),
    op(0xC4, "i64.extend32_s", "i64 -> i64"),
)

op = _declarer("saturating-conversion", 0xFC)

_SATURATING_CONVERSION: Final = (
    op(0, "i32.trunc_sat_f32_s", "f32 -> i32"),
    op(1, "i32.trunc_sat_f32_u", "f32 -> i32"),
    op(2, "i32.trunc_sat_f64_s", "f64 -> i32"),
    op(3, "i32.trunc_sat_f64_u", "f64 -> i32"),
    op(4, "i64.trunc_sat_f32_s", "f32 -> i64"),
    op(5, "i64.trunc_sat_f32_u", "f32 -> i64"),
    op(6, "i64.trunc_sat_f64_s", "f64 -> i64"),
    op(7, "i64.trunc_sat_f64_u", "f64 -> i64"),
)

op = _declarer("bulk-memory", 0xFC)

_BULK_MEMORY: Final = (
    op(8, "memory.init", None, "data", "memory", effect=STORES),
    op(9, "data.drop", "->", "data", effect=Effect.WRITES_SEGMENT),
    op(10, "memory.copy", None, "memory", "memory", effect=COPIES),
    op(11, "memory.fill", "i32 i32 i32 ->", "memory", effect=STORES),
    op(12, "table.init", None, "elem", "table", effect=TABLE_WRITES),
    op(13, "elem.drop", "->", "elem", effect=Effect.WRITES_SEGMENT),
    op(14, "table.copy", None, "table", "table", effect=TABLE_COPIES),
)

op = _declarer("reference-types")

_REFERENCE_TYPES: Final = (
    op(0x1C, "select_t", None, "valtypes"),
    op(0x25, "table.get", None, "table", effect=TABLE_READS),
    op(0x26, "table.set", None, "table", effect=TABLE_WRITES),
    op(0xD0, "ref.null", None, "heaptype"),
    op(0xD1, "ref.is_null", None),
    op(0xD2, "ref.func", None, "func"),
)

op = _declarer("reference-types", 0xFC)

_TABLES: Final = (
    op(15, "table.grow", None, "table", effect=Effect.READS_TABLE | Effect.WRITES_TABLE),
    op(16, "table.size", None, "table", effect=Effect.READS_TABLE),
    op(17, "table.fill", None, "table", effect=TABLE_WRITES),
)

op = _declarer("wide-arithmetic", 0xFC)

_WIDE_ARITHMETIC: Final = (
    op(19, "i64.add128", "i64 i64 i64 i64 -> i64 i64"),
    op(20, "i64.sub128", "i64 i64 i64 i64 -> i64 i64"),
    op(21, "i64.mul_wide_s", "i64 i64 -> i64 i64"),
    op(22, "i64.mul_wide_u", "i64 i64 -> i64 i64"),
)

op = _declarer("legacy-exceptions")

_LEGACY_EXCEPTIONS: Final = (
    op(0x06, "try", None, "blocktype"),
    op(0x07, "catch", None, "tag", effect=BRANCHES),
    op(0x09, "rethrow", None, "label", effect=THROWS),
    op(0x18, "delegate", None, "label"),
    op(0x19, "catch_all", None, effect=BRANCHES),
)

op = _declarer("exceptions")

_EXCEPTIONS: Final = (
    op(0x08, "throw", None, "tag", effect=THROWS),
    op(0x0A, "throw_ref", None, effect=THROWS | TRAPS),
    op(0x1F, "try_table", None, "blocktype", "catches"),
)

op = _declarer("tail-call")

_TAIL_CALL: Final = (
    op(0x12, "return_call", None, "func", effect=RETURN_CALLS),
    op(0x13, "return_call_indirect", None, "type", "table", effect=INDIRECT_CALLS | BRANCHES),
)

op = _declarer("function-references")

_FUNCTION_REFERENCES: Final = (
    op(0x14, "call_ref", None, "type", effect=CALLS | TRAPS),
    op(0x15, "return_call_ref", None, "type", effect=RETURN_CALLS | TRAPS),
    op(0xD4, "ref.as_non_null", None, effect=TRAPS),
    op(0xD5, "br_on_null", None, "label", effect=BRANCHES),
    op(0xD6, "br_on_non_null", None, "label", effect=BRANCHES),
)

op = _declarer("gc", 0xFB)

_GC: Final = (
    _declarer("gc")(0xD3, "ref.eq", "eqref eqref -> i32"),
    op(0, "struct.new", None, "type", effect=ALLOCATES),
    op(1, "struct.new_default", None, "type", effect=ALLOCATES),
    op(2, "struct.get", None, "type", "field", effect=HEAP_READS),
    op(3, "struct.get_s", None, "type", "field", effect=HEAP_READS),
    op(4, "struct.get_u", None, "type", "field", effect=HEAP_READS),
    op(5, "struct.set", None, "type", "field", effect=HEAP_WRITES),
    op(6, "array.new", None, "type", effect=ALLOCATES),
    op(7, "array.new_default", None, "type", effect=ALLOCATES),
    op(8, "array.new_fixed", None, "type", "u32", effect=ALLOCATES),
    op(9, "array.new_data", None, "type", "data", effect=ALLOCATES_TRAPS),
    op(10, "array.new_elem", None, "type", "elem", effect=ALLOCATES_TRAPS),
    op(11, "array.get", None, "type", effect=HEAP_READS),
    op(12, "array.get_s", None, "type", effect=HEAP_READS),
    op(13, "array.get_u", None, "type", effect=HEAP_READS),
    op(14, "array.set", None, "type", effect=HEAP_WRITES),
    op(15, "array.len", "arrayref -> i32", effect=TRAPS),
    op(16, "array.fill", None, "type", effect=HEAP_WRITES),
    op(17, "array.copy", None, "type", "type", effect=HEAP_COPIES),
    op(18, "array.init_data", None, "type", "data", effect=HEAP_WRITES),
    op(19, "array.init_elem", None, "type", "elem", effect=HEAP_WRITES),
    op(20, "ref.test", None, "heaptype"),
    op(21, "ref.test_null", None, "heaptype"),
    op(22, "ref.cast", None, "heaptype", effect=TRAPS),
    op(23, "ref.cast_null", None, "heaptype", effect=TRAPS),
    op(24, "br_on_cast", None, "cast", effect=BRANCHES),
    op(25, "br_on_cast_fail", None, "cast", effect=BRANCHES),
    op(26, "any.convert_extern", None),
    op(27, "extern.convert_any", None),
    op(28, "ref.i31", "i32 -> ref-i31"),
    op(29, "i31.get_s", "i31ref -> i32", effect=TRAPS),
    op(30, "i31.get_u", "i31ref -> i32", effect=TRAPS),
)

op = _declarer("simd", 0xFD)

_SIMD: Final = (
    op(0, "v128.load", "i32 -> v128", "memarg", effect=LOADS, width=16),
    op(1, "v128.load8x8_s", "i32 -> v128", "memarg", effect=LOADS, width=8),
    op(2, "v128.load8x8_u", "i32 -> v128", "memarg", effect=LOADS, width=8),
    op(3, "v128.load16x4_s", "i32 -> v128", "memarg", effect=LOADS, width=8),
    op(4, "v128.load16x4_u", "i32 -> v128", "memarg", effect=LOADS, width=8),
    op(5, "v128.load32x2_s", "i32 -> v128", "memarg", effect=LOADS, width=8),
    op(6, "v128.load32x2_u", "i32 -> v128", "memarg", effect=LOADS, width=8),
    op(7, "v128.load8_splat", "i32 -> v128", "memarg", effect=LOADS, width=1),
    op(8, "v128.load16_splat", "i32 -> v128", "memarg", effect=LOADS, width=2),
    op(9, "v128.load32_splat", "i32 -> v128", "memarg", effect=LOADS, width=4),
    op(10, "v128.load64_splat", "i32 -> v128", "memarg", effect=LOADS, width=8),
    op(11, "v128.store", "i32 v128 ->", "memarg", effect=STORES, width=16),
    op(12, "v128.const", "-> v128", "v128"),
    op(13, "i8x16.shuffle", "v128 v128 -> v128", "lanes"),
    op(14, "i8x16.swizzle", "v128 v128 -> v128"),
    op(15, "i8x16.splat", "i32 -> v128"),
    op(16, "i16x8.splat", "i32 -> v128"),
    op(17, "i32x4.splat", "i32 -> v128"),
    op(18, "i64x2.splat", "i64 -> v128"),
    op(19, "f32x4.splat", "f32 -> v128"),
    op(20, "f64x2.splat", "f64 -> v128"),
    op(21, "i8x16.extract_lane_s", "v128 -> i32", "lane"),
    op(22, "i8x16.extract_lane_u", "v128 -> i32", "lane"),
    op(23, "i8x16.replace_lane", "v128 i32 -> v128", "lane"),
    op(24, "i16x8.extract_lane_s", "v128 -> i32", "lane"),
    op(25, "i16x8.extract_lane_u", "v128 -> i32", "lane"),
    op(26, "i16x8.replace_lane", "v128 i32 -> v128", "lane"),
    op(27, "i32x4.extract_lane", "v128 -> i32", "lane"),
    op(28, "i32x4.replace_lane", "v128 i32 -> v128", "lane"),
    op(29, "i64x2.extract_lane", "v128 -> i64", "lane"),
    op(30, "i64x2.replace_lane", "v128 i64 -> v128", "lane"),
    op(31, "f32x4.extract_lane", "v128 -> f32", "lane"),
    op(32, "f32x4.replace_lane", "v128 f32 -> v128", "lane"),
    op(33, "f64x2.extract_lane", "v128 -> f64", "lane"),
    op(34, "f64x2.replace_lane", "v128 f64 -> v128", "lane"),
    op(35, "i8x16.eq", "v128 v128 -> v128"),
    op(36, "i8x16.ne", "v128 v128 -> v128"),
    op(37, "i8x16.lt_s", "v128 v128 -> v128"),
    op(38, "i8x16.lt_u", "v128 v128 -> v128"),
    op(39, "i8x16.gt_s", "v128 v128 -> v128"),
    op(40, "i8x16.gt_u", "v128 v128 -> v128"),
    op(41, "i8x16.le_s", "v128 v128 -> v128"),
    op(42, "i8x16.le_u", "v128 v128 -> v128"),
    op(43, "i8x16.ge_s", "v128 v128 -> v128"),
    op(44, "i8x16.ge_u", "v128 v128 -> v128"),
    op(45, "i16x8.eq", "v128 v128 -> v128"),
    op(46, "i16x8.ne", "v128 v128 -> v128"),
    op(47, "i16x8.lt_s", "v128 v128 -> v128"),
    op(48, "i16x8.lt_u", "v128 v128 -> v128"),
    op(49, "i16x8.gt_s", "v128 v128 -> v128"),
    op(50, "i16x8.gt_u", "v128 v128 -> v128"),
    op(51, "i16x8.le_s", "v128 v128 -> v128"),
    op(52, "i16x8.le_u", "v128 v128 -> v128"),
    op(53, "i16x8.ge_s", "v128 v128 -> v128"),
    op(54, "i16x8.ge_u", "v128 v128 -> v128"),
    op(55, "i32x4.eq", "v128 v128 -> v128"),
    op(56, "i32x4.ne", "v128 v128 -> v128"),
    op(57, "i32x4.lt_s", "v128 v128 -> v128"),
    op(58, "i32x4.lt_u", "v128 v128 -> v128"),
    op(59, "i32x4.gt_s", "v128 v128 -> v128"),
    op(60, "i32x4.gt_u", "v128 v128 -> v128"),
    op(61, "i32x4.le_s", "v128 v128 -> v128"),
    op(62, "i32x4.le_u", "v128 v128 -> v128"),
    op(63, "i32x4.ge_s", "v128 v128 -> v128"),
    op(64, "i32x4.ge_u", "v128 v128 -> v128"),
    op(65, "f32x4.eq", "v128 v128 -> v128"),
    op(66, "f32x4.ne", "v128 v128 -> v128"),
    op(67, "f32x4.lt", "v128 v128 -> v128"),
    op(68, "f32x4.gt", "v128 v128 -> v128"),
    op(69, "f32x4.le", "v128 v128 -> v128"),
    op(70, "f32x4.ge", "v128 v128 -> v128"),
    op(71, "f64x2.eq", "v128 v128 -> v128"),
    op(72, "f64x2.ne", "v128 v128 -> v128"),
    op(73, "f64x2.lt", "v128 v128 -> v128"),
    op(74, "f64x2.gt", "v128 v128 -> v128"),
    op(75, "f64x2.le", "v128 v128 -> v128"),
    op(76, "f64x2.ge", "v128 v128 -> v128"),
    op(77, "v128.not", "v128 -> v128"),
    op(78, "v128.and", "v128 v128 -> v128"),
    op(79, "v128.andnot", "v128 v128 -> v128"),
    op(80, "v128.or", "v128 v128 -> v128"),
    op(81, "v128.xor", "v128 v128 -> v128"),
    op(82, "v128.bitselect", "v128 v128 v128 -> v128"),
    op(83, "v128.any_true", "v128 -> i32"),
    op(84, "v128.load8_lane", "i32 v128 -> v128", "memarg", "lane", effect=LOADS, width=1),
    op(85, "v128.load16_lane", "i32 v128 -> v128", "memarg", "lane", effect=LOADS, width=2),
    op(86, "v128.load32_lane", "i32 v128 -> v128", "memarg", "lane", effect=LOADS, width=4),
    op(87, "v128.load64_lane", "i32 v128 -> v128", "memarg", "lane", effect=LOADS, width=8),
    op(88, "v128.store8_lane", "i32 v128 ->", "memarg", "lane", effect=STORES, width=1),
    op(89, "v128.store16_lane", "i32 v128 ->", "memarg", "lane", effect=STORES, width=2),
    op(90, "v128.store32_lane", "i32 v128 ->", "memarg", "lane", effect=STORES, width=4),
    op(91, "v128.store64_lane", "i32 v128 ->", "memarg", "lane", effect=STORES, width=8),
    op(92, "v128.load32_zero", "i32 -> v128", "memarg", effect=LOADS, width=4),
    op(93, "v128.load64_zero", "i32 -> v128", "memarg", effect=LOADS, width=8),
    op(94, "f32x4.demote_f64x2_zero", "v128 -> v128"),
    op(95, "f64x2.promote_low_f32x4", "v128 -> v128"),
    op(96, "i8x16.abs", "v128 -> v128"),
    op(97, "i8x16.neg", "v128 -> v128"),
    op(98, "i8x16.popcnt", "v128 -> v128"),
    op(99, "i8x16.all_true", "v128 -> i32"),
    op(100, "i8x16.bitmask", "v128 -> i32"),
    op(101, "i8x16.narrow_i16x8_s", "v128 v128 -> v128"),
    op(102, "i8x16.narrow_i16x8_u", "v128 v128 -> v128"),
    op(103, "f32x4.ceil", "v128 -> v128"),
    op(104, "f32x4.floor", "v128 -> v128"),
    op(105, "f32x4.trunc", "v128 -> v128"),
    op(106, "f32x4.nearest", "v128 -> v128"),
    op(107, "i8x16.shl", "v128 i32 -> v128"),
    op(108, "i8x16.shr_s", "v128 i32 -> v128"),
    op(109, "i8x16.shr_u", "v128 i32 -> v128"),
    op(110, "i8x16.add", "v128 v128 -> v128"),
    op(111, "i8x16.add_sat_s", "v128 v128 -> v128"),
    op(112, "i8x16.add_sat_u", "v128 v128 -> v128"),
    op(113, "i8x16.sub", "v128 v128 -> v128"),
    op(114, "i8x16.sub_sat_s", "v128 v128 -> v128"),
    op(115, "i8x16.sub_sat_u", "v128 v128 -> v128"),
    op(116, "f64x2.ceil", "v128 -> v128"),
    op(117, "f64x2.floor", "v128 -> v128"),
    op(118, "i8x16.min_s", "v128 v128 -> v128"),
    op(119, "i8x16.min_u", "v128 v128 -> v128"),
    op(120, "i8x16.max_s", "v128 v128 -> v128"),
    op(121, "i8x16.max_u", "v128 v128 -> v128"),
    op(122, "f64x2.trunc", "v128 -> v128"),
    op(123, "i8x16.avgr_u", "v128 v128 -> v128"),
    op(124, "i16x8.extadd_pairwise_i8x16_s", "v128 -> v128"),
    op(125, "i16x8.extadd_pairwise_i8x16_u", "v128 -> v128"),
    op(126, "i32x4.extadd_pairwise_i16x8_s", "v128 -> v128"),
    op(127, "i32x4.extadd_pairwise_i16x8_u", "v128 -> v128"),
    op(128, "i16x8.abs", "v128 -> v128"),
    op(129, "i16x8.neg", "v128 -> v128"),
    op(130, "i16x8.q15mulr_sat_s", "v128 v128 -> v128"),
    op(131, "i16x8.all_true", "v128 -> i32"),
    op(132, "i16x8.bitmask", "v128 -> i32"),
    op(133, "i16x8.narrow_i32x4_s", "v128 v128 -> v128"),
    op(134, "i16x8.narrow_i32x4_u", "v128 v128 -> v128"),
    op(135, "i16x8.extend_low_i8x16_s", "v128 -> v128"),
    op(136, "i16x8.extend_high_i8x16_s", "v128 -> v128"),
    op(137, "i16x8.extend_low_i8x16_u", "v128 -> v128"),
    op(138, "i16x8.extend_high_i8x16_u", "v128 -> v128"),
    op(139, "i16x8.shl", "v128 i32 -> v128"),
    op(140, "i16x8.shr_s", "v128 i32 -> v128"),
    op(141, "i16x8.shr_u", "v128 i32 -> v128"),
    op(142, "i16x8.add", "v128 v128 -> v128"),
    op(143, "i16x8.add_sat_s", "v128 v128 -> v128"),
    op(144, "i16x8.add_sat_u", "v128 v128 -> v128"),
    op(145, "i16x8.sub", "v128 v128 -> v128"),
    op(146, "i16x8.sub_sat_s", "v128 v128 -> v128"),
    op(147, "i16x8.sub_sat_u", "v128 v128 -> v128"),
    op(148, "f64x2.nearest", "v128 -> v128"),
    op(149, "i16x8.mul", "v128 v128 -> v128"),
    op(150, "i16x8.min_s", "v128 v128 -> v128"),
    op(151, "i16x8.min_u", "v128 v128 -> v128"),
    op(152, "i16x8.max_s", "v128 v128 -> v128"),
    op(153, "i16x8.max_u", "v128 v128 -> v128"),
    op(155, "i16x8.avgr_u", "v128 v128 -> v128"),
    op(156, "i16x8.extmul_low_i8x16_s", "v128 v128 -> v128"),
    op(157, "i16x8.extmul_high_i8x16_s", "v128 v128 -> v128"),
    op(158, "i16x8.extmul_low_i8x16_u", "v128 v128 -> v128"),
    op(159, "i16x8.extmul_high_i8x16_u", "v128 v128 -> v128"),
    op(160, "i32x4.abs", "v128 -> v128"),
    op(161, "i32x4.neg", "v128 -> v128"),
    op(163, "i32x4.all_true", "v128 -> i32"),
    op(164, "i32x4.bitmask", "v128 -> i32"),
    op(167, "i32x4.extend_low_i16x8_s", "v128 -> v128"),
    op(168, "i32x4.extend_high_i16x8_s", "v128 -> v128"),
    op(169, "i32x4.extend_low_i16x8_u", "v128 -> v128"),
    op(170, "i32x4.extend_high_i16x8_u", "v128 -> v128"),
    op(171, "i32x4.shl", "v128 i32 -> v128"),
    op(172, "i32x4.shr_s", "v128 i32 -> v128"),
    op(173, "i32x4.shr_u", "v128 i32 -> v128"),
    op(174, "i32x4.add", "v128 v128 -> v128"),
    op(177, "i32x4.sub", "v128 v128 -> v128"),
    op(181, "i32x4.mul", "v128 v128 -> v128"),
    op(182, "i32x4.min_s", "v128 v128 -> v128"),
    op(183, "i32x4.min_u", "v128 v128 -> v128"),
    op(184, "i32x4.max_s", "v128 v128 -> v128"),
    op(185, "i32x4.max_u", "v128 v128 -> v128"),
    op(186, "i32x4.dot_i16x8_s", "v128 v128 -> v128"),
    op(188, "i32x4.extmul_low_i16x8_s", "v128 v128 -> v128"),
    op(189, "i32x4.extmul_high_i16x8_s", "v128 v128 -> v128"),
    op(190, "i32x4.extmul_low_i16x8_u", "v128 v128 -> v128"),
    op(191, "i32x4.extmul_high_i16x8_u", "v128 v128 -> v128"),
    op(192, "i64x2.abs", "v128 -> v128"),
    op(193, "i64x2.neg", "v128 -> v128"),
    op(195, "i64x2.all_true", "v128 -> i32"),
    op(196, "i64x2.bitmask", "v128 -> i32"),
    op(199, "i64x2.extend_low_i32x4_s", "v128 -> v128"),
    op(200, "i64x2.extend_high_i32x4_s", "v128 -> v128"),
    op(201, "i64x2.extend_low_i32x4_u", "v128 -> v128"),
    op(202, "i64x2.extend_high_i32x4_u", "v128 -> v128"),
    op(203, "i64x2.shl", "v128 i32 -> v128"),
    op(204, "i64x2.shr_s", "v128 i32 -> v128"),
    op(205, "i64x2.shr_u", "v128 i32 -> v128"),
    op(206, "i64x2.add", "v128 v128 -> v128"),
    op(209, "i64x2.sub", "v128 v128 -> v128"),
    op(213, "i64x2.mul", "v128 v128 -> v128"),
    op(214, "i64x2.eq", "v128 v128 -> v128"),
    op(215, "i64x2.ne", "v128 v128 -> v128"),
    op(216, "i64x2.lt_s", "v128 v128 -> v128"),
    op(217, "i64x2.gt_s", "v128 v128 -> v128"),
    op(218, "i64x2.le_s", "v128 v128 -> v128"),
    op(219, "i64x2.ge_s", "v128 v128 -> v128"),
    op(220, "i64x2.extmul_low_i32x4_s", "v128 v128 -> v128"),
    op(221, "i64x2.extmul_high_i32x4_s", "v128 v128 -> v128"),
    op(222, "i64x2.extmul_low_i32x4_u", "v128 v128 -> v128"),
    op(223, "i64x2.extmul_high_i32x4_u", "v128 v128 -> v128"),
    op(224, "f32x4.abs", "v128 -> v128"),
    op(225, "f32x4.neg", "v128 -> v128"),
    op(227, "f32x4.sqrt", "v128 -> v128"),
    op(228, "f32x4.add", "v128 v128 -> v128"),
    op(229, "f32x4.sub", "v128 v128 -> v128"),
    op(230, "f32x4.mul", "v128 v128 -> v128"),
    op(231, "f32x4.div", "v128 v128 -> v128"),
    op(232, "f32x4.min", "v128 v128 -> v128"),
    op(233, "f32x4.max", "v128 v128 -> v128"),
    op(234, "f32x4.pmin", "v128 v128 -> v128"),
    op(235, "f32x4.pmax", "v128 v128 -> v128"),
    op(236, "f64x2.abs", "v128 -> v128"),
    op(237, "f64x2.neg", "v128 -> v128"),
    op(239, "f64x2.sqrt", "v128 -> v128"),
    op(240, "f64x2.add", "v128 v128 -> v128"),
    op(241, "f64x2.sub", "v128 v128 -> v128"),
    op(242, "f64x2.mul", "v128 v128 -> v128"),
    op(243, "f64x2.div", "v128 v128 -> v128"),
    op(244, "f64x2.min", "v128 v128 -> v128"),
    op(245, "f64x2.max", "v128 v128 -> v128"),
    op(246, "f64x2.pmin", "v128 v128 -> v128"),
    op(247, "f64x2.pmax", "v128 v128 -> v128"),
    op(248, "i32x4.trunc_sat_f32x4_s", "v128 -> v128"),
    op(249, "i32x4.trunc_sat_f32x4_u", "v128 -> v128"),
    op(250, "f32x4.convert_i32x4_s", "v128 -> v128"),
    op(251, "f32x4.convert_i32x4_u", "v128 -> v128"),
    op(252, "i32x4.trunc_sat_f64x2_s_zero", "v128 -> v128"),
    op(253, "i32x4.trunc_sat_f64x2_u_zero", "v128 -> v128"),
    op(254, "f64x2.convert_low_i32x4_s", "v128 -> v128"),
    op(255, "f64x2.convert_low_i32x4_u", "v128 -> v128"),
)

op = _declarer("relaxed-simd", 0xFD)

_RELAXED_SIMD: Final = (
    op(256, "i8x16.relaxed_swizzle", "v128 v128 -> v128"),
    op(257, "i32x4.relaxed_trunc_f32x4_s", "v128 -> v128"),
    op(258, "i32x4.relaxed_trunc_f32x4_u", "v128 -> v128"),
    op(259, "i32x4.relaxed_trunc_f64x2_s_zero", "v128 -> v128"),
    op(260, "i32x4.relaxed_trunc_f64x2_u_zero", "v128 -> v128"),
    op(261, "f32x4.relaxed_madd", "v128 v128 v128 -> v128"),
    op(262, "f32x4.relaxed_nmadd", "v128 v128 v128 -> v128"),
    op(263, "f64x2.relaxed_madd", "v128 v128 v128 -> v128"),
    op(264, "f64x2.relaxed_nmadd", "v128 v128 v128 -> v128"),
    op(265, "i8x16.relaxed_laneselect", "v128 v128 v128 -> v128"),
    op(266, "i16x8.relaxed_laneselect", "v128 v128 v128 -> v128"),
    op(267, "i32x4.relaxed_laneselect", "v128 v128 v128 -> v128"),
    op(268, "i64x2.relaxed_laneselect", "v128 v128 v128 -> v128"),
    op(269, "f32x4.relaxed_min", "v128 v128 -> v128"),
    op(270, "f32x4.relaxed_max", "v128 v128 -> v128"),
    op(271, "f64x2.relaxed_min", "v128 v128 -> v128"),
    op(272, "f64x2.relaxed_max", "v128 v128 -> v128"),
    op(273, "i16x8.relaxed_q15mulr_s", "v128 v128 -> v128"),
    op(274, "i16x8.relaxed_dot_i8x16_i7x16_s", "v128 v128 -> v128"),
    op(275, "i32x4.relaxed_dot_i8x16_i7x16_add_s", "v128 v128 v128 -> v128"),
)

op = _declarer("threads", 0xFE)

_THREADS: Final = (
    op(0x00, "memory.atomic.notify", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=4),
    op(0x01, "memory.atomic.wait32", "i32 i32 i64 -> i32", "memarg", effect=ATOMIC, width=4),
    op(0x02, "memory.atomic.wait64", "i32 i64 i64 -> i32", "memarg", effect=ATOMIC, width=8),
    op(0x03, "atomic.fence", "->", "zero", effect=Effect.SYNCHRONIZES),
    op(0x10, "i32.atomic.load", "i32 -> i32", "memarg", effect=ATOMIC_LOADS, width=4),
    op(0x11, "i64.atomic.load", "i32 -> i64", "memarg", effect=ATOMIC_LOADS, width=8),
    op(0x12, "i32.atomic.load8_u", "i32 -> i32", "memarg", effect=ATOMIC_LOADS, width=1),
    op(0x13, "i32.atomic.load16_u", "i32 -> i32", "memarg", effect=ATOMIC_LOADS, width=2),
    op(0x14, "i64.atomic.load8_u", "i32 -> i64", "memarg", effect=ATOMIC_LOADS, width=1),
    op(0x15, "i64.atomic.load16_u", "i32 -> i64", "memarg", effect=ATOMIC_LOADS, width=2),
    op(0x16, "i64.atomic.load32_u", "i32 -> i64", "memarg", effect=ATOMIC_LOADS, width=4),
    op(0x17, "i32.atomic.store", "i32 i32 ->", "memarg", effect=ATOMIC_STORES, width=4),
    op(0x18, "i64.atomic.store", "i32 i64 ->", "memarg", effect=ATOMIC_STORES, width=8),
    op(0x19, "i32.atomic.store8", "i32 i32 ->", "memarg", effect=ATOMIC_STORES, width=1),
    op(0x1A, "i32.atomic.store16", "i32 i32 ->", "memarg", effect=ATOMIC_STORES, width=2),
    op(0x1B, "i64.atomic.store8", "i32 i64 ->", "memarg", effect=ATOMIC_STORES, width=1),
    op(0x1C, "i64.atomic.store16", "i32 i64 ->", "memarg", effect=ATOMIC_STORES, width=2),
    op(0x1D, "i64.atomic.store32", "i32 i64 ->", "memarg", effect=ATOMIC_STORES, width=4),
    op(0x1E, "i32.atomic.rmw.add", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=4),
    op(0x1F, "i64.atomic.rmw.add", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=8),
    op(0x20, "i32.atomic.rmw8.add_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=1),
    op(0x21, "i32.atomic.rmw16.add_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=2),
    op(0x22, "i64.atomic.rmw8.add_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=1),
    op(0x23, "i64.atomic.rmw16.add_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=2),
    op(0x24, "i64.atomic.rmw32.add_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=4),
    op(0x25, "i32.atomic.rmw.sub", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=4),
    op(0x26, "i64.atomic.rmw.sub", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=8),
    op(0x27, "i32.atomic.rmw8.sub_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=1),
    op(0x28, "i32.atomic.rmw16.sub_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=2),
    op(0x29, "i64.atomic.rmw8.sub_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=1),
    op(0x2A, "i64.atomic.rmw16.sub_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=2),
    op(0x2B, "i64.atomic.rmw32.sub_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=4),
    op(0x2C, "i32.atomic.rmw.and", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=4),
    op(0x2D, "i64.atomic.rmw.and", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=8),
    op(0x2E, "i32.atomic.rmw8.and_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=1),
    op(0x2F, "i32.atomic.rmw16.and_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=2),
    op(0x30, "i64.atomic.rmw8.and_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=1),
    op(0x31, "i64.atomic.rmw16.and_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=2),
    op(0x32, "i64.atomic.rmw32.and_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=4),
    op(0x33, "i32.atomic.rmw.or", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=4),
    op(0x34, "i64.atomic.rmw.or", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=8),
    op(0x35, "i32.atomic.rmw8.or_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=1),
    op(0x36, "i32.atomic.rmw16.or_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=2),
    op(0x37, "i64.atomic.rmw8.or_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=1),
    op(0x38, "i64.atomic.rmw16.or_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=2),
    op(0x39, "i64.atomic.rmw32.or_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=4),
    op(0x3A, "i32.atomic.rmw.xor", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=4),
    op(0x3B, "i64.atomic.rmw.xor", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=8),
    op(0x3C, "i32.atomic.rmw8.xor_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=1),
    op(0x3D, "i32.atomic.rmw16.xor_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=2),
    op(0x3E, "i64.atomic.rmw8.xor_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=1),
    op(0x3F, "i64.atomic.rmw16.xor_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=2),
    op(0x40, "i64.atomic.rmw32.xor_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=4),
    op(0x41, "i32.atomic.rmw.xchg", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=4),
    op(0x42, "i64.atomic.rmw.xchg", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=8),
    op(0x43, "i32.atomic.rmw8.xchg_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=1),
    op(0x44, "i32.atomic.rmw16.xchg_u", "i32 i32 -> i32", "memarg", effect=ATOMIC, width=2),
    op(0x45, "i64.atomic.rmw8.xchg_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=1),
    op(0x46, "i64.atomic.rmw16.xchg_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=2),
    op(0x47, "i64.atomic.rmw32.xchg_u", "i32 i64 -> i64", "memarg", effect=ATOMIC, width=4),
    op(0x48, "i32.atomic.rmw.cmpxchg", "i32 i32 i32 -> i32", "memarg", effect=ATOMIC, width=4),
    op(0x49, "i64.atomic.rmw.cmpxchg", "i32 i64 i64 -> i64", "memarg", effect=ATOMIC, width=8),
    op(0x4A, "i32.atomic.rmw8.cmpxchg_u", "i32 i32 i32 -> i32", "memarg", effect=ATOMIC, width=1),
    op(0x4B, "i32.atomic.rmw16.cmpxchg_u", "i32 i32 i32 -> i32", "memarg", effect=ATOMIC, width=2),
    op(0x4C, "i64.atomic.rmw8.cmpxchg_u", "i32 i64 i64 -> i64", "memarg", effect=ATOMIC, width=1),
    op(0x4D, "i64.atomic.rmw16.cmpxchg_u", "i32 i64 i64 -> i64", "memarg", effect=ATOMIC, width=2),
    op(0x4E, "i64.atomic.rmw32.cmpxchg_u", "i32 i64 i64 -> i64", "memarg", effect=ATOMIC, width=4),
)

OPS: Final[tuple[Op, ...]] = tuple(
    sorted(
        _MVP
        + _SIGN_EXTENSION
        + _SATURATING_CONVERSION
        + _BULK_MEMORY
        + _REFERENCE_TYPES
        + _TABLES
        + _WIDE_ARITHMETIC
        + _LEGACY_EXCEPTIONS
        + _EXCEPTIONS
        + _TAIL_CALL
        + _FUNCTION_REFERENCES
        + _GC
        + _SIMD
        + _RELAXED_SIMD
        + _THREADS,
        key=lambda op: op.code,
    )
)
"""Every opcode, by rising code."""

BY_CODE: Final[dict[int, Op]] = {op.code: op for op in OPS}
BY_NAME: Final[dict[str, Op]] = {op.mnemonic: op for op in OPS}


def _by_code(code: int) -> Op:
    """Return the row of `code`; a pickled or copied `Op` is the same object again."""
    return BY_CODE[code]
