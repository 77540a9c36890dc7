"""One sample of every kind of immediate: its bytes, its decoded form, its text."""

from __future__ import annotations

from typing import Any, NamedTuple

from pywasmjit.wasm.opcodes import Op
from pywasmjit.wasm.types import FUNCREF, FuncType, RefType


class Sample(NamedTuple):
    """An immediate in its three forms."""

    code: bytes
    value: Any
    text: str


INDEX = Sample(b"\x05", 5, "5")

SAMPLES: dict[str, Sample] = {
    **dict.fromkeys(("label", "func", "type", "table", "memory", "global", "local", "tag", "elem", "data"), INDEX),
    "field": Sample(b"\x03", 3, "3"),
    "u32": Sample(b"\x80\x01", 128, "128"),
    "blocktype": Sample(b"\x7f", FuncType((), ("i32",)), "(result i32)"),
    "labels": Sample(b"\x03\x01\x00\x02\x04", ((1, 0, 2), 4), "1 0 2 4"),
    "s32": Sample(b"\xff\x7e", 0xFFFFFF7F, "-129"),
    "s64": Sample(b"\x80\x80\x80\x80\x80\x20", 1 << 40, "1099511627776"),
    "f32": Sample(b"\x00\x00\xc0\x3f", 0x3FC00000, "1.5"),
    "f64": Sample(b"\x00\x00\x00\x00\x00\x00\x04\xc0", 0xC004000000000000, "-2.5"),
    "v128": Sample(bytes(range(16)), int.from_bytes(range(16), "little"), ""),
    "lane": Sample(b"\x01", 1, "1"),
    "lanes": Sample(bytes(range(16)), tuple(range(16)), " ".join(map(str, range(16)))),
    "memarg": Sample(b"\x00\xac\x02", (0, 300, 0), "offset=300 align=1"),
    "valtypes": Sample(b"\x01\x7d", ("f32",), "(result f32)"),
    "heaptype": Sample(b"\x70", FUNCREF, "func"),
    "cast": Sample(b"\x01\x02\x70\x70", (2, RefType("func", True), RefType("func", False)), "2 funcref (ref func)"),
    "catches": Sample(b"\x02\x00\x03\x01\x03\x00", ((0, 3, 1), (3, None, 0)), "(catch 3 1) (catch_all_ref 0)"),
    "zero": Sample(b"\x00", None, ""),
}


def opcode_bytes(op: Op) -> bytes:
    """Return the opcode of `op` as the binary format writes it."""
    if op.code < 256:
        return bytes([op.code])
    number = op.code & 0xFFFF
    tail = bytes([number]) if number < 128 else bytes([number & 0x7F | 0x80, number >> 7])
    return bytes([op.code >> 16]) + tail


def sample_of(op: Op) -> Sample:
    """Return a whole instruction: its bytes, the decoded immediate, its text."""
    samples = [_align(op) if kind == "memarg" else SAMPLES[kind] for kind in op.immediates]
    code = opcode_bytes(op) + b"".join(sample.code for sample in samples)
    values = tuple(sample.value for sample in samples)
    value = values if len(values) > 1 else values[0] if values else None
    return Sample(code, value, op.mnemonic)


def _align(op: Op) -> Sample:
    exponent = op.width.bit_length() - 1
    return Sample(bytes([exponent]) + b"\xac\x02", (exponent, 300, 0), "")
