"""Values as text: the arguments and results of `pywasmjit run --invoke`.

Arguments become bits and results come from bits (`Func.call_bits`), so a NaN
keeps its payload both ways.  What is written for a result can be given as an
argument and means the same value.

=========  ==========================================  =========================
type       argument                                    result
=========  ==========================================  =========================
i32, i64   decimal or 0x hexadecimal, signed or not    signed decimal
f32, f64   decimal, 0x hexadecimal, inf, nan,          shortest decimal, inf,
           nan:0xN with payload N                      nan, nan:0xN
v128       as an integer, first byte least             0x and 32 digits
ref        null                                        null or what it refers to
=========  ==========================================  =========================
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from pywasmjit.wasm.numerics import f32_demote_f64, f32_from_bits, f32_to_bits, f64_from_bits, f64_to_bits
from pywasmjit.wasm.types import RefType, ValType

_INTEGER = re.compile(r"[+-]?(0x[0-9a-f](_?[0-9a-f])*|[0-9](_?[0-9])*)", re.IGNORECASE)
_NAN = re.compile(r"([+-]?)nan(?::(0x[0-9a-f]+))?", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?[0-9]+))?", re.IGNORECASE)

_FRACTION_BITS = {"f32": 23, "f64": 52}
_WIDTHS = {"i32": 32, "f32": 32, "i64": 64, "f64": 64, "v128": 128}


def parse_value(text: str, type: ValType) -> object:
    """Return the bits (or None for a null reference) that `text` means as a value of `type`.

    Raises ValueError, whose message names the type and the text.
    """
    try:
        if isinstance(type, RefType):
            if text != "null":
                raise ValueError
            return None
        return _float_bits(text, type) if type.startswith("f") else _integer_bits(text, type)
    except (ValueError, OverflowError):
        raise ValueError(f"not a value of type {type}: {text!r}") from None


def format_value(bits: object, type: ValType) -> str:
    """Write a value that is given as bits, or a reference as it is."""
    if isinstance(type, RefType):
        return "null" if bits is None else repr(bits)
    assert isinstance(bits, int)
    if type == "v128":
        return f"{bits:#034x}"
    if type.startswith("i"):
        width = _WIDTHS[type]
        return str(bits - (bits >> width - 1 << width))
    return _float_text(bits, type)


def _integer_bits(text: str, type: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError
    value, width = int(text, 16 if "x" in text.lower() else 10), _WIDTHS[type]
    if not -(1 << width - 1) <= value < 1 << width:
        raise OverflowError
    return value % (1 << width)


def _float_bits(text: str, type: str) -> int:
    if nan := _NAN.fullmatch(text):
        fraction = _FRACTION_BITS[type]
        payload = int(nan[2], 16) if nan[2] else 1 << fraction - 1
        if not 0 < payload < 1 << fraction:
            raise ValueError
        sign = int(nan[1] == "-") << _WIDTHS[type] - 1
        return sign | (1 << _WIDTHS[type] - 1) - (1 << fraction) | payload
    hexadecimal = _HEXADECIMAL.fullmatch(text)
    value = float.fromhex(text) if hexadecimal else float(text)
    if type == "f64":
        return f64_to_bits(value)
    return f32_to_bits(f32_demote_f64(_leaning(value, text, hexadecimal)))


def _leaning(value: float, text: str, hexadecimal: re.Match[str] | None) -> float:
    """Return `value` moved one step towards what `text` says exactly, so that no tie is broken wrongly later."""
    if not math.isfinite(value) or value == 0:
        return value
    if hexadecimal:
        sign, whole, part, exponent = hexadecimal.groups()
        exact = Fraction(int(sign + whole + part, 16)) * Fraction(2) ** (int(exponent or 0) - 4 * len(part))
    else:
        exact = Fraction(text)
    return value if exact == value else math.nextafter(value, math.copysign(math.inf, exact - Fraction(value)))


def _float_text(bits: int, type: str) -> str:
    value = f32_from_bits(bits) if type == "f32" else f64_from_bits(bits)
    if value != value:
        fraction = _FRACTION_BITS[type]
        payload = bits & (1 << fraction) - 1
        sign = "-" if bits >> _WIDTHS[type] - 1 else ""
        return f"{sign}nan" if payload == 1 << fraction - 1 else f"{sign}nan:{payload:#x}"
    if type == "f64":
        return repr(value)
    shortest = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return repr(next(text for text in shortest if f32_demote_f64(text) == value))
