"""The tables beside a code object's instructions, read and checked for the verifier.

Exception table: entries of four varints (start, size, target, level << 1 | lasti),
in units, most significant six bits first; bit 6 says that more bytes follow, bit 7
marks the first byte of an entry.  CPython searches it by bisection over raw bytes,
so order and marks are a matter of memory safety, not of style.

Location table: entries whose first byte alone has bit 7.  CPython reads their
numbers without looking where the table ends.
"""

from __future__ import annotations

import re


class TableError(ValueError):
    """A table that cannot be trusted; the verifier turns it into its own error."""


Entry = tuple[int, int, int, int, int]
"""Exceptions of units start..end-1 go to `target`: (start, end, target, level, lasti).

level: stack depth kept.  lasti: 1 if the place of the fault is pushed below the exception.
"""


def parse_exception_table(table: bytes, units: int) -> list[Entry]:
    """Return the entries of an exception table, checked to be sorted, disjoint, not empty and within `units`."""
    entries: list[Entry] = []
    numbers: list[int] = []
    number = after = 0
    fresh = True  # the next byte starts a number
    for byte in table:
        if (byte & 128 and not (fresh and not numbers)) or (byte < 128 and fresh and not numbers):
            raise TableError("an entry's first byte is not marked, or another one is")
        number = number << 6 | byte & 63
        fresh = not byte & 64
        if not fresh:
            if number > units << 6:
                raise TableError("a number is too large")
            continue
        if len(numbers) < 3:
            numbers.append(number)
            number = 0
            continue
        start, size, target = numbers
        end = start + size
        if start < after or not size or end > units or target >= units:
            raise TableError(f"entry {start}..{end} -> {target} is empty, out of order or out of range")
        entries.append((start, end, target, number >> 1, number & 1))
        numbers.clear()
        number, after = 0, end
    if numbers or not fresh:
        raise TableError("the last entry is cut short")
    return entries


_NUMBER = rb"[\x40-\x7f]{0,5}[\x00-\x3f]"
_RUN = re.compile(
    rb"(?:[\x80-\xcf][\x00-\x7f]"  # short form
    rb"|[\xd0-\xe7][\x00-\x7f]{2}"  # one line
    rb"|[\xe8-\xef]" + _NUMBER +  # no columns
    rb"|[\xf0-\xf7]" + _NUMBER * 4 +  # long form
    rb"|[\xf8-\xff]"  # none
    rb"){1,1000}",  # in runs: matching takes memory for each entry
    re.DOTALL,
)  # fmt: skip
_LOW_BYTES = bytes(range(128))
_UNITS = bytes((number & 7) + 1 for number in range(256))


def check_location_table(table: bytes, units: int) -> None:
    """Refuse a location table with a broken entry, or one that describes more than `units`."""
    if sum(table.translate(_UNITS, _LOW_BYTES)) > units:
        raise TableError("the location table describes more than the code")
    place, end = 0, len(table)
    while place < end:
        match = _RUN.match(table, place)
        if match is None:
            raise TableError("the location table has a broken entry")
        place = match.end()
