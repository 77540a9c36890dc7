"""What running a module made visible, and the first difference between two such records.

Values are bits, as unsigned numbers; a reference is None, the string that stands
for a host object, or `FUNCTION`.  A NaN agrees with any quiet NaN, in results and
globals; the generator sees to it that memory holds no other difference.  What the
oracle says of an f32 passed through Python's floats, hence a signalling NaN that
was only moved is recorded as a quiet one with the same payload.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fuzz.generators.values import WIDTH, is_nan
from pywasmjit.wasm.types import ValType

FUNCTION: Final = "a function"

Value = tuple[str, int | str | None]
"""(type, bits or reference)."""


@dataclass
class Outcome:
    """What an engine made of a module and its calls.

    verdict: "valid", or "invalid".  start: "ok", or the kind of trap.
    calls: for each call ("return", values) or ("trap", kind); ("crash", text) if the engine broke.
    log: what host functions were called with.  memories: size in bytes and SHA-256.
    """

    verdict: str = "valid"
    start: str = "ok"
    calls: list[tuple[str, Any]] = field(default_factory=list)
    log: list[tuple[str, tuple[Value, ...]]] = field(default_factory=list)
    globals: dict[str, Value] = field(default_factory=dict)
    tables: dict[str, list[str | None]] = field(default_factory=dict)
    memories: dict[str, tuple[int, str]] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict, repr=False)

    def add_memory(self, name: str, content: bytes) -> None:
        self.raw[name] = content
        self.memories[name] = len(content), hashlib.sha256(content).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return everything but the memories' bytes, as JSON can hold it."""
        fields = ("verdict", "start", "calls", "log", "globals", "tables", "memories")
        return {name: _plain(getattr(self, name)) for name in fields}


def _plain(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _plain(value) for key, value in item.items()}
    return [_plain(value) for value in item] if isinstance(item, list | tuple) else item


def as_value(type_: ValType, item: Any) -> Value:
    """Return a value as recorded; `item` is bits or a signed number, a reference, or None."""
    name = str(type_)
    if type_ in WIDTH:
        assert isinstance(item, int)
        return name, int(item) % (1 << WIDTH[type_])
    return name, item if item is None or isinstance(item, str) else FUNCTION


def difference(expected: dict[str, Any], actual: dict[str, Any]) -> str:
    """Return a line about the first difference between two `Outcome.to_json()`, "" if there is none."""
    for name in ("verdict", "start", "calls", "log", "globals", "tables", "memories"):
        found = _compare(expected[name], actual[name])
        if found:
            return f"{name}{found}"
    return ""


def first_byte(expected: Outcome, actual: Outcome) -> str:
    """Return where two memories, of which both outcomes hold the bytes, differ first."""
    for name, content in expected.raw.items():
        other = actual.raw[name]
        if content != other:
            place = next((i for i, (a, b) in enumerate(zip(content, other, strict=False)) if a != b), None)
            if place is None:
                return f"; {name} has {len(other)} bytes instead of {len(content)}"
            at = place & -8
            return f"; {name} at {at:#x}: expected {content[at : at + 8].hex()}, got {other[at : at + 8].hex()}"
    return ""


def _compare(expected: Any, actual: Any) -> str:
    """Return the path to the first difference and the two sides of it."""
    if _is_value(expected) and _is_value(actual):
        return "" if _same(expected, actual) else f": expected {_show(expected)}, got {_show(actual)}"
    if _is_end(expected) and _is_end(actual) and expected[0] != actual[0]:
        return f": expected {_show(expected)}, got {_show(actual)}"
    if isinstance(expected, dict) and isinstance(actual, dict) and expected.keys() == actual.keys():
        keys: Sequence[Any] = list(expected)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        keys = range(len(expected))
    else:
        return "" if expected == actual else f": expected {_show(expected)}, got {_show(actual)}"
    for key in keys:
        found = _compare(expected[key], actual[key])
        if found:
            return f"[{key!r}]{found}"
    return ""


def _is_value(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], int)


def _is_end(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and item[0] in ("return", "trap", "crash")


def _same(expected: list[Any], actual: list[Any]) -> bool:
    type_, bits = actual
    if expected == actual:
        return True
    if expected[0] == type_ and is_nan(type_, expected[1]) and is_nan(type_, bits):
        quiet = 1 << (22 if type_ == "f32" else 51)
        return bool(bits & quiet) or (type_ == "f32" and bits | quiet == expected[1])
    return False


def _show(item: Any) -> str:
    if _is_value(item):
        return f"{item[0]} {item[1]:#x}"
    if isinstance(item, str):
        return item
    if _is_end(item):
        return f"{item[0]} {item[1]}"
    return repr(item)
