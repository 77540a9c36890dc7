"""The binary format, as far as the generator needs it: numbers, types, instructions, sections.

Encodes what the generator means, and checks nothing: it shares no code with the
engine's decoder.  Immediates are given in their decoded form (`opcodes.IMMEDIATES`),
block types as (params, results) resolved to an index by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pywasmjit.wasm.opcodes import Op
from pywasmjit.wasm.types import EXTERNREF, FUNCREF, FuncType, GlobalType, MemoryType, TableType, ValType

MAGIC = b"\0asm\1\0\0\0"

VALTYPES: dict[ValType, int] = {
    "i32": 0x7F,
    "i64": 0x7E,
    "f32": 0x7D,
    "f64": 0x7C,
    "v128": 0x7B,
    FUNCREF: 0x70,
    EXTERNREF: 0x6F,
}

EMPTY_BLOCK = 0x40


def u_leb(value: int, padding: int = 0) -> bytes:
    """Return unsigned LEB128, made `padding` bytes longer than needed."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    if not padding:
        out.append(value)
        return bytes(out)
    return bytes(out) + bytes([value | 0x80]) + b"\x80" * (padding - 1) + b"\0"


def s_leb(value: int) -> bytes:
    """Return signed LEB128 in its shortest form."""
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


def signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


def name(text: str) -> bytes:
    raw = text.encode()
    return u_leb(len(raw)) + raw


def vector(items: Sequence[bytes]) -> bytes:
    return u_leb(len(items)) + b"".join(items)


def valtypes(types: Iterable[ValType]) -> bytes:
    return vector([bytes([VALTYPES[t]]) for t in types])


def func_type(type_: FuncType) -> bytes:
    return b"\x60" + valtypes(type_.params) + valtypes(type_.results)


def limits(minimum: int, maximum: int | None, flags: int = 0) -> bytes:
    if maximum is None:
        return bytes([flags]) + u_leb(minimum)
    return bytes([flags | 1]) + u_leb(minimum) + u_leb(maximum)


def memory_type(type_: MemoryType) -> bytes:
    return limits(type_.minimum, type_.maximum, 2 if type_.shared else 0)


def table_type(type_: TableType) -> bytes:
    return bytes([VALTYPES[type_.element]]) + limits(type_.minimum, type_.maximum)


def global_type(type_: GlobalType) -> bytes:
    return bytes([VALTYPES[type_.content], type_.mutable])


def section(number: int, content: bytes, padding: int = 0) -> bytes:
    return bytes([number]) + u_leb(len(content), padding) + content


def custom_section(title: str, content: bytes) -> bytes:
    return section(0, name(title) + content)


def _memarg(align: int, offset: int, memory: int) -> bytes:
    if memory:
        return u_leb(align | 0x40) + u_leb(memory) + u_leb(offset)
    return u_leb(align) + u_leb(offset)


def _immediate(kind: str, value: object) -> bytes:
    match kind, value:
        case "s32", int():
            return s_leb(signed(value, 32))
        case "s64", int():
            return s_leb(signed(value, 64))
        case "f32", int():
            return value.to_bytes(4, "little")
        case "f64", int():
            return value.to_bytes(8, "little")
        case "v128", int():
            return value.to_bytes(16, "little")
        case "lane", int():
            return bytes([value])
        case (("blocktype" | "heaptype" | "lanes"), bytes()):
            return value
        case "memarg", (int(align), int(offset), int(memory)):
            return _memarg(align, offset, memory)
        case "labels", (tuple(labels), int(default)):
            return vector([u_leb(label) for label in labels]) + u_leb(default)
        case "valtypes", tuple():
            return valtypes(value)
        case _, int():
            return u_leb(value)
    raise NotImplementedError(f"immediate {kind} {value!r}")


def opcode(op: Op) -> bytes:
    prefix, number = op.code >> 16, op.code & 0xFFFF
    return bytes([prefix]) + u_leb(number) if prefix else bytes([number])


def instruction(op: Op, *immediates: object) -> bytes:
    """Return the bytes of one instruction; reserved zero bytes are added, not given."""
    out = opcode(op)
    given = iter(immediates)
    for kind in op.immediates:
        out += b"\0" if kind == "zero" else _immediate(kind, next(given))
    return out
