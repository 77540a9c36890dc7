"""Numbers of the text format, as the bits that they stand for.

A float literal is an exact fraction until it is rounded, once, to the nearest binary32 or binary64 (ties to even):
going through a Python float would round twice for f32.

Spec: Text Format, Values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FloatFormat:
    """A binary interchange format of IEEE 754; widths in bits, `fraction_bits` without the hidden one."""

    width: int
    fraction_bits: int

    @property
    def exponent_bits(self) -> int:
        return self.width - 1 - self.fraction_bits

    @property
    def bias(self) -> int:
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def infinity(self) -> int:
        """The bits of +infinity; also the mask of the exponent."""
        return ((1 << self.exponent_bits) - 1) << self.fraction_bits

    @property
    def quiet_bit(self) -> int:
        return 1 << (self.fraction_bits - 1)

    @property
    def sign_bit(self) -> int:
        return 1 << (self.width - 1)


F32: Final = FloatFormat(32, 23)
F64: Final = FloatFormat(64, 52)
FLOAT_FORMATS: Final = {"f32": F32, "f64": F64}


def integer_bits(text: str, width: int) -> int:
    """Return an integer literal modulo 2**width; ValueError if it is malformed or in neither range of that width."""
    sign, digits = _split_sign(text)
    value = sign * _natural(digits)
    if not -(1 << (width - 1)) <= value < 1 << width:
        raise ValueError(f"integer out of the range of {width} bits: {text}")
    return value % (1 << width)


def float_bits(text: str, form: FloatFormat) -> int:
    """Return the bits of a float literal, rounded once; ValueError if it is malformed or too large."""
    sign, magnitude = _split_sign(text)
    sign_bit = form.sign_bit if sign < 0 else 0
    if magnitude == "inf":
        return sign_bit | form.infinity
    if magnitude == "nan":
        return sign_bit | form.infinity | form.quiet_bit
    if magnitude.startswith("nan:0x"):
        payload = _natural(magnitude[4:])
        if not 0 < payload < 1 << form.fraction_bits:
            raise ValueError(f"NaN payload out of range: {text}")
        return sign_bit | form.infinity | payload
    bits = _rounded_bits(*_fraction(magnitude), form)
    if bits >= form.infinity:
        raise ValueError(f"float out of range: {text}")
    return sign_bit | bits


def _split_sign(text: str) -> tuple[int, str]:
    if text[:1] in ("+", "-"):
        return (-1 if text[0] == "-" else 1), text[1:]
    return 1, text


def _natural(digits: str) -> int:
    """Return an unsigned literal, decimal or hexadecimal, `_` between digits."""
    is_hexadecimal = digits.startswith("0x")
    return _digits(digits[2:], 16) if is_hexadecimal else _digits(digits, 10)


def _digits(digits: str, base: int) -> int:
    allowed = "0123456789abcdefABCDEF" if base == 16 else "0123456789"
    parts = digits.split("_")
    if not all(part and not part.strip(allowed) for part in parts):
        raise ValueError(f"malformed number: {digits!r}")
    return int("".join(parts), base)


def _fraction(text: str) -> tuple[int, int]:
    """Return numerator and denominator, exact and not reduced, of an unsigned literal without inf and nan."""
    if text.startswith("0x"):
        base, power, mark, body = 16, 2, "p", text[2:]
    else:
        base, power, mark, body = 10, 10, "e", text
    mantissa, has_exponent, exponent_text = body.lower().partition(mark)
    whole, has_point, decimals = mantissa.partition(".")
    numerator = _digits(whole, base)
    denominator = 1
    if has_point and decimals:
        scale = base ** len(decimals.replace("_", ""))
        numerator = numerator * scale + _digits(decimals, base)
        denominator = scale
    if has_exponent:
        sign, exponent_digits = _split_sign(exponent_text)
        scale = power ** _digits(exponent_digits, 10)
        if sign < 0:
            denominator *= scale
        else:
            numerator *= scale
    return numerator, denominator


def _rounded_bits(numerator: int, denominator: int, form: FloatFormat) -> int:
    """Return the bits of the float nearest to a fraction that is not negative, ties to even; infinity if too large."""
    if numerator == 0:
        return 0
    # The unit in the last place is 2**exponent; the estimate by lengths is right or one too small.
    exponent = numerator.bit_length() - denominator.bit_length() - form.fraction_bits - 1
    exponent = max(exponent, 1 - form.bias - form.fraction_bits)
    quotient, remainder, divisor = _divide(numerator, denominator, exponent)
    if quotient >> (form.fraction_bits + 1):
        exponent += 1
        quotient, remainder, divisor = _divide(numerator, denominator, exponent)
    if 2 * remainder > divisor or (2 * remainder == divisor and quotient & 1):
        quotient += 1
    # A quotient without the hidden bit is subnormal; a carry out of the fraction moves into the exponent by itself.
    biased = exponent + form.fraction_bits + form.bias
    bits = ((biased - 1) << form.fraction_bits) + quotient
    return min(bits, form.infinity)


def _divide(numerator: int, denominator: int, exponent: int) -> tuple[int, int, int]:
    """Return quotient, remainder and divisor of numerator / (denominator * 2**exponent)."""
    if exponent < 0:
        numerator <<= -exponent
    else:
        denominator <<= exponent
    return *divmod(numerator, denominator), denominator
