"""Reading the primitive values of the binary format: bytes, LEB128 integers, names.

A `Reader` stands at a position in a module's bytes and has an end that it does
not pass; whatever would pass it is a `MalformedError`.  Nothing is allocated
because the input claims a count: counts are checked against the bytes left.

The functions `leb_u32` and so on are the same without an object, for loops
that keep the position in a local variable.  They do not know the end: they may
read past it (never past the data without an error), so their callers compare
the position afterwards.

Spec: Binary Format, Values.
"""

from __future__ import annotations

from array import array

from pywasmjit.errors import MalformedError

END = "unexpected end of section or function"
TOO_LONG = "integer representation too long"
TOO_LARGE = "integer too large"


def leb_unsigned(data: bytes, position: int, bits: int) -> tuple[int, int]:
    """Read an unsigned LEB128 of at most `bits` bits; return it and the position behind it."""
    start = position
    value = shift = 0
    try:
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= bits:
                raise MalformedError(TOO_LONG, start)
    except IndexError:
        raise MalformedError(END, start) from None
    if value >> bits:
        raise MalformedError(TOO_LARGE, start)
    return value, position


def leb_signed(data: bytes, position: int, bits: int) -> tuple[int, int]:
    """Read a signed LEB128 of at most `bits` bits; return it and the position behind it."""
    start = position
    value = shift = 0
    try:
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= bits:
                raise MalformedError(TOO_LONG, start)
    except IndexError:
        raise MalformedError(END, start) from None
    if byte & 0x40:
        value -= 1 << shift
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise MalformedError(TOO_LARGE, start)
    return value, position


def leb_u32(data: bytes, position: int) -> tuple[int, int]:
    """Read a u32; return it and the position behind it."""
    return leb_unsigned(data, position, 32)


class Reader:
    """A position in the bytes of a module, and the end of what may be read."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data = data
        self.position = position
        self.end = end

    def byte(self) -> int:
        """Read one byte."""
        position = self.position
        if position >= self.end:
            raise MalformedError(END, position)
        self.position = position + 1
        return self.data[position]

    def u32(self) -> int:
        """Read a u32."""
        position = self.position
        if position < self.end and (value := self.data[position]) < 0x80:
            self.position = position + 1
            return value
        return self._unsigned(32)

    def u64(self) -> int:
        """Read a u64."""
        return self._unsigned(64)

    def s32(self) -> int:
        """Read an s32, as the unsigned number of the same 32 bits."""
        position = self.position
        if position < self.end and (value := self.data[position]) < 0x40:
            self.position = position + 1
            return value
        return self._signed(32) & 0xFFFFFFFF

    def s64(self) -> int:
        """Read an s64, as the unsigned number of the same 64 bits."""
        return self._signed(64) & 0xFFFFFFFFFFFFFFFF

    def s33(self) -> int:
        """Read an s33, signed: a type index, or a negative code of a type."""
        return self._signed(33)

    def _unsigned(self, bits: int) -> int:
        value, position = leb_unsigned(self.data, self.position, bits)
        return self._moved(value, position)

    def _signed(self, bits: int) -> int:
        value, position = leb_signed(self.data, self.position, bits)
        return self._moved(value, position)

    def _moved(self, value: int, position: int) -> int:
        if position > self.end:
            raise MalformedError(END, self.position)
        self.position = position
        return value

    def skip(self, length: int) -> int:
        """Pass `length` bytes; return where they start."""
        start = self.position
        if length > self.end - start:
            raise MalformedError("length out of bounds", start)
        self.position = start + length
        return start

    def fixed(self, length: int) -> int:
        """Read `length` bytes as an unsigned number, little-endian."""
        if length > self.end - self.position:
            raise MalformedError(END, self.position)
        start = self.skip(length)
        return int.from_bytes(self.data[start : start + length], "little")

    def count(self, item_bytes: int = 1) -> int:
        """Read the length of a vector whose items take at least `item_bytes` bytes each."""
        start = self.position
        count = self.u32()
        if count * item_bytes > self.end - self.position:
            raise MalformedError(f"{END}: length out of bounds", start)
        return count

    def name(self) -> str:
        """Read a name: a vector of bytes in UTF-8."""
        start = self.position
        length = self.u32()
        first = self.skip(length)
        try:
            return str(self.data[first : first + length], "utf-8")
        except UnicodeDecodeError:
            raise MalformedError("malformed UTF-8 encoding", start) from None

    def u32s(self, count: int) -> array[int]:
        """Read `count` u32 without allocating more than what was read."""
        data, position, end = self.data, self.position, self.end
        values = array("I")
        append = values.append
        for _ in range(count):
            if position >= end:
                raise MalformedError(END, position)
            value = data[position]
            position += 1
            if value >= 0x80:
                value, position = leb_u32(data, position - 1)
            append(value)
        self.position = position
        if position > end:
            raise MalformedError(END, end)
        return values
