"""Modules put together byte by byte, for tests of what no assembler would write."""

from __future__ import annotations

from collections.abc import Iterable

PREAMBLE = b"\0asm\1\0\0\0"

I32, I64, F32, F64, V128, FUNCREF, EXTERNREF = (bytes([code]) for code in (0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x70, 0x6F))
END = b"\x0b"


def leb(value: int, length: int = 1) -> bytes:
    """Encode an unsigned LEB128 in at least `length` bytes."""
    out = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        if not value and len(out) + 1 >= length:
            return bytes((*out, low))
        out.append(low | 0x80)


def sleb(value: int, length: int = 1) -> bytes:
    """Encode a signed LEB128 in at least `length` bytes."""
    out = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        if value == (-1 if low & 0x40 else 0) and len(out) + 1 >= length:
            return bytes((*out, low))
        out.append(low | 0x80)


def vec(items: Iterable[bytes]) -> bytes:
    """Encode a vector."""
    listed = list(items)
    return leb(len(listed)) + b"".join(listed)


def name(text: str) -> bytes:
    """Encode a name."""
    encoded = text.encode()
    return leb(len(encoded)) + encoded


def section(number: int, contents: bytes) -> bytes:
    """Encode a section."""
    return bytes([number]) + leb(len(contents)) + contents


def functype(params: bytes = b"", results: bytes = b"") -> bytes:
    """Encode a function type of one-byte value types."""
    return b"\x60" + leb(len(params)) + params + leb(len(results)) + results


def body(code: bytes, local_runs: Iterable[tuple[int, bytes]] = ()) -> bytes:
    """Encode an entry of the code section; `code` has its final `end`."""
    contents = vec(leb(count) + type for count, type in local_runs) + code
    return leb(len(contents)) + contents


def module(
    *bodies: bytes,
    types: Iterable[bytes] = (functype(),),
    functions: Iterable[int] | None = None,
    before_code: bytes = b"",
    after_code: bytes = b"",
) -> bytes:
    """Encode a module of some functions, of type 0 unless told, with other sections as given."""
    indices = [0] * len(bodies) if functions is None else list(functions)
    parts = [PREAMBLE, section(1, vec(types)), section(3, vec(leb(index) for index in indices)), before_code]
    return b"".join((*parts, section(10, vec(bodies)), after_code))
