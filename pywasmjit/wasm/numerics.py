"""The meaning of every numeric instruction, one small function each.

Each function is named like its mnemonic with `_` for `.`, takes and returns
values in the form of `wasm/types.py`, and either returns the exact result or
raises the `Trap` that the specification asks for.  `FUNCTIONS` finds them by
mnemonic.  The same definition folds constants, runs where compiled code has no
inline form, and is the oracle of the tests, so nothing else may say what
`i32.div_s` does.

Why so much here is short, and what keeps it right:

- An f32 is held as the float of the same value.  What cannot leave binary32
  (compare, minimum, rounding to integers, sign changes) is the f64 function
  itself.  `+ - * / sqrt` of two such values, rounded once to binary64 and once
  to binary32, equal the result rounded once: 53 >= 2 * 24 + 2 bits (Figueroa,
  "When is double rounding innocuous?", 1995).
- An integer which binary64 cannot hold is first rounded to odd, so that the
  second rounding sees which side of a tie it was on (`f32_convert_i64_s`).
- CPython's float operators are the machine's, hence `a + b` and `x * 1.0`
  propagate the payload of a NaN and set its quiet bit; where Python would raise
  (division by zero, root of a negative) a test comes first.
- Bits are reinterpreted through a scratch buffer with two views.  Nothing
  between the write and the read is a call of Python code or a backward jump,
  so no other thread, signal handler or asynchronous exception can come between.
  The `f` view rounds to nearest even, overflows to infinity and quiets NaNs; it
  may not be used to move a NaN's bits.

Spec: Execution, Numerics.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from math import copysign, sqrt, trunc
from typing import Any, Final

from pywasmjit.errors import Trap, TrapCode

_M32: Final = 0xFFFF_FFFF
_M64: Final = 0xFFFF_FFFF_FFFF_FFFF
_SIGN32: Final = 0x8000_0000
_SIGN64: Final = 0x8000_0000_0000_0000
_INFINITY: Final = math.inf

_wide = memoryview(bytearray(8))
_narrow = memoryview(bytearray(4))
_D: Final[memoryview[float]] = _wide.cast("d")
_Q: Final[memoryview[int]] = _wide.cast("Q")
_F: Final[memoryview[float]] = _narrow.cast("f")
_I: Final[memoryview[int]] = _narrow.cast("I")

_Q[0] = 0x7FF8_0000_0000_0000
CANONICAL_NAN: Final[float] = _D[0]
"""The positive canonical NaN, of f64 and of f32."""


# Forms and bits


def signed_32(x: int) -> int:
    """Return the i32 `x` as a number in -2**31 .. 2**31 - 1."""
    return x if x < 0x8000_0000 else x - 0x1_0000_0000


def signed_64(x: int) -> int:
    """Return the i64 `x` as a number in -2**63 .. 2**63 - 1."""
    return x if x < 0x8000_0000_0000_0000 else x - 0x1_0000_0000_0000_0000


def f64_to_bits(x: float) -> int:
    """Return the 64 bits of `x`, those of any NaN included."""
    _D[0] = x
    return _Q[0]


def f64_from_bits(bits: int) -> float:
    """Return the f64 with these bits, 0 <= bits < 2**64; signalling NaNs stay signalling."""
    _Q[0] = bits
    return _D[0]


def f32_to_bits(x: float) -> int:
    """Return the 32 bits of the f32 `x`, those of any NaN included."""
    if x == x:
        _F[0] = x
        return _I[0]
    _D[0] = x
    bits = _Q[0]
    return (bits >> 32 & 0x8000_0000) | 0x7F80_0000 | (bits >> 29 & 0x7F_FFFF)


def f32_from_bits(bits: int) -> float:
    """Return the f32 with these bits, 0 <= bits < 2**32; signalling NaNs stay signalling."""
    _I[0] = bits
    x = _F[0]
    if x == x:
        return x
    _Q[0] = (bits & 0x8000_0000) << 32 | 0x7FF0_0000_0000_0000 | (bits & 0x7F_FFFF) << 29
    return _D[0]


# Integers: tests and comparisons.  Unsigned ones do not depend on the width.


def i32_eqz(a: int) -> int:
    return a == 0


def i32_eq(a: int, b: int) -> int:
    return a == b


def i32_ne(a: int, b: int) -> int:
    return a != b


def i32_lt_u(a: int, b: int) -> int:
    return a < b


def i32_gt_u(a: int, b: int) -> int:
    return a > b


def i32_le_u(a: int, b: int) -> int:
    return a <= b


def i32_ge_u(a: int, b: int) -> int:
    return a >= b


i64_eqz = i32_eqz
i64_eq = i32_eq
i64_ne = i32_ne
i64_lt_u = i32_lt_u
i64_gt_u = i32_gt_u
i64_le_u = i32_le_u
i64_ge_u = i32_ge_u


def i32_lt_s(a: int, b: int) -> int:
    return (a ^ 0x8000_0000) < (b ^ 0x8000_0000)


def i32_gt_s(a: int, b: int) -> int:
    return (a ^ 0x8000_0000) > (b ^ 0x8000_0000)


def i32_le_s(a: int, b: int) -> int:
    return (a ^ 0x8000_0000) <= (b ^ 0x8000_0000)


def i32_ge_s(a: int, b: int) -> int:
    return (a ^ 0x8000_0000) >= (b ^ 0x8000_0000)


def i64_lt_s(a: int, b: int) -> int:
    return (a ^ 0x8000_0000_0000_0000) < (b ^ 0x8000_0000_0000_0000)


def i64_gt_s(a: int, b: int) -> int:
    return (a ^ 0x8000_0000_0000_0000) > (b ^ 0x8000_0000_0000_0000)


def i64_le_s(a: int, b: int) -> int:
    return (a ^ 0x8000_0000_0000_0000) <= (b ^ 0x8000_0000_0000_0000)


def i64_ge_s(a: int, b: int) -> int:
    return (a ^ 0x8000_0000_0000_0000) >= (b ^ 0x8000_0000_0000_0000)


# Integers: counting bits


def i32_clz(a: int) -> int:
    return 32 - a.bit_length()


def i64_clz(a: int) -> int:
    return 64 - a.bit_length()


def i32_ctz(a: int) -> int:
    return (a & -a).bit_length() - 1 if a else 32


def i64_ctz(a: int) -> int:
    return (a & -a).bit_length() - 1 if a else 64


def i32_popcnt(a: int) -> int:
    return a.bit_count()


i64_popcnt = i32_popcnt


# Integers: arithmetic


def i32_add(a: int, b: int) -> int:
    return (a + b) & 0xFFFF_FFFF


def i32_sub(a: int, b: int) -> int:
    return (a - b) & 0xFFFF_FFFF


def i32_mul(a: int, b: int) -> int:
    return (a * b) & 0xFFFF_FFFF


def i64_add(a: int, b: int) -> int:
    return (a + b) & 0xFFFF_FFFF_FFFF_FFFF


def i64_sub(a: int, b: int) -> int:
    return (a - b) & 0xFFFF_FFFF_FFFF_FFFF


def i64_mul(a: int, b: int) -> int:
    return (a * b) & 0xFFFF_FFFF_FFFF_FFFF


def i32_div_u(a: int, b: int) -> int:
    """Traps on zero."""
    if b:
        return a // b
    raise Trap(TrapCode.INTEGER_DIVIDE_BY_ZERO)


def i32_rem_u(a: int, b: int) -> int:
    """Traps on zero."""
    if b:
        return a % b
    raise Trap(TrapCode.INTEGER_DIVIDE_BY_ZERO)


i64_div_u = i32_div_u
i64_rem_u = i32_rem_u


def i32_div_s(a: int, b: int) -> int:
    """Truncates toward zero; traps on zero, and on the one quotient that does not fit."""
    if b == 0:
        raise Trap(TrapCode.INTEGER_DIVIDE_BY_ZERO)
    if a < 0x8000_0000:
        return a // b if b < 0x8000_0000 else -(a // (0x1_0000_0000 - b)) & 0xFFFF_FFFF
    a = 0x1_0000_0000 - a
    if b < 0x8000_0000:
        return -(a // b) & 0xFFFF_FFFF
    quotient = a // (0x1_0000_0000 - b)
    if quotient < 0x8000_0000:
        return quotient
    raise Trap(TrapCode.INTEGER_OVERFLOW)


def i64_div_s(a: int, b: int) -> int:
    """Truncates toward zero; traps on zero, and on the one quotient that does not fit."""
    if b == 0:
        raise Trap(TrapCode.INTEGER_DIVIDE_BY_ZERO)
    if a < _SIGN64:
        return a // b if b < _SIGN64 else -(a // (0x1_0000_0000_0000_0000 - b)) & _M64
    a = 0x1_0000_0000_0000_0000 - a
    if b < _SIGN64:
        return -(a // b) & _M64
    quotient = a // (0x1_0000_0000_0000_0000 - b)
    if quotient < _SIGN64:
        return quotient
    raise Trap(TrapCode.INTEGER_OVERFLOW)


def i32_rem_s(a: int, b: int) -> int:
    """Takes the dividend's sign; traps on zero only."""
    if b == 0:
        raise Trap(TrapCode.INTEGER_DIVIDE_BY_ZERO)
    if b >= 0x8000_0000:
        b = 0x1_0000_0000 - b
    return a % b if a < 0x8000_0000 else -((0x1_0000_0000 - a) % b) & 0xFFFF_FFFF


def i64_rem_s(a: int, b: int) -> int:
    """Takes the dividend's sign; traps on zero only."""
    if b == 0:
        raise Trap(TrapCode.INTEGER_DIVIDE_BY_ZERO)
    if b >= _SIGN64:
        b = 0x1_0000_0000_0000_0000 - b
    return a % b if a < _SIGN64 else -((0x1_0000_0000_0000_0000 - a) % b) & _M64


# Integers: bits


def i32_and(a: int, b: int) -> int:
    return a & b


def i32_or(a: int, b: int) -> int:
    return a | b


def i32_xor(a: int, b: int) -> int:
    return a ^ b


i64_and = i32_and
i64_or = i32_or
i64_xor = i32_xor


def i32_shl(a: int, b: int) -> int:
    return (a << (b & 31)) & 0xFFFF_FFFF


def i64_shl(a: int, b: int) -> int:
    return (a << (b & 63)) & 0xFFFF_FFFF_FFFF_FFFF


def i32_shr_u(a: int, b: int) -> int:
    return a >> (b & 31)


def i64_shr_u(a: int, b: int) -> int:
    return a >> (b & 63)


def i32_shr_s(a: int, b: int) -> int:
    return a >> (b & 31) if a < 0x8000_0000 else (a - 0x1_0000_0000 >> (b & 31)) & 0xFFFF_FFFF


def i64_shr_s(a: int, b: int) -> int:
    return a >> (b & 63) if a < _SIGN64 else (a - 0x1_0000_0000_0000_0000 >> (b & 63)) & _M64


def i32_rotl(a: int, b: int) -> int:
    return (a * 0x1_0000_0001 >> (-b & 31)) & 0xFFFF_FFFF


def i32_rotr(a: int, b: int) -> int:
    return (a * 0x1_0000_0001 >> (b & 31)) & 0xFFFF_FFFF


def i64_rotl(a: int, b: int) -> int:
    return (a * 0x1_0000_0000_0000_0001 >> (-b & 63)) & _M64


def i64_rotr(a: int, b: int) -> int:
    return (a * 0x1_0000_0000_0000_0001 >> (b & 63)) & _M64


# Integers: width


def i32_extend8_s(a: int) -> int:
    return a | 0xFFFF_FF00 if a & 0x80 else a & 0x7F


def i32_extend16_s(a: int) -> int:
    return a | 0xFFFF_0000 if a & 0x8000 else a & 0x7FFF


def i64_extend8_s(a: int) -> int:
    return a | 0xFFFF_FFFF_FFFF_FF00 if a & 0x80 else a & 0x7F


def i64_extend16_s(a: int) -> int:
    return a | 0xFFFF_FFFF_FFFF_0000 if a & 0x8000 else a & 0x7FFF


def i64_extend32_s(a: int) -> int:
    return a | 0xFFFF_FFFF_0000_0000 if a & 0x8000_0000 else a & 0x7FFF_FFFF


i64_extend_i32_s = i64_extend32_s


def i64_extend_i32_u(a: int) -> int:
    return a


def i32_wrap_i64(a: int) -> int:
    return a & 0xFFFF_FFFF


# Floats: what is the same for f32 and f64


def f64_eq(a: float, b: float) -> int:
    return a == b


def f64_ne(a: float, b: float) -> int:
    return a != b


def f64_lt(a: float, b: float) -> int:
    return a < b


def f64_gt(a: float, b: float) -> int:
    return a > b


def f64_le(a: float, b: float) -> int:
    return a <= b


def f64_ge(a: float, b: float) -> int:
    return a >= b


def f64_abs(x: float) -> float:
    """Clears the sign bit, of a NaN too."""
    return abs(x)


def f64_neg(x: float) -> float:
    """Inverts the sign bit, of a NaN too."""
    return -x


def f64_copysign(a: float, b: float) -> float:
    """Moves the sign bit, from and to NaNs too."""
    return copysign(a, b)


def f64_min(a: float, b: float) -> float:
    """-0 is below +0; any NaN gives a NaN."""
    if a < b:
        return a
    if b < a:
        return b
    if a == 0.0:
        return -(-a - b)
    return a if a == b else a + b


def f64_max(a: float, b: float) -> float:
    """-0 is below +0; any NaN gives a NaN."""
    if a > b:
        return a
    if b > a:
        return b
    return a if a == b and a else a + b


# Python's `//` rounds down exactly, keeps the zero's sign, and turns only infinities into NaN.


def f64_floor(x: float) -> float:
    r = x // 1.0
    return r if r == r else x * 1.0


def f64_ceil(x: float) -> float:
    r = -(-x // 1.0)
    return r if r == r else x * 1.0


def f64_trunc(x: float) -> float:
    r = x // 1.0 if x > 0.0 else -(-x // 1.0)
    return r if r == r else x * 1.0


def f64_nearest(x: float) -> float:
    """Rounds to an integer, ties to even: next to 2**52 the addition itself does that."""
    if x > 0.0:
        if x < 4503599627370496.0:
            return x + 4503599627370496.0 - 4503599627370496.0
    elif x > -4503599627370496.0 and x:
        return -(4503599627370496.0 - x - 4503599627370496.0)
    return x * 1.0


f32_eq = f64_eq
f32_ne = f64_ne
f32_lt = f64_lt
f32_gt = f64_gt
f32_le = f64_le
f32_ge = f64_ge
f32_abs = f64_abs
f32_neg = f64_neg
f32_copysign = f64_copysign
f32_min = f64_min
f32_max = f64_max
f32_floor = f64_floor
f32_ceil = f64_ceil
f32_trunc = f64_trunc
f32_nearest = f64_nearest


# Floats: arithmetic


def f64_add(a: float, b: float) -> float:
    return a + b


def f64_sub(a: float, b: float) -> float:
    return a - b


def f64_mul(a: float, b: float) -> float:
    return a * b


def f64_div(a: float, b: float) -> float:
    return a / b if b else divide_by_zero(a, b)


def divide_by_zero(a: float, b: float) -> float:
    """Return a / b for b = +0 or -0, which Python refuses to do."""
    if a < 0.0 or a > 0.0:
        return copysign(_INFINITY, copysign(1.0, a) * copysign(1.0, b))
    return CANONICAL_NAN if a == 0.0 else a * 1.0


def f64_sqrt(x: float) -> float:
    if x < 0.0:
        return CANONICAL_NAN
    return sqrt(x)


def f32_demote_f64(x: float) -> float:
    """Round to f32, ties to even; this is also the rounding of f32 arithmetic done in f64."""
    _F[0] = x
    return _F[0]


def f64_promote_f32(x: float) -> float:
    """Same value, and a NaN becomes quiet."""
    return x * 1.0


def f32_add(a: float, b: float) -> float:
    _F[0] = a + b
    return _F[0]


def f32_sub(a: float, b: float) -> float:
    _F[0] = a - b
    return _F[0]


def f32_mul(a: float, b: float) -> float:
    _F[0] = a * b
    return _F[0]


def f32_div(a: float, b: float) -> float:
    if b:
        _F[0] = a / b
        return _F[0]
    return divide_by_zero(a, b)


def f32_sqrt(x: float) -> float:
    if x < 0.0:
        return CANONICAL_NAN
    _F[0] = sqrt(x)
    return _F[0]


# Conversions: reinterpretation

i32_reinterpret_f32 = f32_to_bits
i64_reinterpret_f64 = f64_to_bits
f32_reinterpret_i32 = f32_from_bits
f64_reinterpret_i64 = f64_from_bits


# Conversions: float to integer.  The bounds are floats, exact for f32 and f64 alike.


def _unconvertible(x: float) -> Trap:
    return Trap(TrapCode.INVALID_CONVERSION_TO_INTEGER if x != x else TrapCode.INTEGER_OVERFLOW)


def i32_trunc_f64_s(x: float) -> int:
    """Traps on NaN and on what does not fit."""
    if x < 2147483648.0 and x > -2147483649.0:
        return trunc(x) & 0xFFFF_FFFF
    raise _unconvertible(x)


def i32_trunc_f64_u(x: float) -> int:
    """Traps on NaN and on what does not fit."""
    if x < 4294967296.0 and x > -1.0:
        return trunc(x)
    raise _unconvertible(x)


def i64_trunc_f64_s(x: float) -> int:
    """Traps on NaN and on what does not fit."""
    if x < 9223372036854775808.0 and x >= -9223372036854775808.0:
        return trunc(x) & 0xFFFF_FFFF_FFFF_FFFF
    raise _unconvertible(x)


def i64_trunc_f64_u(x: float) -> int:
    """Traps on NaN and on what does not fit."""
    if x < 18446744073709551616.0 and x > -1.0:
        return trunc(x)
    raise _unconvertible(x)


def i32_trunc_sat_f64_s(x: float) -> int:
    """NaN gives 0, what does not fit the nearest bound."""
    if x < 2147483648.0:
        return trunc(x) & 0xFFFF_FFFF if x > -2147483649.0 else 0x8000_0000
    return 0x7FFF_FFFF if x == x else 0


def i32_trunc_sat_f64_u(x: float) -> int:
    """NaN gives 0, what does not fit the nearest bound."""
    if x < 4294967296.0:
        return trunc(x) if x > 0.0 else 0
    return 0xFFFF_FFFF if x == x else 0


def i64_trunc_sat_f64_s(x: float) -> int:
    """NaN gives 0, what does not fit the nearest bound."""
    if x < 9223372036854775808.0:
        return trunc(x) & _M64 if x > -9223372036854775808.0 else _SIGN64
    return 0x7FFF_FFFF_FFFF_FFFF if x == x else 0


def i64_trunc_sat_f64_u(x: float) -> int:
    """NaN gives 0, what does not fit the nearest bound."""
    if x < 18446744073709551616.0:
        return trunc(x) if x > 0.0 else 0
    return _M64 if x == x else 0


i32_trunc_f32_s = i32_trunc_f64_s
i32_trunc_f32_u = i32_trunc_f64_u
i64_trunc_f32_s = i64_trunc_f64_s
i64_trunc_f32_u = i64_trunc_f64_u
i32_trunc_sat_f32_s = i32_trunc_sat_f64_s
i32_trunc_sat_f32_u = i32_trunc_sat_f64_u
i64_trunc_sat_f32_s = i64_trunc_sat_f64_s
i64_trunc_sat_f32_u = i64_trunc_sat_f64_u


# Conversions: integer to float.  int + float converts the int correctly rounded.


def f64_convert_i32_u(a: int) -> float:
    return a + 0.0


def f64_convert_i32_s(a: int) -> float:
    return a + 0.0 if a < 0x8000_0000 else a - 0x1_0000_0000 + 0.0


def f64_convert_i64_s(a: int) -> float:
    return a + 0.0 if a < 0x8000_0000_0000_0000 else a - 0x1_0000_0000_0000_0000 + 0.0


f64_convert_i64_u = f64_convert_i32_u


def f32_convert_i32_u(a: int) -> float:
    _F[0] = a
    return _F[0]


def f32_convert_i32_s(a: int) -> float:
    _F[0] = a if a < 0x8000_0000 else a - 0x1_0000_0000
    return _F[0]


def f32_convert_i64_u(a: int) -> float:
    if a > 0x1F_FFFF_FFFF_FFFF and a & 0x7FF:
        a = a & -0x800 | 0x800
    _F[0] = a
    return _F[0]


def f32_convert_i64_s(a: int) -> float:
    """Rounds once: the bits beyond binary64 first stand behind an odd last bit, which no tie has."""
    if a > 0x1F_FFFF_FFFF_FFFF:
        if a >= 0x8000_0000_0000_0000:
            a -= 0x1_0000_0000_0000_0000
        if a & 0x7FF and not -0x1F_FFFF_FFFF_FFFF < a < 0x1F_FFFF_FFFF_FFFF:
            a = a & -0x800 | 0x800
    _F[0] = a
    return _F[0]


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "i32.eqz": i32_eqz,
    "i32.eq": i32_eq,
    "i32.ne": i32_ne,
    "i32.lt_s": i32_lt_s,
    "i32.lt_u": i32_lt_u,
    "i32.gt_s": i32_gt_s,
    "i32.gt_u": i32_gt_u,
    "i32.le_s": i32_le_s,
    "i32.le_u": i32_le_u,
    "i32.ge_s": i32_ge_s,
    "i32.ge_u": i32_ge_u,
    "i32.clz": i32_clz,
    "i32.ctz": i32_ctz,
    "i32.popcnt": i32_popcnt,
    "i32.add": i32_add,
    "i32.sub": i32_sub,
    "i32.mul": i32_mul,
    "i32.div_s": i32_div_s,
    "i32.div_u": i32_div_u,
    "i32.rem_s": i32_rem_s,
    "i32.rem_u": i32_rem_u,
    "i32.and": i32_and,
    "i32.or": i32_or,
    "i32.xor": i32_xor,
    "i32.shl": i32_shl,
    "i32.shr_s": i32_shr_s,
    "i32.shr_u": i32_shr_u,
    "i32.rotl": i32_rotl,
    "i32.rotr": i32_rotr,
    "i32.extend8_s": i32_extend8_s,
    "i32.extend16_s": i32_extend16_s,
    "i64.eqz": i64_eqz,
    "i64.eq": i64_eq,
    "i64.ne": i64_ne,
    "i64.lt_s": i64_lt_s,
    "i64.lt_u": i64_lt_u,
    "i64.gt_s": i64_gt_s,
    "i64.gt_u": i64_gt_u,
    "i64.le_s": i64_le_s,
    "i64.le_u": i64_le_u,
    "i64.ge_s": i64_ge_s,
    "i64.ge_u": i64_ge_u,
    "i64.clz": i64_clz,
    "i64.ctz": i64_ctz,
    "i64.popcnt": i64_popcnt,
    "i64.add": i64_add,
    "i64.sub": i64_sub,
    "i64.mul": i64_mul,
    "i64.div_s": i64_div_s,
    "i64.div_u": i64_div_u,
    "i64.rem_s": i64_rem_s,
    "i64.rem_u": i64_rem_u,
    "i64.and": i64_and,
    "i64.or": i64_or,
    "i64.xor": i64_xor,
    "i64.shl": i64_shl,
    "i64.shr_s": i64_shr_s,
    "i64.shr_u": i64_shr_u,
    "i64.rotl": i64_rotl,
    "i64.rotr": i64_rotr,
    "i64.extend8_s": i64_extend8_s,
    "i64.extend16_s": i64_extend16_s,
    "i64.extend32_s": i64_extend32_s,
    "f32.eq": f32_eq,
    "f32.ne": f32_ne,
    "f32.lt": f32_lt,
    "f32.gt": f32_gt,
    "f32.le": f32_le,
    "f32.ge": f32_ge,
    "f32.abs": f32_abs,
    "f32.neg": f32_neg,
    "f32.ceil": f32_ceil,
    "f32.floor": f32_floor,
    "f32.trunc": f32_trunc,
    "f32.nearest": f32_nearest,
    "f32.sqrt": f32_sqrt,
    "f32.add": f32_add,
    "f32.sub": f32_sub,
    "f32.mul": f32_mul,
    "f32.div": f32_div,
    "f32.min": f32_min,
    "f32.max": f32_max,
    "f32.copysign": f32_copysign,
    "f64.eq": f64_eq,
    "f64.ne": f64_ne,
    "f64.lt": f64_lt,
    "f64.gt": f64_gt,
    "f64.le": f64_le,
    "f64.ge": f64_ge,
    "f64.abs": f64_abs,
    "f64.neg": f64_neg,
    "f64.ceil": f64_ceil,
    "f64.floor": f64_floor,
    "f64.trunc": f64_trunc,
    "f64.nearest": f64_nearest,
    "f64.sqrt": f64_sqrt,
    "f64.add": f64_add,
    "f64.sub": f64_sub,
    "f64.mul": f64_mul,
    "f64.div": f64_div,
    "f64.min": f64_min,
    "f64.max": f64_max,
    "f64.copysign": f64_copysign,
    "i32.wrap_i64": i32_wrap_i64,
    "i64.extend_i32_s": i64_extend_i32_s,
    "i64.extend_i32_u": i64_extend_i32_u,
    "f32.demote_f64": f32_demote_f64,
    "f64.promote_f32": f64_promote_f32,
    "i32.reinterpret_f32": i32_reinterpret_f32,
    "i64.reinterpret_f64": i64_reinterpret_f64,
    "f32.reinterpret_i32": f32_reinterpret_i32,
    "f64.reinterpret_i64": f64_reinterpret_i64,
    "i32.trunc_f32_s": i32_trunc_f32_s,
    "i32.trunc_f32_u": i32_trunc_f32_u,
    "i32.trunc_f64_s": i32_trunc_f64_s,
    "i32.trunc_f64_u": i32_trunc_f64_u,
    "i32.trunc_sat_f32_s": i32_trunc_sat_f32_s,
    "i32.trunc_sat_f32_u": i32_trunc_sat_f32_u,
    "i32.trunc_sat_f64_s": i32_trunc_sat_f64_s,
    "i32.trunc_sat_f64_u": i32_trunc_sat_f64_u,
    "i64.trunc_f32_s": i64_trunc_f32_s,
    "i64.trunc_f32_u": i64_trunc_f32_u,
    "i64.trunc_f64_s": i64_trunc_f64_s,
    "i64.trunc_f64_u": i64_trunc_f64_u,
    "i64.trunc_sat_f32_s": i64_trunc_sat_f32_s,
    "i64.trunc_sat_f32_u": i64_trunc_sat_f32_u,
    "i64.trunc_sat_f64_s": i64_trunc_sat_f64_s,
    "i64.trunc_sat_f64_u": i64_trunc_sat_f64_u,
    "f32.convert_i32_s": f32_convert_i32_s,
    "f32.convert_i32_u": f32_convert_i32_u,
    "f32.convert_i64_s": f32_convert_i64_s,
    "f32.convert_i64_u": f32_convert_i64_u,
    "f64.convert_i32_s": f64_convert_i32_s,
    "f64.convert_i32_u": f64_convert_i32_u,
    "f64.convert_i64_s": f64_convert_i64_s,
    "f64.convert_i64_u": f64_convert_i64_u,
}
"""From mnemonic to meaning."""
