"""A small assembler of code objects that checks nothing, for broken ones as much as for sound ones.

Items are labels ("loop:"), or tuples of an opcode's name and its argument; the
argument of a jump is a label.  Caches and prefixes are added.  A few names stand
for what differs between versions of CPython:

    ("CALLEE", f)   a constant, ready for arguments     ("CALL", n)  the call
    ("IF", label)   jump if true                        ("UNLESS", label)
    ("LOOP_IF", label)  jump back if true               ("LESS",)    comparison, gives True or False
    ("RAW", opcode, argument)  one unit, as it is       ("TRUTH",)   any value to True or False
    ("CONST", value)    a constant, added to the pool
"""

from __future__ import annotations

import opcode
import sys
from collections.abc import Sequence
from types import CodeType, FunctionType
from typing import Any

Item = tuple[Any, ...] | str
Handler = tuple[str, str, str, int, bool]
"""(first label, end label, handler's label, depth kept, whether the place of the fault is pushed)"""

VERSION = sys.version_info[:2]
OPTIMIZED_NEWLOCALS = 3

_CACHES: Any = opcode._inline_cache_entries  # type: ignore[attr-defined]
_LESS = {(3, 11): 0, (3, 12): 2}.get(VERSION, 18)
_FORWARD, _BACKWARD = ("FORWARD_", "BACKWARD_") if VERSION == (3, 11) else ("", "")


def cache_units(name: str) -> int:
    """Return the number of cache units behind an opcode."""
    if isinstance(_CACHES, dict):
        return int(_CACHES.get(name, 0))
    return int(_CACHES[opcode.opmap[name]])


def _plain(item: tuple[Any, ...], consts: list[Any]) -> list[tuple[Any, ...]]:
    """Return an item in opcodes of the running version."""
    name, *rest = item
    arg = rest[0] if rest else 0
    new = VERSION >= (3, 13)
    if name == "CONST" or name == "CALLEE":
        consts.append(arg)
        load = ("LOAD_CONST", len(consts) - 1)
        if name == "CONST":
            return [load]
        return [load, ("PUSH_NULL",)] if new else [("PUSH_NULL",), load]
    if name == "CALL" and VERSION == (3, 11):
        return [("PRECALL", arg), ("CALL", arg)]
    if name == "LESS":
        return [("COMPARE_OP", _LESS)]
    if name == "TRUTH":
        return [("TO_BOOL",)] if new else []
    if name == "IF" or name == "UNLESS":
        return [(f"POP_JUMP_{_FORWARD}IF_{'TRUE' if name == 'IF' else 'FALSE'}", arg)]
    if name == "LOOP_IF":
        if _BACKWARD:
            return [("POP_JUMP_BACKWARD_IF_TRUE", arg)]
        return [("POP_JUMP_IF_FALSE", "+" + str(1 + cache_units("JUMP_BACKWARD"))), ("JUMP_BACKWARD", arg)]
    return [item]


class _Layout:
    """Items with their places in units."""

    def __init__(self, items: Sequence[Item], consts: list[Any]) -> None:
        self.items: list[Item] = []
        for item in items:
            self.items += [item] if isinstance(item, str) else _plain(item, consts)
        self.labels: dict[str, int] = {}
        self.widths = [0] * len(self.items)  # prefixes
        while self._place():
            pass

    def _place(self) -> bool:
        """Place everything; return whether a width changed."""
        place, changed = 0, False
        for index, item in enumerate(self.items):
            if isinstance(item, str):
                self.labels[item.rstrip(":")] = place
                continue
            place += 1 + self.widths[index] + (0 if item[0] == "RAW" else cache_units(item[0]))
        for index, item in enumerate(self.items):
            if isinstance(item, str) or item[0] == "RAW":
                continue
            needed = max(0, (self._argument(index, item).bit_length() - 1) // 8)
            if needed > self.widths[index]:
                self.widths[index], changed = needed, True
        return changed

    def _end(self, index: int) -> int:
        """Return the place behind an item, where jumps count from."""
        place = 0
        for number, item in enumerate(self.items[: index + 1]):
            if not isinstance(item, str):
                place += 1 + self.widths[number] + (0 if item[0] == "RAW" else cache_units(item[0]))
        return place

    def _argument(self, index: int, item: tuple[Any, ...]) -> int:
        arg = item[1] if len(item) > 1 else 0
        if not isinstance(arg, str):
            return int(arg)
        if arg.startswith("+"):
            return int(arg)
        distance = self.labels.get(arg, 0) - self._end(index)
        return max(0, -distance if "BACKWARD" in item[0] else distance)

    def code(self) -> bytes:
        data = bytearray()
        for index, item in enumerate(self.items):
            if isinstance(item, str):
                continue
            if item[0] == "RAW":
                data += bytes(item[1:3])
                continue
            arg = self._argument(index, item)
            for shift in range(8 * self.widths[index], 0, -8):
                data += bytes([opcode.opmap["EXTENDED_ARG"], arg >> shift & 255])
            data += bytes([opcode.opmap[item[0]], arg & 255]) + bytes(2 * cache_units(item[0]))
        return bytes(data)


def encode_table(entries: Sequence[tuple[int, int, int, int]]) -> bytes:
    """Return an exception table of (start, size, target, level << 1 | lasti), in units."""
    data = bytearray()
    for entry in entries:
        first = 128
        for number in entry:
            shift = max(0, (number.bit_length() - 1) // 6 * 6)
            while shift:
                data.append(first | 64 | number >> shift & 63)
                first, shift = 0, shift - 6
            data.append(first | number & 63)
            first = 0
    return bytes(data)


def assemble(
    *items: Item,
    arguments: int = 2,
    locals: Sequence[str] = ("a", "b", "c"),
    names: Sequence[str] = (),
    freevars: Sequence[str] = (),
    stack: int = 8,
    handlers: Sequence[Handler] = (),
    resume: bool = True,
    **changes: Any,
) -> CodeType:
    """Return the code object of a function; `changes` go to `CodeType.replace` last."""
    start: list[Item] = [("COPY_FREE_VARS", len(freevars))] if freevars else []
    if resume:
        start.append(("RESUME", 0))
    consts: list[Any] = []
    layout = _Layout([*start, *items], consts)
    at = layout.labels
    table = [(at[s], at[e] - at[s], at[t], level << 1 | lasti) for s, e, t, level, lasti in handlers]
    fields = {
        "co_code": layout.code(),
        "co_consts": tuple(consts),
        "co_names": tuple(names),
        "co_varnames": tuple(locals),
        "co_nlocals": len(locals),
        "co_freevars": tuple(freevars),
        "co_argcount": arguments,
        "co_stacksize": stack,
        "co_exceptiontable": encode_table(table),
        "co_flags": OPTIMIZED_NEWLOCALS,
        "co_linetable": b"",
        "co_name": "assembled",
    }
    return _TEMPLATE.replace(**{**fields, **changes})


def _nothing() -> None: ...


_TEMPLATE = _nothing.__code__


def function(code: CodeType, cells: Sequence[Any] = (), globals: dict[str, Any] | None = None) -> FunctionType:
    """Return a function over code, its free variables bound to new cells of the given contents."""
    from types import CellType

    closure = tuple(CellType(value) for value in cells)
    return FunctionType(code, {} if globals is None else globals, "assembled", None, closure or None)
