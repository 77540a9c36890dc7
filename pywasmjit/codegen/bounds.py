"""What is known of an integer before it exists: that it lies within [low, high].

Each function takes the bounds of operands and returns those of a result.  Nothing here knows code, stack or locals: the
compilers say what an instruction computes, this module what follows from it.  Integers are exact ones of Python, so
arithmetic that commutes with reduction modulo 2**N has no N here; whatever looks at a number's form takes `bits`.

*Exact* means that both bounds are reached by operands within theirs, each taken for itself; *sound*, that no result
lies outside.  The tests hold every function to the word that it uses.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Bounds: TypeAlias = tuple[int, int]
"""(low, high), both possible."""

BOOL: Final[Bounds] = (0, 1)
"""What a comparison leaves."""

PAGES: Final[Bounds] = (0, 65536)
"""Size of a memory in pages."""


def exactly(number: int) -> Bounds:
    """Return the bounds of a constant."""
    return number, number


def normal(bits: int) -> Bounds:
    """Return the bounds of the normal form, unsigned."""
    return 0, (1 << bits) - 1


def signed(bits: int) -> Bounds:
    """Return the bounds of the signed form."""
    half = 1 << bits - 1
    return -half, half - 1


def within(a: Bounds, outer: Bounds) -> bool:
    """Return whether `a` leaves no room outside of `outer`."""
    return outer[0] <= a[0] and a[1] <= outer[1]


# Two ways meet, or a second thing is learnt.


def hull(a: Bounds, b: Bounds) -> Bounds:
    """Return bounds of a number that is one of two.  Exact."""
    return (a[0] if a[0] < b[0] else b[0]), (a[1] if a[1] > b[1] else b[1])


def meet(a: Bounds, b: Bounds) -> Bounds | None:
    """Return bounds of a number that lies in both, None if there is no such number.  Exact."""
    low, high = max(a[0], b[0]), min(a[1], b[1])
    return (low, high) if low <= high else None


# Forms of a number.


def reduced(a: Bounds, bits: int) -> Bounds:
    """Return the bounds modulo 2**bits.  Exact."""
    if a[0] >> bits != a[1] >> bits:
        return normal(bits)
    mask = (1 << bits) - 1
    return a[0] & mask, a[1] & mask


def sign_extended(a: Bounds, bits: int) -> Bounds:
    """Return the bounds of the signed number that the lowest bits are, whatever lies above them.  Exact."""
    half = 1 << bits - 1
    low, high = a[0] + half, a[1] + half
    if low >> bits != high >> bits:
        return signed(bits)
    mask = 2 * half - 1
    return (low & mask) - half, (high & mask) - half


# Arithmetic and bits.


def add(a: Bounds, b: Bounds) -> Bounds:
    """Exact."""
    return a[0] + b[0], a[1] + b[1]


def subtract(a: Bounds, b: Bounds) -> Bounds:
    """Exact."""
    return a[0] - b[1], a[1] - b[0]


def multiply(a: Bounds, b: Bounds) -> Bounds:
    """Exact."""
    corners = a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]
    return min(corners), max(corners)


def bit_and(a: Bounds, b: Bounds) -> Bounds:
    """Sound; exact if one operand is all ones or 0, as masks mostly are."""
    if a[0] >= 0:
        return 0, (min(a[1], b[1]) if b[0] >= 0 else a[1])
    return (0, b[1]) if b[0] >= 0 else _combined(a, b)


def bit_or(a: Bounds, b: Bounds) -> Bounds:
    """Sound."""
    return _combined(a, b)


def bit_xor(a: Bounds, b: Bounds) -> Bounds:
    """Sound."""
    return _combined(a, b)


def _combined(a: Bounds, b: Bounds) -> Bounds:
    """Return bounds of every combination bit by bit: as many bits as the wider one has, and a sign if one has."""
    low, high = hull(a, b)
    size = max(low.bit_length(), high.bit_length())
    return (-(1 << size) if low < 0 else 0), (1 << size) - 1


def shift_left(a: Bounds, counts: Bounds) -> Bounds:
    """Return the bounds of `a << count`, nothing cut off.  Exact."""
    few, many = counts
    return a[0] << (many if a[0] < 0 else few), a[1] << (few if a[1] < 0 else many)


def shift_right(a: Bounds, counts: Bounds) -> Bounds:
    """Return the bounds of `a >> count`: of a number in normal form or in signed form, for the shift of that kind.

    Exact.
    """
    few, many = counts
    return a[0] >> (few if a[0] < 0 else many), a[1] >> (many if a[1] < 0 else few)


def rotated(a: Bounds, shifts: Bounds, bits: int) -> Bounds:
    """Return the bounds of `a * (2**bits + 1) >> shift`, which holds the rotated number in its lowest bits.

    a: in normal form.  Exact.
    """
    return shift_right(multiply(a, exactly((1 << bits) + 1)), shifts)


def leading_zeros(a: Bounds, bits: int) -> Bounds:
    """Return the bounds of how many zeros precede a number in normal form.  Exact."""
    return bits - a[1].bit_length(), bits - a[0].bit_length()


# Division, as long as it does not trap.  Operands are in normal form.


def divide_unsigned(a: Bounds, b: Bounds) -> Bounds:
    """Exact, but for a divisor that is always 0."""
    return a[0] // max(b[1], 1), a[1] // max(b[0], 1)


def remainder_unsigned(a: Bounds, b: Bounds) -> Bounds:
    """Sound."""
    return 0, min(a[1], max(b[1] - 1, 0))


def divide_signed(a: Bounds, b: Bounds, bits: int) -> Bounds:
    """Return the bounds of the quotient in normal form.  Sound; exact where no operand has a sign."""
    half = 1 << bits - 1
    return divide_unsigned(a, b) if a[1] < half and b[1] < half else normal(bits)


def remainder_signed(a: Bounds, b: Bounds, bits: int) -> Bounds:
    """Return the bounds of the remainder in normal form.  Sound."""
    half = 1 << bits - 1
    return remainder_unsigned(a, b) if a[1] < half and b[1] < half else normal(bits)


# Memory.


def loaded(width: int, is_signed: bool) -> Bounds:
    """Return the bounds of what an access of so many bytes reads.  Exact."""
    return signed(8 * width) if is_signed else normal(8 * width)


def after_access(address: Bounds, offset: int, size: int) -> Bounds:
    """Return the bounds of an address when an access at `address + offset` did not trap.

    size: most bytes that the memory can have.  Sound: exact for one byte; addresses that always trap keep their lowest.
    """
    low, high = address
    return low, max(low, min(high, size - 1 - offset))
