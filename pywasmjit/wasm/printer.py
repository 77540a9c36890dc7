"""Instructions and bodies as text, one line for each instruction.

Debuggers and tracebacks number the lines of this listing: line 1 is the head of
the function, line n the instruction n - 2 of `decode_expr`, the last line
closes the function in the place of its final `end`.  So a line is never split
and never empty, whatever characters a name has.

The text is that of the specification.  Functions and locals go by the names of
the name section, else by index; labels by index, 0 is the innermost.

Spec: Text Format, Instructions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from struct import pack, unpack
from typing import Any, Final

from pywasmjit.display import LONGEST
from pywasmjit.wasm.instructions import decode_expr
from pywasmjit.wasm.limits import LOCALS
from pywasmjit.wasm.module import Instruction, ModuleSyntax
from pywasmjit.wasm.opcodes import Op
from pywasmjit.wasm.types import FuncType, RefType, ValType

INDENT: Final = "  "
DEEPEST_INDENT: Final = 32
"""Nesting beyond this is not indented further: the listing of deep nesting must not be quadratic."""

ID_CHARACTERS: Final = frozenset(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-./:<=>?@\\^_`|~"
)

_TEXT_NAMES: Final = {"select_t": "select", "ref.test_null": "ref.test", "ref.cast_null": "ref.cast"}
_REVERSED: Final = frozenset(("call_indirect", "return_call_indirect", "memory.init", "table.init"))
"""The text has the two immediates of these in the other order than the binary format."""

_OPENING: Final = frozenset(("block", "loop", "if", "try", "try_table"))
_MIDDLE: Final = frozenset(("else", "catch", "catch_all"))
_CLOSING: Final = frozenset(("end", "delegate"))

Names = Mapping[int, str]


def quote(text: str) -> str:
    """Return `text` as a string of the text format, on one line and printable."""
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\u{{{ord(c):x}}}" for c in text) + '"'


def identifier(name: str) -> str:
    """Return `name` as an identifier of the text format."""
    return f"${name}" if name and ID_CHARACTERS.issuperset(name) else f"${quote(name)}"


def print_float(bits: int, width: int) -> str:
    """Return the shortest text of the float of `width` (32 or 64) bits that reads as exactly these bits."""
    exponent_bits = 8 if width == 32 else 11
    fraction_bits = width - 1 - exponent_bits
    sign = "-" if bits >> (width - 1) else ""
    fraction = bits & ((1 << fraction_bits) - 1)
    if (bits >> fraction_bits) & ((1 << exponent_bits) - 1) != (1 << exponent_bits) - 1:
        return _print_finite(bits, width)
    if not fraction:
        return f"{sign}inf"
    canonical = fraction == 1 << (fraction_bits - 1)
    return f"{sign}nan" if canonical else f"{sign}nan:{fraction:#x}"


_GREATEST_F32: Final = 3.4028234663852886e38
_TOO_GREAT_FOR_F32: Final = 3.4028235677973366e38
"""From here on a text rounds to infinity, which is an error."""


def _print_finite(bits: int, width: int) -> str:
    if width == 64:
        return repr(unpack("<d", pack("<Q", bits))[0])
    value = unpack("<f", pack("<I", bits))[0]
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if abs(float(text)) < _TOO_GREAT_FOR_F32 and pack("<f", _clamped(float(text))) == pack("<f", value):
            return text
    return repr(value)


def _clamped(value: float) -> float:
    """Return `value`, or the greatest f32 for what rounds down to it, which `pack` refuses."""
    return math.copysign(_GREATEST_F32, value) if abs(value) > _GREATEST_F32 else value


def _signed(value: int, bits: int) -> str:
    return str(value - (1 << bits) if value >> (bits - 1) else value)


def print_valtypes(keyword: str, types: tuple[ValType, ...]) -> str:
    """Return " (keyword t ...)", or nothing if there are no types."""
    return f" ({keyword} {' '.join(map(str, types))})" if types else ""


def _blocktype(type: FuncType) -> str:
    return (print_valtypes("param", type.params) + print_valtypes("result", type.results)).lstrip()


def _memarg(value: tuple[int, int, int], op: Op) -> str:
    align, offset, memory = value
    parts = [str(memory)] if memory else []
    if offset:
        parts.append(f"offset={offset}")
    if 1 << align != op.width:
        parts.append(f"align={1 << align}")
    return " ".join(parts)


def _heaptype(type: RefType, op: Op) -> str:
    if op.mnemonic == "ref.null":
        return str(type.heap)
    return str(RefType(type.heap, op.mnemonic.endswith("_null")))


_CATCHES: Final = ("catch", "catch_ref", "catch_all", "catch_all_ref")


def _catches(clauses: tuple[tuple[int, int | None, int], ...]) -> str:
    texts = (
        f"({_CATCHES[kind]} {label})" if tag is None else f"({_CATCHES[kind]} {tag} {label})"
        for kind, tag, label in clauses
    )
    return " ".join(texts)


def _v128(bits: int) -> str:
    return "i32x4 " + " ".join(f"{bits >> shift & 0xFFFFFFFF:#010x}" for shift in (0, 32, 64, 96))


def _name_or_index(index: int, name: str | None) -> str:
    return str(index) if name is None or len(name) > LONGEST else identifier(name)


_PRINTERS: Final[dict[str, Callable[[Any, Op, ModuleSyntax, Names], str]]] = {
    "blocktype": lambda value, op, module, names: _blocktype(value),
    "labels": lambda value, op, module, names: " ".join(map(str, (*value[0], value[1]))),
    "func": lambda value, op, module, names: _name_or_index(value, module.function_name(value)),
    "local": lambda value, op, module, names: _name_or_index(value, names.get(value)),
    "global": lambda value, op, module, names: _name_or_index(value, module.names.maps["global"].get(value)),
    "s32": lambda value, op, module, names: _signed(value, 32),
    "s64": lambda value, op, module, names: _signed(value, 64),
    "f32": lambda value, op, module, names: print_float(value, 32),
    "f64": lambda value, op, module, names: print_float(value, 64),
    "v128": lambda value, op, module, names: _v128(value),
    "lanes": lambda value, op, module, names: " ".join(map(str, value)),
    "memarg": lambda value, op, module, names: _memarg(value, op),
    "valtypes": lambda value, op, module, names: print_valtypes("result", value).lstrip() or "(result)",
    "heaptype": lambda value, op, module, names: _heaptype(value, op),
    "cast": lambda value, op, module, names: " ".join(map(str, value)),
    "catches": lambda value, op, module, names: _catches(value),
    "zero": lambda value, op, module, names: "",
}
"""Kind of immediate -> its text; kinds that are missing are numbers."""


def _print_immediates(module: ModuleSyntax, op: Op, immediate: Any, names: Names) -> list[str]:
    kinds = op.immediates
    if kinds in (("memory",), ("table",), ("memory", "memory"), ("table", "table")) and not immediate:
        return []
    values = immediate if len(kinds) > 1 else (immediate,)
    if kinds in (("memory", "memory"), ("table", "table")) and not any(values):
        return []
    pairs = list(zip(kinds, values, strict=True))
    if op.mnemonic in _REVERSED:
        pairs = [(kind, value) for kind, value in reversed(pairs) if value or kind not in ("memory", "table")]
    texts = [_PRINTERS[kind](value, op, module, names) if kind in _PRINTERS else str(value) for kind, value in pairs]
    if "type" in kinds and op.mnemonic.endswith("call_indirect"):
        texts[-1] = f"(type {texts[-1]})"
    return [text for text in texts if text]


def print_instruction(module: ModuleSyntax, instruction: Instruction, local_names: Names | None = None) -> str:
    """Return the text of an instruction, on one line.

    local_names: names of the function's locals by index, where the caller knows them.
    """
    _, op, immediate = instruction
    name = _TEXT_NAMES.get(op.mnemonic, op.mnemonic)
    if not op.immediates:
        return name
    return " ".join((name, *_print_immediates(module, op, immediate, local_names or {})))


def print_head(module: ModuleSyntax, index: int) -> str:
    """Return the head of function `index` of the whole index space, without its closing bracket if it has a body."""
    type = module.function_type(index)
    name = module.function_name(index)
    if name is not None and len(name) > LONGEST:
        name = None
    own_index = index - module.imported_count("func")
    exports = "".join(f" (export {quote(each)})" for each in module.function_exports(index) if len(each) <= LONGEST)
    head = f"(func{'' if name is None else ' ' + identifier(name)} (;{index};){exports}"
    names = module.names.locals(index)
    params = _declarations("param", names, 0, type.params)
    results = print_valtypes("result", type.results)
    if own_index < 0:
        item = module.imported("func")[index]
        return f"{head} (import {quote(item.module)} {quote(item.name)}){params}{results})"
    return f"{head}{params}{results}{_locals(module, own_index, names, len(type.params))}"


def _declarations(keyword: str, names: Names, first: int, types: tuple[ValType, ...]) -> str:
    """Return the declarations of parameters or locals; together where none has a name."""
    if not any(first + i in names for i in range(len(types))):
        return print_valtypes(keyword, types)
    named = ((names.get(first + i), type) for i, type in enumerate(types))
    return "".join(f" ({keyword} {'' if n is None else identifier(n) + ' '}{type})" for n, type in named)


def _locals(module: ModuleSyntax, own_index: int, names: Names, first: int) -> str:
    """Return the declarations of the locals, one a run; too many (an invalid function) become a comment."""
    runs = module.bodies[own_index].locals
    total = sum(count for count, _ in runs)
    if total > LOCALS:
        return f" (; {total} locals ;)"
    texts = []
    for count, type in runs:
        texts.append(_declarations("local", names, first, (type,) * count))
        first += count
    return "".join(texts)


def print_body(module: ModuleSyntax, function_index: int) -> list[str]:
    """Return the listing of a function, as lines without line ends.

    function_index: of the whole index space; an import has one line, its head.
    """
    own_index = function_index - module.imported_count("func")
    lines = [print_head(module, function_index)]
    if own_index < 0:
        return lines
    body = module.bodies[own_index]
    names = module.names.locals(function_index)
    depth = 1
    for instruction in decode_expr(module, body.start, body.end):
        mnemonic = instruction[1].mnemonic
        depth -= mnemonic in _CLOSING
        level = depth - (mnemonic in _MIDDLE)
        lines.append(INDENT * min(level, DEEPEST_INDENT) + print_instruction(module, instruction, names))
        depth += mnemonic in _OPENING
    lines[-1] = ")"
    return lines
