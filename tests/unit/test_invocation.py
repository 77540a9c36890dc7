"""Arguments and results of `--invoke`."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywasmjit.invocation import format_value, parse_value
from pywasmjit.wasm.types import EXTERNREF


@pytest.mark.parametrize(
    ("text", "type", "bits"),
    [
        ("0", "i32", 0),
        ("-1", "i32", 0xFFFF_FFFF),
        ("+7", "i32", 7),
        ("4294967295", "i32", 0xFFFF_FFFF),
        ("-2147483648", "i32", 0x8000_0000),
        ("0xffff_FFFF", "i32", 0xFFFF_FFFF),
        ("-0x8000000000000000", "i64", 1 << 63),
        ("1_000", "i64", 1000),
        ("1.5", "f32", 0x3FC0_0000),
        ("-0.0", "f64", 1 << 63),
        ("inf", "f32", 0x7F80_0000),
        ("-inf", "f64", 0xFFF0_0000_0000_0000),
        ("1e39", "f32", 0x7F80_0000),
        ("0x1.8p1", "f64", 0x4008_0000_0000_0000),
        ("0x1.8p1", "f32", 0x4040_0000),
        ("nan", "f32", 0x7FC0_0000),
        ("-nan", "f64", 0xFFF8_0000_0000_0000),
        ("nan:0x200000", "f32", 0x7FA0_0000),
        ("nan:0x1", "f64", 0x7FF0_0000_0000_0001),
        ("0x10", "v128", 16),
        ("null", EXTERNREF, None),
    ],
)
def test_arguments(text: str, type: object, bits: object) -> None:
    assert parse_value(text, type) == bits  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("1.00000017881393432617187499", 0x3F80_0001),  # just below the middle of two f32, of which the lower is odd
        ("1.00000017881393432617187500", 0x3F80_0002),
        ("1.00000017881393432617187501", 0x3F80_0002),
        ("0x1.000002ffffffffffffp0", 0x3F80_0001),
        ("-0x1.000003p0", 0xBF80_0002),
        ("16777217", 0x4B80_0000),
    ],
)
def test_text_of_an_f32_is_rounded_once(text: str, bits: int) -> None:
    assert parse_value(text, "f32") == bits


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("", "i32"),
        ("1.0", "i32"),
        ("4294967296", "i32"),
        ("-2147483649", "i32"),
        ("0x", "i64"),
        ("one", "f64"),
        ("", "f32"),
        ("0x.", "f32"),
        ("nan:0x0", "f32"),
        ("nan:0x800000", "f32"),
        ("0", EXTERNREF),
    ],
)
def test_what_is_no_value_is_refused(text: str, type: object) -> None:
    with pytest.raises(ValueError, match="not a value of type"):
        parse_value(text, type)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bits", "type", "text"),
    [
        (0xFFFF_FFFF, "i32", "-1"),
        (0x7FFF_FFFF, "i32", "2147483647"),
        (1 << 63, "i64", "-9223372036854775808"),
        (0x3DCC_CCCD, "f32", "0.1"),
        (0x0000_0001, "f32", "1e-45"),
        (0x7F7F_FFFF, "f32", "3.4028235e+38"),
        (0x3FB9_9999_9999_999A, "f64", "0.1"),
        (0x8000_0000, "f32", "-0.0"),
        (0x7FC0_0000, "f32", "nan"),
        (0xFFC0_0000, "f32", "-nan"),
        (0x7FA0_0000, "f32", "nan:0x200000"),
        (0x7FF0_0000_0000_0000, "f64", "inf"),
        (16, "v128", "0x00000000000000000000000000000010"),
        (None, EXTERNREF, "null"),
    ],
)
def test_results(bits: object, type: object, text: str) -> None:
    assert format_value(bits, type) == text  # type: ignore[arg-type]


@given(st.integers(0, 2**32 - 1), st.sampled_from(["i32", "f32"]))
def test_32_bit_results_are_arguments_with_the_same_meaning(bits: int, type: str) -> None:
    assert parse_value(format_value(bits, type), type) == bits


@given(st.integers(0, 2**64 - 1), st.sampled_from(["i64", "f64"]))
def test_64_bit_results_are_arguments_with_the_same_meaning(bits: int, type: str) -> None:
    assert parse_value(format_value(bits, type), type) == bits


@given(st.floats(width=32, allow_nan=False))
def test_floats_read_as_python_reads_them(value: float) -> None:
    assert parse_value(repr(value), "f64") == int.from_bytes(struct.pack(">d", value))
