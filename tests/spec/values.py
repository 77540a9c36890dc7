"""Values that scripts pass and the patterns that they expect back.

Numbers and vectors are unsigned integers, null is None, a host's reference (`ref.extern N`, `ref.host N`) is the one
`HostReference` of that number; other references are the engine's own objects, of which only the kind is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from .lexer import ScriptError
from .literals import FLOAT_FORMATS, FloatFormat, float_bits, integer_bits
from .sexpr import Atom, List

Value: TypeAlias = object
"""int (bits of a number or vector), None (null), HostReference, or a reference of the engine."""

KindOf: TypeAlias = Callable[[object], str]
"""Tells the kind of an engine's reference: "func", "extern", "i31", "struct", "array", "exn"; "" if it is none."""


@dataclass(frozen=True, slots=True)
class HostReference:
    """The host's object number `number`."""

    number: int

    def __str__(self) -> str:
        return f"(ref.extern {self.number})"


_HOST_REFERENCES: Final[dict[int, HostReference]] = {}


def host_reference(number: int) -> HostReference:
    """Return the one host object of that number: references are compared by identity."""
    return _HOST_REFERENCES.setdefault(number, HostReference(number))


@dataclass(frozen=True, slots=True)
class Bits:
    """Exactly these bits."""

    type: str
    bits: int

    def matches(self, value: Value, kind_of: KindOf) -> bool:
        return type(value) is int and value == self.bits

    def __str__(self) -> str:
        return f"({self.type}.const {show_bits(self.type, self.bits)})"


@dataclass(frozen=True, slots=True)
class Nan:
    """Any NaN of a class; sign: either."""

    type: str
    is_canonical: bool

    def matches(self, value: Value, kind_of: KindOf) -> bool:
        if type(value) is not int:
            return False
        form = FLOAT_FORMATS[self.type]
        magnitude = value & ~form.sign_bit
        canonical = form.infinity | form.quiet_bit
        return magnitude == canonical if self.is_canonical else magnitude & canonical == canonical

    def __str__(self) -> str:
        return f"({self.type}.const nan:{'canonical' if self.is_canonical else 'arithmetic'})"


@dataclass(frozen=True, slots=True)
class Lanes:
    """A vector, each lane with a pattern of its own; the first lane is the lowest bits."""

    shape: str
    lane_bits: int
    lanes: tuple[Bits | Nan, ...]

    def matches(self, value: Value, kind_of: KindOf) -> bool:
        if type(value) is not int:
            return False
        mask = (1 << self.lane_bits) - 1
        return all(lane.matches(value >> (n * self.lane_bits) & mask, kind_of) for n, lane in enumerate(self.lanes))

    def __str__(self) -> str:
        return f"(v128.const {self.shape} {' '.join(map(str, self.lanes))})"


@dataclass(frozen=True, slots=True)
class Null:
    """The null reference; every null is the same."""

    def matches(self, value: Value, kind_of: KindOf) -> bool:
        return value is None

    def __str__(self) -> str:
        return "(ref.null)"


@dataclass(frozen=True, slots=True)
class Host:
    """The host's object of that number."""

    number: int

    def matches(self, value: Value, kind_of: KindOf) -> bool:
        return value is host_reference(self.number)

    def __str__(self) -> str:
        return f"(ref.extern {self.number})"


@dataclass(frozen=True, slots=True)
class Kind:
    """Any reference of one of these kinds, not null."""

    word: str
    kinds: frozenset[str]

    def matches(self, value: Value, kind_of: KindOf) -> bool:
        return value is not None and type(value) is not int and kind_of(value) in self.kinds

    def __str__(self) -> str:
        return f"({self.word})"


@dataclass(frozen=True, slots=True)
class Either:
    """Any of these."""

    alternatives: tuple[Pattern, ...]

    def matches(self, value: Value, kind_of: KindOf) -> bool:
        return any(alternative.matches(value, kind_of) for alternative in self.alternatives)

    def __str__(self) -> str:
        return f"(either {' '.join(map(str, self.alternatives))})"


Pattern: TypeAlias = Bits | Nan | Lanes | Null | Host | Kind | Either

_INTEGER_WIDTHS: Final = {"i8": 8, "i16": 16, "i32": 32, "i64": 64}
_KINDS: Final = {
    "ref.func": frozenset({"func"}),
    "ref.extern": frozenset({"extern"}),
    "ref.exn": frozenset({"exn"}),
    "ref.i31": frozenset({"i31"}),
    "ref.struct": frozenset({"struct"}),
    "ref.array": frozenset({"array"}),
    "ref.eq": frozenset({"i31", "struct", "array"}),
    "ref.any": frozenset({"i31", "struct", "array", "extern"}),
}


def read_pattern(node: List) -> Pattern:
    """Return the pattern that a list of a script writes; ScriptError if it is none."""
    head = node.head
    if head == "either":
        return Either(tuple(read_pattern(_as_list(item)) for item in node.items[1:]))
    if head == "ref.null":
        return Null()
    if head in ("ref.extern", "ref.host") and len(node.items) > 1:
        return Host(integer_bits(_words(node)[0], 32))
    if head in _KINDS:
        return Kind(head, _KINDS[head])
    if head.endswith(".const"):
        return _read_constant(head.removesuffix(".const"), node)
    raise ScriptError(f"unknown value or pattern ({head} ...)", node.start)


def read_argument(node: List) -> Value:
    """Return the value that a list of a script writes as an argument; ScriptError if it is none."""
    pattern = read_pattern(node)
    if isinstance(pattern, Bits):
        return pattern.bits
    if isinstance(pattern, Lanes) and all(isinstance(lane, Bits) for lane in pattern.lanes):
        lanes = (lane.bits for lane in pattern.lanes if isinstance(lane, Bits))
        return sum(bits << (n * pattern.lane_bits) for n, bits in enumerate(lanes))
    if isinstance(pattern, Host):
        return host_reference(pattern.number)
    if isinstance(pattern, Null):
        return None
    raise ScriptError(f"not an argument: {pattern}", node.start)


def _read_constant(name: str, node: List) -> Pattern:
    words = _words(node)
    try:
        if name == "v128":
            return _read_vector(words)
        if len(words) == 1:
            return _read_number(name, words[0])
    except (KeyError, ValueError) as error:
        raise ScriptError(f"malformed constant: {error}", node.start) from None
    raise ScriptError(f"malformed constant ({node.head} ...)", node.start)


def _read_number(name: str, word: str) -> Bits | Nan:
    if name in FLOAT_FORMATS:
        if word in ("nan:canonical", "nan:arithmetic"):
            return Nan(name, word == "nan:canonical")
        return Bits(name, float_bits(word, FLOAT_FORMATS[name]))
    return Bits(name, integer_bits(word, _INTEGER_WIDTHS[name]))


def _read_vector(words: list[str]) -> Lanes:
    shape, *lanes = words
    name, _, count = shape.partition("x")
    if len(lanes) != int(count):
        raise ValueError(f"{len(lanes)} lanes for {shape}")
    return Lanes(shape, 128 // len(lanes), tuple(_read_number(name, lane) for lane in lanes))


def _words(node: List) -> list[str]:
    words = [item.text for item in node.items[1:] if isinstance(item, Atom)]
    if len(words) != len(node.items) - 1:
        raise ScriptError(f"unexpected list in ({node.head} ...)", node.start)
    return words


def _as_list(node: Atom | List) -> List:
    if isinstance(node, Atom):
        raise ScriptError(f"expected a list, found {node.text}", node.start)
    return node


def show_bits(name: str, bits: int) -> str:
    """Return bits of a number type for a reader: floats as hexadecimal literals, NaNs with their payload."""
    form = FLOAT_FORMATS.get(name)
    return f"{bits:#x}" if form is None else _show_float(bits, form)


def _show_float(bits: int, form: FloatFormat) -> str:
    sign = "-" if bits & form.sign_bit else ""
    fraction = bits & ((1 << form.fraction_bits) - 1)
    exponent = (bits & form.infinity) >> form.fraction_bits
    if bits & form.infinity == form.infinity:
        return f"{sign}nan:{fraction:#x}" if fraction else f"{sign}inf"
    scale = max(exponent, 1) - form.bias - form.fraction_bits
    return f"{sign}{fraction | (bool(exponent) << form.fraction_bits):#x}p{scale:+d}"


def show_values(values: tuple[Value, ...]) -> str:
    """Return values for a reader, bits in hexadecimal."""
    return " ".join(f"{value:#x}" if type(value) is int else repr(value) for value in values) or "nothing"
