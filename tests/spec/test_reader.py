"""The reader of scripts: tokens, trees, numbers, values, commands, conversions."""

from __future__ import annotations

import math
import random
import struct
from fractions import Fraction
from pathlib import Path

import pytest

from .convert import Converter
from .lexer import ScriptError, string_value, tokens
from .literals import F32, F64, float_bits, integer_bits
from .rewrite import rewrite
from .script import AssertReturn, Column, Format, RunModule, read_script
from .sexpr import List, parse
from .values import host_reference, read_argument, read_pattern

# Lexer and parser


def words(source: str) -> list[str]:
    return [source[token.start : token.end] for token in tokens(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("(a b)", ["(", "a", "b", ")"]),
        (";; line\na ;; end", ["a"]),
        (";; line\ra", ["a"]),
        ("a(; b (; c ;) d ;)e", ["a", "e"]),
        ('"a;;b" c', ['"a;;b"', "c"]),
        (r'"a\"b"c', [r'"a\"b"', "c"]),
        ('$"a b" $c', ['$"a b"', "$c"]),
        ("(@a b)", ["(@a", "b", ")"]),
        ('(@"a b" , ; ])', ['(@"a b"', ",", ";", "]", ")"]),
        ("(;;)x", ["x"]),
        ("(;\0;)x", ["x"]),
    ],
)
def test_tokens(source: str, expected: list[str]) -> None:
    assert words(source) == expected


@pytest.mark.parametrize("source", ["(; (; ;)", '"abc', "(a", "a)", "(@a (b)"])
def test_sources_without_an_end_are_refused(source: str) -> None:
    with pytest.raises(ScriptError):
        parse(source)


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        (r'"a\t\n\r\"\'\\"', b"a\t\n\r\"'\\"),
        (r'"\00\ff\7F"', b"\x00\xff\x7f"),
        (r'"\u{1F60A}\u{e4}"', b"\xf0\x9f\x98\x8a\xc3\xa4"),
        ('"\xc3\xa4"', b"\xc3\xa4"),
        ('""', b""),
    ],
)
def test_string_value(literal: str, expected: bytes) -> None:
    assert string_value(literal) == expected


def test_annotations_stay_in_the_text_but_not_in_the_tree() -> None:
    source = '((@a) module (@b (c "d)")) $m)'
    (node,) = parse(source)
    assert isinstance(node, List)
    assert node.head == "module"
    assert node.reader().identifier() == "m"
    assert (node.start, node.end) == (0, len(source))


def test_quoted_identifiers_are_the_same_as_plain_ones() -> None:
    (node,) = parse(r'(a $"\41B" $AB)')
    reader = node.reader() if isinstance(node, List) else None
    assert reader is not None
    assert reader.identifier() == reader.identifier() == "AB"


def test_deep_nesting_needs_no_stack() -> None:
    (node,) = parse("(" * 100_000 + ")" * 100_000)
    assert (node.start, node.end) == (0, 200_000)


# Numbers


@pytest.mark.parametrize(
    ("text", "width", "bits"),
    [
        ("0", 32, 0),
        ("-1", 32, 0xFFFFFFFF),
        ("4294967295", 32, 0xFFFFFFFF),
        ("0x8000_0000", 32, 0x80000000),
        ("-0x8000000000000000", 64, 1 << 63),
        ("+1_000", 64, 1000),
    ],
)
def test_integer_bits(text: str, width: int, bits: int) -> None:
    assert integer_bits(text, width) == bits


@pytest.mark.parametrize("text", ["", "4294967296", "-2147483649", "1__0", "_1", "0x", "0x1g", "a", "٣"])
def test_integers_out_of_range_or_malformed(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|range"):
        integer_bits(text, 32)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("0", 0),
        ("-0.0", 0x80000000),
        ("1", 0x3F800000),
        ("0x1p-149", 1),
        ("0x1p-150", 0),
        ("0x1.000001p-150", 1),
        ("0x0.ffffffp-126", 0x00800000),
        ("0x0.fffffep-126", 0x007FFFFF),
        ("0x1.fffffep127", 0x7F7FFFFF),
        ("0x1.fffffefffffff8000000p127", 0x7F7FFFFF),
        ("340282356779733661637539395458142568447", 0x7F7FFFFF),
        ("inf", 0x7F800000),
        ("-nan", 0xFFC00000),
        ("nan:0x1", 0x7F800001),
        ("-nan:0x7f_ffff", 0xFFFFFFFF),
        # Rounded twice, through a double, these would be 0x1.000002p0 and 0x1p0.
        ("0x1.00000100000000001p0", 0x3F800001),
        ("0x1.000002fffffffffffp0", 0x3F800001),
        ("1.00000017881393432617187499", 0x3F800001),
        ("1.00000017881393432617187501", 0x3F800002),
        ("0x1.p+3", 0x41000000),
        ("1_0.2_5e0_1", 0x42CD0000),
    ],
)
def test_f32_bits(text: str, bits: int) -> None:
    assert float_bits(text, F32) == bits


@pytest.mark.parametrize(
    "text", ["1e39", "0x1p128", "340282356779733661637539395458142568448", "nan:0x0", "nan:0x800000"]
)
def test_f32_out_of_range(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        float_bits(text, F32)


@pytest.mark.parametrize("text", ["", ".", ".5", "1e", "0x1p", "1__0.0", "1._0", "nan:1", "infinity", "1.0f"])
def test_malformed_floats(text: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        float_bits(text, F64)


def test_f64_bits_agree_with_python() -> None:
    choose = random.Random(1)
    for _ in range(2000):
        value = struct.unpack("<d", choose.randbytes(8))[0]
        if math.isfinite(value):
            bits = struct.unpack("<Q", struct.pack("<d", value))[0]
            assert float_bits(repr(value), F64) == bits
            assert float_bits(value.hex(), F64) == bits
            text = f"{value:.15e}"
            assert float_bits(text, F64) == struct.unpack("<Q", struct.pack("<d", float(text)))[0]


def test_f32_bits_are_the_nearest() -> None:
    choose = random.Random(2)
    for _ in range(2000):
        text = f"{choose.randrange(10**12)}.{choose.randrange(10**12):012}e{choose.randrange(-60, 24)}"
        bits = float_bits(text, F32)
        mantissa, _, exponent = text.partition("e")
        exact = Fraction(mantissa) * Fraction(10) ** int(exponent)
        errors = [abs(Fraction(struct.unpack("<f", struct.pack("<I", near))[0]) - exact) for near in _near(bits)]
        assert min(errors) == errors[0], text


def _near(bits: int) -> list[int]:
    return [bits, bits + 1] if bits == 0 else [bits, bits - 1, bits + 1]


# Values and patterns


def one_list(source: str) -> List:
    (node,) = parse(source)
    assert isinstance(node, List)
    return node


def kind_of(reference: object) -> str:
    return str(reference)


@pytest.mark.parametrize(
    ("source", "matching", "other"),
    [
        ("(i32.const -1)", [0xFFFFFFFF], [-1, 1, None, True]),
        ("(i32.const 1)", [1], [True, 1.0]),
        ("(f32.const nan:canonical)", [0x7FC00000, 0xFFC00000], [0x7FC00001, 0x7F800001, 0x7F800000]),
        ("(f32.const nan:arithmetic)", [0x7FC00000, 0xFFC12345], [0x7F800001, 0x3F800000]),
        ("(f64.const nan:canonical)", [0x7FF8 << 48, 0xFFF8 << 48], [0x7FC00000, (0x7FF8 << 48) + 1]),
        ("(v128.const i32x4 1 2 3 -1)", [1 | 2 << 32 | 3 << 64 | 0xFFFFFFFF << 96], [0, None]),
        ("(v128.const f32x4 nan:arithmetic 0 0 0)", [0x7FC00001], [0x7F800001, 0x7FC00001 | 1 << 32]),
        ("(either (i32.const 1) (ref.null))", [1, None], [2]),
        ("(ref.null func)", [None], [0, "func"]),
        ("(ref.extern 3)", [host_reference(3)], [host_reference(4), None, 3]),
        ("(ref.func)", ["func"], ["extern", None, 0]),
        ("(ref.func $f)", ["func"], ["extern", None]),
        ("(ref.eq)", ["struct", "array", "i31"], ["func", None]),
    ],
)
def test_patterns(source: str, matching: list[object], other: list[object]) -> None:
    pattern = read_pattern(one_list(source))
    assert [value for value in matching if not pattern.matches(value, kind_of)] == []
    assert [value for value in other if pattern.matches(value, kind_of)] == []


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("(i64.const -2)", (1 << 64) - 2),
        ("(f32.const -0)", 0x80000000),
        ("(v128.const i8x16 1 2 0 0 0 0 0 0 0 0 0 0 0 0 0 -1)", 0xFF << 120 | 0x201),
        ("(ref.null extern)", None),
        ("(ref.extern 7)", host_reference(7)),
    ],
)
def test_arguments(source: str, value: object) -> None:
    assert read_argument(one_list(source)) == value


@pytest.mark.parametrize("source", ["(f32.const nan:canonical)", "(i32.const)", "(i32.const 1 2)", "(i128.const 1)"])
def test_bad_arguments(source: str) -> None:
    with pytest.raises(ScriptError):
        read_argument(one_list(source))


# Scripts


def script_file(folder: Path, text: str) -> Path:
    path = folder / "script.wast"
    path.write_bytes(text.encode("utf-8"))
    return path


def test_module_text_is_cut_out_of_the_script(tmp_path: Path) -> None:
    commands = read_script(
        script_file(tmp_path, '\n(module definition $M (; a ;) (func "b"))(module binary "\\00" "a")')
    )
    sources = [command.source for command in commands if hasattr(command, "source")]
    assert [(s.name, s.format, s.content) for s in sources] == [
        ("M", Format.TEXT, b'(module $M (; a ;) (func "b"))'),
        (None, Format.BINARY, b"\0a"),
    ]
    assert [command.line for command in commands] == [2, 2]


def test_bare_fields_are_one_module(tmp_path: Path) -> None:
    (command,) = read_script(script_file(tmp_path, "(func) (memory 0)"))
    assert isinstance(command, RunModule)
    assert command.source.content == b"(func) (memory 0)"


def test_names_may_hold_any_bytes(tmp_path: Path) -> None:
    (command,) = read_script(script_file(tmp_path, '(assert_return (invoke "a\\00\\ff\\u{202e}"))'))
    assert isinstance(command, AssertReturn)
    assert command.action.export == "a\0\udcff\u202e"


def test_text_only_assertions_are_a_column_of_their_own(tmp_path: Path) -> None:
    text = '(assert_malformed (module quote "(") "a")(assert_malformed (module binary "") "b")'
    assert [command.column for command in read_script(script_file(tmp_path, text))] == [
        Column.TEXT_ONLY,
        Column.MALFORMED,
    ]


def test_unreadable_scripts_name_their_line(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"script\.wast:2: unknown command"):
        read_script(script_file(tmp_path, "(module)\n(assert_nothing)"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('(module (func (export "a\u202e")))', '(module (func (export "a\\e2\\80\\ae")))'),
        ("(try (do (nop)) (catch $e (drop)))", "  try   (nop)   catch $e (drop)   end "),
        ("(try (do) (delegate 0))", " try     delegate 0   "),
    ],
)
def test_rewrite(text: str, expected: str) -> None:
    assert rewrite(text.encode()).split() == expected.encode().split()


def test_conversions_are_kept(tmp_path: Path) -> None:
    path = script_file(tmp_path, "(module (memory 1))")
    (command,) = read_script(path)
    assert isinstance(command, RunModule)
    first = Converter(path, tmp_path)
    binary = first.binary(command.source)
    first.save()
    (cached,) = tmp_path.glob("*.json")
    before = cached.stat().st_mtime_ns
    again = Converter(path, tmp_path)
    assert again.binary(command.source) == binary
    again.save()
    assert cached.stat().st_mtime_ns == before
