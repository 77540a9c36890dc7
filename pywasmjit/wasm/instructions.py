"""Reading instructions: bytes to (offset, opcode, immediate).

`read_instruction` reads any one instruction with all checks of the binary
format, by a table from kind of immediate to the method that reads it.
`decode_expr` is the same for a whole validated body, as fast as it goes: one
loop whose branches are the few shapes that make up nearly all code, chosen by
tables made from the opcodes; the rest goes through `read_instruction`.

Spec: Binary Format, Instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from pywasmjit.errors import MalformedError, UnsupportedFeature
from pywasmjit.wasm.binary_types import BLOCKS, TypeReader
from pywasmjit.wasm.module import Expr, Instruction, ModuleSyntax
from pywasmjit.wasm.opcodes import BY_CODE, FEATURES, IMPLEMENTED, OPS, Op
from pywasmjit.wasm.reader import END, leb_signed, leb_u32, leb_unsigned
from pywasmjit.wasm.types import RefType, ValType

PREFIXES: Final = frozenset((0xFB, 0xFC, 0xFD, 0xFE))
MEMORY_INDEX_FLAG: Final = 0x40
"""In the alignment of a memarg: a memory index follows."""

INDICES: Final = frozenset(
    ("label", "func", "type", "table", "memory", "global", "local", "tag", "elem", "data", "field", "u32")
)
"""Kinds of immediates that are one u32."""


# One function for each kind of immediate.


def _labels(reader: TypeReader) -> tuple[tuple[int, ...], int]:
    labels = reader.u32s(reader.count())
    return tuple(labels), reader.u32()


def _valtypes(reader: TypeReader) -> tuple[ValType, ...]:
    return tuple(reader.valtype() for _ in range(reader.count()))


def _memarg(reader: TypeReader) -> tuple[int, int, int]:
    start = reader.position
    align = reader.u32()
    memory = 0
    if align & MEMORY_INDEX_FLAG:
        reader.need("multi-memory", "a memory index", start)
        align ^= MEMORY_INDEX_FLAG
        memory = reader.u32()
    if align >= MEMORY_INDEX_FLAG:
        raise MalformedError("malformed memop flags", start)
    return align, reader.u64(), memory


def _zero(reader: TypeReader) -> None:
    start = reader.position
    if reader.byte():
        raise MalformedError("zero byte expected", start)


def _lanes(reader: TypeReader) -> tuple[int, ...]:
    start = reader.skip(16)
    return tuple(reader.data[start : start + 16])


def _cast(reader: TypeReader) -> tuple[int, RefType, RefType]:
    start = reader.position
    flags = reader.byte()
    if flags > 3:
        raise MalformedError("malformed br_on_cast flags", start)
    label = reader.u32()
    source, target = reader.heaptype(), reader.heaptype()
    return label, RefType(source.heap, bool(flags & 1)), RefType(target.heap, bool(flags & 2))


def _catches(reader: TypeReader) -> tuple[tuple[int, int | None, int], ...]:
    return tuple(_catch(reader) for _ in range(reader.count(2)))


def _catch(reader: TypeReader) -> tuple[int, int | None, int]:
    start = reader.position
    kind = reader.byte()
    if kind > 3:
        raise MalformedError("malformed catch clause", start)
    return kind, reader.u32() if kind < 2 else None, reader.u32()


READERS: Final[dict[str, Callable[[TypeReader], Any]]] = {
    **dict.fromkeys(INDICES, TypeReader.u32),
    "blocktype": TypeReader.blocktype,
    "labels": _labels,
    "s32": TypeReader.s32,
    "s64": TypeReader.s64,
    "f32": lambda reader: reader.fixed(4),
    "f64": lambda reader: reader.fixed(8),
    "v128": lambda reader: reader.fixed(16),
    "lane": TypeReader.byte,
    "lanes": _lanes,
    "memarg": _memarg,
    "valtypes": _valtypes,
    "heaptype": TypeReader.heaptype,
    "cast": _cast,
    "catches": _catches,
    "zero": _zero,
}
"""Kind of immediate -> what reads it."""


def read_opcode(reader: TypeReader) -> Op:
    """Read an opcode; MalformedError if there is none such, UnsupportedFeature if this version does not run it."""
    start = reader.position
    code = reader.byte()
    if code in PREFIXES:
        number = reader.u32()
        if number > 0xFFFF:
            raise MalformedError(f"illegal opcode {code:02x} {number:02x}", start)
        code = code << 16 | number
    op = BY_CODE.get(code)
    if op is None or op.feature not in reader.features or op.feature not in IMPLEMENTED:
        _refuse(op, code, reader.features, start)
    return op


def _refuse(op: Op | None, code: int, features: frozenset[str], start: int) -> NoReturn:
    text = f"{code:02x}" if code < 256 else f"{code >> 16:02x} {code & 0xFFFF:02x}"
    if op is None:
        raise MalformedError(f"illegal opcode {text}", start)
    if op.feature not in features:
        raise MalformedError(f"illegal opcode {text}: the feature {op.feature!r} is off", start)
    raise UnsupportedFeature(op.feature, op.mnemonic, start)


def read_immediate(reader: TypeReader, op: Op) -> Any:
    """Read the immediates of `op`."""
    kinds = op.immediates
    if not kinds:
        return None
    if len(kinds) == 1:
        return READERS[kinds[0]](reader)
    return tuple(READERS[kind](reader) for kind in kinds)


def read_instruction(reader: TypeReader) -> Instruction:
    """Read one instruction."""
    start = reader.position
    op = read_opcode(reader)
    return start, op, read_immediate(reader, op)


_END: Final = BY_CODE[0x0B]


def read_const_expr(reader: TypeReader) -> Expr:
    """Read instructions up to the `end` that belongs to them; return them without it."""
    depth = 0
    instructions: list[Instruction] = []
    while True:
        instruction = read_instruction(reader)
        if instruction[1] is _END:
            if not depth:
                return tuple(instructions)
            depth -= 1
        elif "blocktype" in instruction[1].immediates:
            depth += 1
        instructions.append(instruction)


# The fast loop: shapes of immediates that have a branch of their own.

_OTHER, _PLAIN, _INDEX, _MEMARG, _SIGNED, _BLOCK = range(6)

_SHAPE_OF: Final[dict[tuple[str, ...], int]] = {
    (): _PLAIN,
    **{(kind,): _INDEX for kind in INDICES},
    ("memarg",): _MEMARG,
    ("s32",): _SIGNED,
    ("s64",): _SIGNED,
    ("blocktype",): _BLOCK,
}

_SHAPES: Final = bytearray(256)
_OPS_BY_BYTE: Final[list[Any]] = [None] * 256
_WIDTH_OF_CONSTANT: Final = {"s32": 32, "s64": 64}

for _op in OPS:
    if _op.code < 256:
        _SHAPES[_op.code] = _SHAPE_OF.get(_op.immediates, _OTHER)
        _OPS_BY_BYTE[_op.code] = _op


def decode_expr(module: ModuleSyntax, start: int, end: int) -> list[Instruction]:
    """Decode the instructions in a range of the module's bytes, the final `end` included.

    The range must be that of a validated body: nobody asks which features are
    on, and of the checks of the binary format only some are made again.
    Raises MalformedError where it notices that the bytes are no instructions.
    """
    try:
        return _decode(module, start, end)
    except IndexError:
        raise MalformedError(END, end) from None


def _decode(module: ModuleSyntax, start: int, end: int) -> list[Instruction]:
    """Do the work of `decode_expr`; IndexError where an instruction would reach past the module's end.

    Small forms are read in place, since a call costs as much as the rest of the instruction.
    """
    data, shapes, ops, blocks = module.data, _SHAPES, _OPS_BY_BYTE, BLOCKS
    reader = TypeReader(data, start, len(data), _ALL, module.types)
    result: list[Instruction] = []
    append = result.append
    at = start
    while at < end:
        byte = data[at]
        shape = shapes[byte]
        if shape == _INDEX:
            value = data[at + 1]
            if value < 0x80:
                append((at, ops[byte], value))
                at += 2
                continue
            value, position = leb_u32(data, at + 1)
            append((at, ops[byte], value))
            at = position
        elif shape == _PLAIN:
            append((at, ops[byte], None))
            at += 1
        elif shape == _SIGNED:
            value = data[at + 1]
            if value < 0x40:
                append((at, ops[byte], value))
                at += 2
                continue
            op = ops[byte]
            bits = _WIDTH_OF_CONSTANT[op.immediates[0]]
            value, position = leb_signed(data, at + 1, bits)
            append((at, op, value if value >= 0 else value + (1 << bits)))
            at = position
        elif shape == _MEMARG and data[at + 1] < MEMORY_INDEX_FLAG:
            value = data[at + 2]
            if value < 0x80:
                append((at, ops[byte], (data[at + 1], value, 0)))
                at += 3
                continue
            value, position = leb_unsigned(data, at + 2, 64)
            append((at, ops[byte], (data[at + 1], value, 0)))
            at = position
        elif shape == _BLOCK and data[at + 1] in blocks:
            append((at, ops[byte], blocks[data[at + 1]]))
            at += 2
        else:
            reader.position = at
            append(read_instruction(reader))
            at = reader.position
    return result


_ALL: Final = frozenset(FEATURES)
