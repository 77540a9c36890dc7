"""Bodies as text: the lines that debuggers show, and that an assembler reads back as the same code."""

from __future__ import annotations

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from instruction_samples import sample_of
from module_builder import END, I32, I64, PREAMBLE, body, functype, leb, module, name, section, vec

from pywasmjit.wasm.decoder import decode
from pywasmjit.wasm.instructions import decode_expr
from pywasmjit.wasm.module import ModuleSyntax
from pywasmjit.wasm.opcodes import BY_NAME, OPS, Op
from pywasmjit.wasm.printer import identifier, print_body, print_float, print_head, print_instruction, quote
from pywasmjit.wasm.types import EXTERNREF, FuncType

EMPTY = decode(PREAMBLE)


def assemble(text: str) -> ModuleSyntax:
    return decode(bytes(wasmtime.wat2wasm(text)))


def test_a_body_with_names_blocks_and_immediates() -> None:
    found = assemble(
        """(module (memory 1) (table 1 funcref) (global $g (mut i32) (i32.const 0))
           (type $binary (func (param i32 i32)))
           (func $add (export "a") (export "b") (param $x i32) (param i32) (result i32) (local $t f64) (local i64 i64)
             (block $out (loop (br_if $out (local.get $x)) (br_table 0 1 0 (i32.const 300000))))
             (if (result i32) (global.get $g)
               (then (i64.store offset=8 align=4 (local.get 0) (i64.const -1)) (i32.const 1))
               (else (call $add (i32.const 1) (local.get 1))))
             (call_indirect (type $binary) (i32.const 1) (i32.const 2) (i32.const 0))
             (select (result f32) (f32.const 0.1) (f32.const -0x1p-149) (memory.size)) drop))"""
    )
    assert print_body(found, 0) == [
        '(func $add (;0;) (export "a") (export "b") (param $x i32) (param i32) (result i32)'
        " (local $t f64) (local i64 i64)",
        "  block",
        "    loop",
        "      local.get $x",
        "      br_if 1",
        "      i32.const 300000",
        "      br_table 0 1 0",
        "    end",
        "  end",
        "  global.get $g",
        "  if (result i32)",
        "    local.get $x",
        "    i64.const -1",
        "    i64.store offset=8 align=4",
        "    i32.const 1",
        "  else",
        "    i32.const 1",
        "    local.get 1",
        "    call $add",
        "  end",
        "  i32.const 1",
        "  i32.const 2",
        "  i32.const 0",
        "  call_indirect (type 0)",
        "  f32.const 0.1",
        "  f32.const -1e-45",
        "  memory.size",
        "  select (result f32)",
        "  drop",
        ")",
    ]


def test_line_n_is_instruction_n_minus_2() -> None:
    found = assemble("(module (func (result i64) (i64.add (i64.const 1) (i64.const 2))) (func nop))")
    lines = print_body(found, 0)
    extent = found.bodies[0]
    decoded = decode_expr(found, extent.start, extent.end)
    assert len(lines) == 1 + len(decoded)
    for number, instruction in enumerate(decoded[:-1], 2):
        assert lines[number - 1].strip() == print_instruction(found, instruction)
    assert lines[-1] == ")"


def test_an_import_is_one_line() -> None:
    found = assemble('(module (import "env" "write\\n" (func $write (param i32) (result i32))))')
    assert print_body(found, 0) == ['(func $write (;0;) (import "env" "write\\u{a}") (param i32) (result i32))']


def test_functions_without_a_name_have_their_index() -> None:
    assert print_head(decode(module(body(END, [(2, I64), (1, I32)]))), 0) == "(func (;0;) (local i64 i64) (local i32)"


def test_a_function_with_unreasonably_many_locals_is_still_printed() -> None:
    found = decode(module(body(END, [(2**32 - 1, I64)])))
    assert print_body(found, 0) == ["(func (;0;) (; 4294967295 locals ;)", ")"]


def test_deep_nesting_stays_linear() -> None:
    found = decode(module(body(b"\x02\x40" * 10_000 + END * 10_001)))
    lines = print_body(found, 0)
    assert len(lines) == 20_002
    assert sum(map(len, lines)) < 100 * len(lines)
    assert lines[-2:] == ["  end", ")"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add", "$add"),
        ("a.b::<c>", "$a.b::<c>"),
        ("operator()(int)", '$"operator()(int)"'),
        ("two words", '$"two words"'),
        ('"', '$"\\u{22}"'),
        ("\\", "$\\"),
        ("line\nbreak\0\u2028", '$"line\\u{a}break\\u{0}\\u{2028}"'),
        ("", '$""'),
        ("größe", '$"größe"'),
    ],
)
def test_identifiers(text: str, expected: str) -> None:
    assert identifier(text) == expected


@settings(max_examples=50)
@given(st.text(max_size=20))
def test_text_of_any_name_is_one_line_that_reads_back(text: str) -> None:
    quoted = quote(text)
    assert len(quoted.splitlines()) == 1
    assert assemble(f"(module (func (export {quoted})))").exports[0].name == text


@pytest.mark.parametrize(
    ("bits", "width", "expected"),
    [
        (0, 32, "0"),
        (0x80000000, 32, "-0"),
        (0x3DCCCCCD, 32, "0.1"),
        (0x7F7FFFFF, 32, "3.4028235e+38"),
        (0x7F800000, 32, "inf"),
        (0xFF800000, 32, "-inf"),
        (0x7FC00000, 32, "nan"),
        (0xFFC00000, 32, "-nan"),
        (0x7F800001, 32, "nan:0x1"),
        (0, 64, "0.0"),
        (0x8000000000000000, 64, "-0.0"),
        (0x3FB999999999999A, 64, "0.1"),
        (0x7FEFFFFFFFFFFFFF, 64, "1.7976931348623157e+308"),
        (0x0000000000000001, 64, "5e-324"),
        (0xFFF0000000000000, 64, "-inf"),
        (0x7FF8000000000000, 64, "nan"),
        (0xFFF4000000000001, 64, "-nan:0x4000000000001"),
    ],
)
def test_floats(bits: int, width: int, expected: str) -> None:
    assert print_float(bits, width) == expected


@given(st.lists(st.integers(0, 2**32 - 1), max_size=20), st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_every_float_reads_back_bit_for_bit(singles: list[int], doubles: list[int]) -> None:
    lines = [f"f32.const {print_float(bits, 32)} drop" for bits in singles]
    lines += [f"f64.const {print_float(bits, 64)} drop" for bits in doubles]
    found = assemble(f"(module (func {' '.join(lines)}))")
    extent = found.bodies[0]
    constants = [value for _, op, value in decode_expr(found, extent.start, extent.end) if op.immediates]
    assert constants == [*singles, *doubles]


TEXT_FORM_IS_NOT_READ: set[str] = {"else", "end", "try", "catch", "rethrow", "delegate", "catch_all"}
"""Parts of a block, and what the assembler has forgotten."""


@pytest.mark.parametrize(
    "op", [op for op in OPS if op.mnemonic not in TEXT_FORM_IS_NOT_READ], ids=lambda op: op.mnemonic
)
def test_an_assembler_reads_every_instruction_back(op: Op) -> None:
    sample = sample_of(op)
    text = print_instruction(EMPTY, (0, op, sample.value))
    assert "\n" not in text
    closing = " end" if "blocktype" in op.immediates else ""
    code = bytes(wasmtime.wat2wasm(f"(module (type (func)) (func (type 0) {text}{closing}))"))
    assert sample.code in code


@pytest.mark.parametrize(
    ("mnemonic", "immediate", "expected"),
    [
        ("i32.load", (2, 0, 0), "i32.load"),
        ("i32.load", (0, 4, 3), "i32.load 3 offset=4 align=1"),
        ("memory.grow", 0, "memory.grow"),
        ("memory.grow", 2, "memory.grow 2"),
        ("memory.copy", (0, 0), "memory.copy"),
        ("memory.copy", (0, 1), "memory.copy 0 1"),
        ("memory.init", (3, 0), "memory.init 3"),
        ("memory.init", (3, 1), "memory.init 1 3"),
        ("table.init", (0, 0), "table.init 0"),
        ("call_indirect", (0, 2), "call_indirect 2 (type 0)"),
        ("ref.null", EXTERNREF, "ref.null extern"),
        ("atomic.fence", None, "atomic.fence"),
        ("try", FuncType(("i32",), ("f32",)), "try (param i32) (result f32)"),
        ("delegate", 1, "delegate 1"),
        ("rethrow", 0, "rethrow 0"),
    ],
)
def test_instructions(mnemonic: str, immediate: object, expected: str) -> None:
    assert print_instruction(EMPTY, (0, BY_NAME[mnemonic], immediate)) == expected


def test_a_listing_assembles_to_the_same_body() -> None:
    source = """(module (memory 1) (memory 1) (table 2 funcref) (type (func (param i64) (result i64)))
        (func (param i32) (result f64) (local i64 f32)
          (memory.init 1 0 (i32.const 1) (i32.const 2) (i32.const 3))
          (memory.copy 0 1 (local.get 0) (local.get 0) (local.get 0))
          (drop (i32.atomic.rmw8.add_u offset=3 (i32.const 4) (i32.const 5))) (atomic.fence)
          (drop (call_indirect (type 0) (i64.const -9223372036854775808) (i32.const 0)))
          (block (result f64) (f64.const nan:0x4000000000000) (br_table 0 0 (i32.const 2)))) (data "x"))"""
    found = assemble(source)
    lines = print_body(found, 0)
    types = "(type (func (param i64) (result i64)))"
    printed = f'(module {types} (memory 1) (memory 1) (table 2 funcref) {chr(10).join(lines)} (data "x"))'
    again = assemble(printed)
    first, second = found.bodies[0], again.bodies[0]
    assert again.data[second.start : second.end] == found.data[first.start : first.end]


def test_names_of_a_name_section_that_lies_are_harmless() -> None:
    names = section(1, vec([leb(0) + name("evil\n)"), leb(99) + name("x")]))
    names += section(2, vec([leb(0) + vec([leb(0) + name(")\r\n"), leb(7) + name("y")])]))
    data = module(body(b"\x20\x00\x1a\x10\x00" + END), types=[functype(I32)])
    found = decode(data + section(0, name("name") + names))
    assert print_body(found, 0) == [
        '(func $"evil\\u{a})" (;0;) (param $")\\u{d}\\u{a}" i32)',
        '  local.get $")\\u{d}\\u{a}"',
        "  drop",
        '  call $"evil\\u{a})"',
        ")",
    ]
