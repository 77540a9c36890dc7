"""Functions whose handler is on duty where no `try` of the source reaches and asynchronous exceptions may arrive."""

from __future__ import annotations

from types import CodeType, FunctionType


def cover_start(function: FunctionType) -> None:
    """Let the `try` that is a function's first statement cover what comes before it.

    CPython may raise an asynchronous exception at a function's very first instruction, RESUME, which no `try` of the
    source reaches.  An entry of the exception table is start, length, target and depth * 2 + lasti, each in
    groups of 6 bits, high ones first, 0x40 set in all but the last, 0x80 in the first of the entry.
    """
    code: CodeType = function.__code__
    (start, length, *handler), *others = _entries(code)
    function.__code__ = code.replace(co_exceptiontable=_table([(0, start + length, *handler), *others]))


def cover_whole(function: FunctionType) -> None:
    """Let a function's first handler also catch, with an empty stack, what arises at any instruction without one.

    Those are the first instruction, jumps back, and the end of handlers: whatever happens in the function, its first
    handler gets it, again and again.  So `raise` is of no use there; only `return` leaves.
    """
    code: CodeType = function.__code__
    entries = _entries(code)
    target = entries[0][2]
    covered: list[tuple[int, ...]] = []
    at = 0
    for start, length, *handler in [*entries, (len(code.co_code) // 2, 0)]:
        if at < start:
            covered.append((at, start - at, target, 0))
        if length:
            covered.append((start, length, *handler))
        at = start + length
    function.__code__ = code.replace(co_exceptiontable=_table(covered))


def _entries(code: CodeType) -> list[tuple[int, ...]]:
    """Return (start, length, target, depth * 2 + lasti) of each entry, in order."""
    table = code.co_exceptiontable
    numbers = []
    at = 0
    while at < len(table):
        number, at = _read_varint(table, at)
        numbers.append(number)
    return list(zip(*[iter(numbers)] * 4, strict=True))


def _table(entries: list[tuple[int, ...]]) -> bytes:
    parts = [bytearray(b"".join(map(_varint, entry))) for entry in entries]
    for part in parts:
        part[0] |= 0x80
    return b"".join(parts)


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
