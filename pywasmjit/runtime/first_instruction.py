"""A function whose handler is on duty from its very first instruction, where asynchronous exceptions may arrive."""

from __future__ import annotations

from types import CodeType, FunctionType


def cover_start(function: FunctionType) -> None:
    """Let the `try` that is a function's first statement cover what comes before it.

    CPython may raise an asynchronous exception at a function's very first instruction, RESUME, which no `try` of the
    source reaches.  An entry of the exception table is start, length, target and depth * 2 + lasti, each in
    groups of 6 bits, high ones first, 0x40 set in all but the last, 0x80 in the first of the entry.
    """
    code: CodeType = function.__code__
    table = code.co_exceptiontable
    start, after_start = _read_varint(table, 0)
    length, after_length = _read_varint(table, after_start)
    entry = bytearray(_varint(0) + _varint(start + length))
    entry[0] |= 0x80
    function.__code__ = code.replace(co_exceptiontable=bytes(entry) + table[after_length:])


def _read_varint(table: bytes, at: int) -> tuple[int, int]:
    value = table[at] & 0x3F
    while table[at] & 0x40:
        at += 1
        value = value << 6 | table[at] & 0x3F
    return value, at + 1


def _varint(value: int) -> bytes:
    groups = [value & 0x3F]
    while value := value >> 6:
        groups.append(value & 0x3F | 0x40)
    return bytes(reversed(groups))
