"""From named CPython instructions to a code object, written byte by byte.

Assembling is most of the cost of compiling a function, and compiling is a good part of the start of a program: this
writer takes a quarter of what the package `bytecode` needs for the same result, which `packaged` gives and the tests
compare with.  Elements are tuples (name, argument, line) with CPython's name of an instruction, or of what is none:

============  ======================================================================================================
LABEL         argument: a label, any object; jumps have one for their argument too
TRY           (handler's label, depth): from here on exceptions go there, with the stack cut to `depth`
END_TRY       handler's label; such ranges do not nest
============  ======================================================================================================

Constants, names and fast locals are given by value, a name of LOAD_GLOBAL with whether a NULL is pushed too: (False,
"f"); free variables by name; operators as text.  An instruction is as long as CPython's tables say, its inline caches
included, and has EXTENDED_ARG in front for each further byte of its argument.
"""

from __future__ import annotations

import opcode
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from struct import Struct
from types import CodeType
from typing import Any, Final, TypeAlias

from pywasmjit.records import record

Element: TypeAlias = tuple[str, Any, int]

LABEL: Final = "LABEL"
TRY: Final = "TRY"
END_TRY: Final = "END_TRY"

PAIRS: Final = frozenset({"LOAD_FAST_LOAD_FAST", "STORE_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST"})
"""Instructions whose argument are two fast locals of the first 16."""


@record(frozen=True)
class Outline:
    """What a code object says beside its instructions; slots: the names of its parameters."""

    name: str
    qualname: str
    filename: str
    parameters: list[str]
    cells: tuple[str, ...]
    first_line: int
    stack_size: int


class TooManyPasses(Exception):
    """Jumps made each other longer more often than allowed."""


_CODES: Final = opcode.opmap
_EXTENDED: Final = _CODES["EXTENDED_ARG"]
_LOCALS: Final = frozenset(name for name in ("LOAD_FAST", "STORE_FAST"))
_OPERATORS: Final[dict[str, int]] = {text: number for number, (_, text) in enumerate(opcode._nb_ops)}  # type: ignore[attr-defined]
_OPTIMIZED_NEWLOCALS, _NESTED = 0x3, 0x10


def _cache_entries() -> list[int]:
    """Return the units of inline cache behind each opcode."""
    entries = opcode._inline_cache_entries  # type: ignore[attr-defined]
    if isinstance(entries, list):
        return entries
    found = [0] * 256
    for name, count in entries.items():
        found[_CODES.get(name, 0)] = count
    return found


_CACHES: Final = _cache_entries()


def assemble(elements: Iterable[Element], outline: Outline, passes: int, comparisons: Mapping[str, int]) -> CodeType:
    """Return the code object.

    passes: how often jumps may make each other longer, else TooManyPasses.  comparisons: the argument of COMPARE_OP by
    operator.  Cost: about 1 µs an instruction.
    """
    writer = _Writer(outline, comparisons)
    writer.add(elements)
    return writer.finish(outline, passes)


class _Writer:
    """The instructions so far: opcode, argument and line of each; and where labels and ranges are among them."""

    def __init__(self, outline: Outline, comparisons: Mapping[str, int]) -> None:
        self._comparisons = comparisons
        self._cells = outline.cells
        self._codes: list[int] = []
        self._arguments: list[int] = []
        self._lines: list[int] = []
        self._places: dict[Any, int] = {}
        self._jumps: list[tuple[int, Any]] = []
        self._uses_of_cells: list[int] = []
        self._ranges: list[tuple[int, int, Any, int]] = []
        self._constants: dict[Any, int] = {}
        self._values: list[Any] = []
        self._names: dict[str, int] = {}
        self._slots: dict[str, int] = {name: place for place, name in enumerate(outline.parameters)}

    # First: everything but the lengths of jumps.

    def add(self, elements: Iterable[Element]) -> None:
        """Take the elements, in order; slots of pairs get the lowest numbers."""
        elements = list(elements)
        for name, argument, _ in elements:
            if name in PAIRS:
                for slot in argument:
                    self._slot(slot)
        known: dict[tuple[str, Any], tuple[int, int]] = {}
        codes, arguments, lines = self._codes, self._arguments, self._lines
        begin = depth = 0
        for name, argument, line in elements:
            if name == "LOAD_CONST" or name == "RETURN_CONST":
                code, number = _CODES[name], self._constant(argument)
            elif "JUMP" in name:
                self._jumps.append((len(codes), argument))
                code, number = _CODES[name], 0
            elif name == LABEL:
                self._places[argument] = len(codes)
                continue
            elif name == TRY:
                begin, depth = len(codes), argument[1]
                continue
            elif name == END_TRY:
                self._ranges.append((begin, len(codes), argument, depth))
                continue
            else:
                found = known.get((name, argument))
                if found is None:
                    found = known[name, argument] = _CODES[name], self._number(name, argument)
                code, number = found
                if name.endswith("_DEREF"):
                    self._uses_of_cells.append(len(codes))
            codes.append(code)
            arguments.append(number)
            lines.append(line)

    def _number(self, name: str, argument: Any) -> int:
        """Return the argument as a number; of a free variable, its place among them."""
        if argument is None:
            return 0
        if name in _LOCALS:
            return self._slot(argument)
        if name in PAIRS:
            first, second = argument
            return self._slot(first) << 4 | self._slot(second)
        if name == "LOAD_GLOBAL":
            pushes_null, text = argument
            return self._names.setdefault(text, len(self._names)) << 1 | bool(pushes_null)
        if name == "BINARY_OP":
            return _OPERATORS[str(argument)]
        if name == "COMPARE_OP":
            return self._comparisons[str(argument)]
        if name.endswith("_DEREF"):
            return self._cells.index(argument)
        number: int = argument
        return number

    def _slot(self, name: str) -> int:
        return self._slots.setdefault(name, len(self._slots))

    def _constant(self, value: Any) -> int:
        """Return the place of a constant.

        Equal ones of the plain types share theirs; 1, True, 1.0 and -0.0 do not, nor do NaNs of different bits.
        """
        kind = value.__class__
        key = (kind, _bits(value)) if kind is float else (kind, value) if kind in _PLAIN else (kind, id(value))
        place = self._constants.setdefault(key, len(self._values))
        if place == len(self._values):
            self._values.append(value)
        return place

    # Then: places and bytes.

    def finish(self, outline: Outline, passes: int) -> CodeType:
        """Return the code object."""
        for index in self._uses_of_cells:
            self._arguments[index] += len(self._slots)
        sizes = [1 + _CACHES[code] for code in self._codes]
        for index, argument in enumerate(self._arguments):
            if argument > 0xFF:
                sizes[index] += _extensions(argument)
        starts = self._settle(sizes, passes)
        return CodeType(
            len(outline.parameters),
            0,
            0,
            len(self._slots),
            outline.stack_size,
            _OPTIMIZED_NEWLOCALS | (_NESTED if outline.cells else 0),
            self._bytes(),
            tuple(self._values),
            tuple(self._names),
            tuple(self._slots),
            outline.filename,
            outline.name,
            outline.qualname,
            outline.first_line,
            self._locations(sizes, outline.first_line),
            self._exceptions(starts),
            outline.cells,
            (),
        )

    def _settle(self, sizes: list[int], passes: int) -> list[int]:
        """Give jumps their arguments, and `sizes` what they need; return where each instruction begins, and the end."""
        arguments, places = self._arguments, self._places
        for _ in range(passes):
            starts = list(accumulate(sizes, initial=0))
            changed = False
            for index, label in self._jumps:
                distance = starts[places[label]] - starts[index + 1]
                arguments[index] = distance = abs(distance)
                size = 1 + _CACHES[self._codes[index]] + _extensions(distance)
                if size != sizes[index]:
                    sizes[index] = size
                    changed = True
            if not changed:
                return starts
        raise TooManyPasses

    def _bytes(self) -> bytes:
        written = bytearray()
        for code, argument in zip(self._codes, self._arguments, strict=True):
            if argument > 0xFF:
                for shift in range(8 * _extensions(argument), 0, -8):
                    written += bytes((_EXTENDED, argument >> shift & 0xFF))
                argument &= 0xFF
            written.append(code)
            written.append(argument)
            if _CACHES[code]:
                written += bytes(2 * _CACHES[code])
        return bytes(written)

    def _locations(self, sizes: list[int], line: int) -> bytes:
        """Return the table of lines: runs of at most eight units, the difference to the line before, no columns."""
        table = bytearray()
        for new, units in _runs(self._lines, sizes):
            difference, line = new - line, new
            while units > 0:
                table.append(_LINE_ONLY | min(units, 8) - 1)
                table += _little(difference << 1 if difference >= 0 else -difference << 1 | 1)
                difference = 0
                units -= 8
        return bytes(table)

    def _exceptions(self, starts: list[int]) -> bytes:
        """Return the exception table.  A range begins at the instruction proper, behind its EXTENDED_ARGs."""
        table = bytearray()
        for first, end, handler, depth in self._ranges:
            if first < end:
                begin = starts[first] + _extensions(self._arguments[first])
                numbers = begin, starts[end] - begin, starts[self._places[handler]], depth << 1
                mark = 0x80
                for number in numbers:
                    table += _big(number, mark)
                    mark = 0
        return bytes(table)


_bits: Final = Struct("<d").pack
_PLAIN: Final = frozenset({int, bool, str, bytes, type(None)})
_LINE_ONLY: Final = 0x80 | 13 << 3


def _extensions(argument: int) -> int:
    """Return how many EXTENDED_ARGs an argument needs."""
    return 0 if argument <= 0xFF else 1 if argument <= 0xFFFF else 2 if argument <= 0xFF_FFFF else 3


def _runs(lines: list[int], sizes: list[int]) -> Iterator[tuple[int, int]]:
    """Yield (line, units) for each run of instructions of one line."""
    line, units = lines[0], 0
    for each, size in zip(lines, sizes, strict=True):
        if each != line:
            yield line, units
            line, units = each, 0
        units += size
    yield line, units


def _little(number: int) -> bytearray:
    """Return a number in groups of six bits, the lowest first; all but the last are marked."""
    groups = bytearray()
    while number > 0x3F:
        groups.append(number & 0x3F | 0x40)
        number >>= 6
    groups.append(number)
    return groups


def _big(number: int, mark: int) -> bytes:
    """Return a number in groups of six bits, the highest first; all but the last are marked, the first with `mark`."""
    groups = [number & 0x3F]
    while number > 0x3F:
        number >>= 6
        groups.append(number & 0x3F | 0x40)
    groups[-1] |= mark
    return bytes(reversed(groups))
