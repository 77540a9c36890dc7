"""The validator: what is valid, what is not, in both loops, and never for long."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from instruction_samples import sample_of
from module_builder import (
    END,
    EXTERNREF,
    F32,
    F64,
    FUNCREF,
    I32,
    I64,
    PREAMBLE,
    body,
    functype,
    leb,
    module,
    name,
    section,
    sleb,
    vec,
)

from pywasmjit.errors import MalformedError, ResourceLimit, UnsupportedFeature, ValidationError, WasmError
from pywasmjit.wasm import fast_loop, validator
from pywasmjit.wasm.decoder import decode
from pywasmjit.wasm.features import Features
from pywasmjit.wasm.opcodes import IMPLEMENTED, OPS, Op
from pywasmjit.wasm.validator import validate, validate_body, validate_declarations

COMPLETE, FAST = 1 << 40, 0
"""Values of `SMALL_MODULE_BYTES` that choose a loop."""


@pytest.fixture(params=[COMPLETE, FAST], ids=["complete", "fast"])
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with each of the two loops."""
    monkeypatch.setattr(validator, "SMALL_MODULE_BYTES", request.param)


def check(text: str, features: Features | None = None) -> None:
    """Assemble, decode and validate a module."""
    validate(decode(bytes(wasmtime.wat2wasm(text)), features), features)


def surround(code: str) -> str:
    """Return a module that has one of everything, with `code` in a function without results."""
    return f"""(module
        (import "" "f" (func $f (param i32 i64) (result f32))) (import "" "g" (global $g i64))
        (type $two (func (param i32) (result i32 i64)))
        (memory $m 1) (memory $shared 1 2 shared) (table $t 2 funcref) (table $x 2 externref)
        (global $v (mut f64) (f64.const 0)) (elem $e func $f) (elem $ex externref (ref.null extern)) (data $d "abc")
        (func $run (param $p i32) (local $l i64) (local $r externref) {code}))"""


VALID = [
    "",
    "nop",
    "(drop (i32.add (i32.const 1) (local.get $p)))",
    "(local.set $l (i64.extend_i32_u (local.tee $p (i32.const 5))))",
    "(drop (call $f (i32.const 1) (i64.const 2)))",
    "(drop (select (local.get $l) (i64.const 5) (i32.const 1)))",
    "(drop (select (result externref) (local.get $r) (ref.null extern) (i32.const 1)))",
    "(block (br 0)) (loop (br_if 0 (i32.const 1)) (br 1))",
    "(drop (block (result i32) (br 0 (i32.const 1))))",
    "(drop (block (result i32) (br_if 0 (i32.const 1) (i32.const 0))))",
    "(drop (block (result i32) (br_table 0 0 0 (i32.const 1) (i32.const 0))))",
    "(if (i32.const 1) (then) (else))",
    "(drop (if (result i32) (i32.const 1) (then (i32.const 1)) (else (i32.const 2))))",
    "(i32.const 1) (block (param i32) (result i32 i32) (i32.const 2)) drop drop",
    "(i32.const 1) (i32.const 1) (if (param i32) (result i32) (then)) drop",
    "(i32.const 1) (loop (param i32) (br_if 0 (i32.const 7) (i32.const 0)) drop drop)",
    "(i32.const 1) (call_indirect (type $two) (i32.const 0)) drop drop",
    "(call_indirect $t (i32.const 0))",
    "(drop (global.get $g)) (global.set $v (global.get $v))",
    "(i64.store offset=4294967295 align=8 (i32.const 0) (i64.load16_s align=2 (i32.const 0)))",
    "(drop (i32.load $shared (i32.const 0))) (drop (memory.grow $shared (memory.size)))",
    "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop $d)",
    "(memory.copy $m $shared (i32.const 0) (i32.const 0) (i32.const 0))",
    "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))",
    "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0)) (elem.drop $e)",
    "(table.copy $t $t (i32.const 0) (i32.const 0) (i32.const 0))",
    "(table.set $x (i32.const 0) (table.get $x (i32.const 1))) (drop (table.size $x))",
    "(drop (table.grow $t (ref.func $f) (i32.const 1))) (table.fill $t (i32.const 0) (ref.null func) (i32.const 1))",
    "(drop (ref.is_null (local.get $r))) (drop (ref.is_null (ref.func $f)))",
    "(drop (i32.atomic.rmw.add (i32.const 0) (i32.const 0))) (atomic.fence)",
    "(drop (memory.atomic.wait64 $shared (i32.const 0) (i64.const 0) (i64.const -1)))",
    "(drop (memory.atomic.notify (i32.const 0) (i32.const 1)))",
    "(drop (i32.trunc_sat_f64_u (f64.const 1))) (drop (i64.extend32_s (local.get $l)))",
    # What cannot be reached may take any operands, but only of fitting types.
    "unreachable i32.add drop",
    "unreachable (drop (i32.add (i32.const 1)))",
    "unreachable select drop",
    "unreachable (i64.const 1) i32.const 1 select drop",
    "unreachable drop drop drop",
    "unreachable (select (i32.const 0)) i32.add drop",
    "unreachable ref.is_null drop",
    "unreachable call $f drop",
    "unreachable local.set $l global.set $v",
    "(br 0) i64.store",
    "return (drop (f32.add (f32.const 1)))",
    "(br_table 0 (i32.const 0)) i32.eqz drop",
    "(block (result i32) unreachable) drop",
    "(block (result i32 i64) (i64.const 1) unreachable) drop drop",
    "(drop (block (result i32) (br 0 (i32.const 1)) (br_if 0)))",
    "(drop (block (result i32) (block (result f32) unreachable (br_table 0 1 1 (i32.const 1))) drop (i32.const 1)))",
    "unreachable (br_if 0)",
    "(if (unreachable) (then) (else unreachable))",
    "(drop (if (result i32) (i32.const 1) (then unreachable) (else (i32.const 2))))",
    "(loop (result i32) (br 0)) drop",
    "unreachable (block (param i32 i64)  drop drop)",
]


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("code", VALID)
def test_valid_code(code: str) -> None:
    check(surround(code))


INVALID = [
    ("drop", "type mismatch"),
    ("i32.add", "type mismatch"),
    ("(i32.add (i32.const 1)) drop", "type mismatch"),
    ("(drop (i32.add (i32.const 1) (i64.const 1)))", "type mismatch: expected i32, found i64"),
    ("(drop (i32.eqz (f64.const 1)))", "type mismatch: expected i32, found f64"),
    ("i32.const 0", "type mismatch: expected the end of the function, found i32"),
    ("(block i32.const 0)", "type mismatch: expected the end of the block, found i32"),
    ("(i32.const 0) (block drop)", "type mismatch: expected a value, found nothing"),
    ("(i32.const 1) (block i32.eqz drop)", "type mismatch: expected i32, found nothing"),
    ("(drop (block (result i32)))", "type mismatch: expected i32, found nothing"),
    ("(drop (block (result i32) (i64.const 0)))", "type mismatch"),
    ("(drop (block (result i32) (i32.const 0) (i32.const 0)))", "type mismatch"),
    ("(if (i64.const 0) (then))", "type mismatch"),
    ("(drop (if (result i32) (i32.const 0) (then (i32.const 0))))", "type mismatch: if without else"),
    ("(drop (if (result i32) (i32.const 1) (then (i32.const 0)) (else)))", "type mismatch"),
    ("(br 2)", "unknown label 2"),
    ("(block (br_if 4294967295 (i32.const 0)))", "unknown label 4294967295"),
    ("(br_table 0 7 0 (i32.const 0))", "unknown label 7"),
    ("(br_table 0 7 (i32.const 0))", "unknown label 7"),
    ("(drop (block (result i32) (br 0)))", "type mismatch"),
    ("(drop (block (result i32) (br 0 (f32.const 0))))", "type mismatch"),
    ("(drop (block (result i32) (br_if 0 (i32.const 1))))", "type mismatch"),
    ("(block (br_if 0 (i64.const 1)))", "type mismatch"),
    ("(drop (block (result i32) (br_table 0 1 (i32.const 1) (i32.const 1))))", "type mismatch: labels"),
    ("(drop (block (result i32) unreachable (br_table 0 1 (i32.const 1))))", "type mismatch: labels"),
    (
        "(block (result i64) (block (result i32) (i32.const 1) (br_table 0 1 (i32.const 1))) drop unreachable) drop",
        "type",
    ),
    ("(i32.const 1) (loop (param i32) (drop) (br 0))", "type mismatch"),
    ("(return (i32.const 1)) (i32.const 1)", "type mismatch"),
    ("(call $f (i64.const 2) (i32.const 1)) drop", "type mismatch"),
    ("(call $f (i32.const 1)) drop", "type mismatch"),
    ("(call 9)", "unknown function 9"),
    ("(call_indirect $x (i32.const 0))", "type mismatch"),
    ("(call_indirect $t (i64.const 0))", "type mismatch"),
    ("(call_indirect $t (type $two) (i32.const 0)) drop drop", "type mismatch"),
    ("(call_indirect $t (type 99) (i32.const 0))", "unknown type 99"),
    ("(call_indirect 5 (i32.const 0))", "unknown table 5"),
    ("(local.get 3) drop", "unknown local 3"),
    ("(local.set 3 (i32.const 0))", "unknown local 3"),
    ("(drop (local.tee 4294967295 (i32.const 0)))", "unknown local 4294967295"),
    ("(local.set $l (i32.const 0))", "type mismatch"),
    ("(drop (local.tee $p (i64.const 0)))", "type mismatch"),
    ("(drop (global.get 5))", "unknown global 5"),
    ("(global.set 5 (i32.const 0))", "unknown global 5"),
    ("(global.set $g (i64.const 0))", "immutable global"),
    ("(global.set $v (i32.const 0))", "type mismatch"),
    ("(drop (select (i32.const 0) (i64.const 0) (i32.const 0)))", "type mismatch: select between i32 and i64"),
    ("(drop (select (local.get $r) (local.get $r) (i32.const 0)))", "type mismatch: select without a type"),
    ("(drop (select (result i32) (i64.const 0) (i64.const 0) (i32.const 0)))", "type mismatch"),
    ("(select (result i32 i32) (i32.const 0) (i32.const 0) (i32.const 0)) drop", "invalid result arity"),
    ("(drop (i32.load align=8 (i32.const 0)))", "alignment must not be larger than natural"),
    ("(i64.store8 align=2 (i32.const 0) (i64.const 0))", "alignment must not be larger than natural"),
    ("(drop (i32.load (i64.const 0)))", "type mismatch"),
    ("(i32.store (i32.const 0) (f32.const 0))", "type mismatch"),
    ("(drop (i32.load 7 (i32.const 0)))", "unknown memory 7"),
    ("(drop (memory.size 2))", "unknown memory 2"),
    ("(memory.copy 0 3 (i32.const 0) (i32.const 0) (i32.const 0))", "unknown memory 3"),
    ("(memory.init 1 (i32.const 0) (i32.const 0) (i32.const 0))", "unknown data segment 1"),
    ("(data.drop 1)", "unknown data segment 1"),
    ("(drop (i32.atomic.load align=2 (i32.const 0)))", "atomic alignment must be natural"),
    ("(drop (i64.atomic.rmw16.xchg_u align=4 (i32.const 0) (i64.const 0)))", "alignment"),
    ("(table.init $x $e (i32.const 0) (i32.const 0) (i32.const 0))", "type mismatch"),
    ("(table.init $t 9 (i32.const 0) (i32.const 0) (i32.const 0))", "unknown elem segment 9"),
    ("(elem.drop 2)", "unknown elem segment 2"),
    ("(table.copy $t $x (i32.const 0) (i32.const 0) (i32.const 0))", "type mismatch"),
    ("(table.set $t (i32.const 0) (local.get $r))", "type mismatch"),
    ("(drop (table.get 4 (i32.const 0)))", "unknown table 4"),
    ("(drop (table.grow $x (i32.const 0) (ref.null extern)))", "type mismatch"),
    ("(drop (ref.is_null (i32.const 0)))", "type mismatch: expected a reference, found i32"),
    ("(drop (ref.func 1))", "undeclared function reference 1"),
    ("(drop (ref.func 9))", "unknown function 9"),
    ("unreachable (i64.const 0) i32.add drop", "type mismatch"),
    ("unreachable (i32.const 0)", "type mismatch"),
    ("unreachable (drop (i32.eqz (f32.const 1)))", "type mismatch"),
    ("unreachable (f32.const 0) (select (i64.const 1) (i32.const 1)) drop", "type mismatch"),
    ("(block (result i32) unreachable (f32.const 1)) drop", "type mismatch"),
    ("(br 0) (local.get 77)", "unknown local 77"),
    ("(block (br 0) (i32.const 1) (i32.const 2)) ", "type mismatch"),
    ("(if (i32.const 0) (then (return) (i64.const 0) i32.eqz drop))", "type mismatch"),
]


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize(("code", "message"), INVALID)
def test_invalid_code(code: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        check(surround(code))
    assert caught.value.function == 1
    assert caught.value.offset is not None


@pytest.mark.usefixtures("loop")
def test_the_error_names_function_and_offset() -> None:
    data = module(body(END), body(b"\x41\0\x42\0\x6a\x1a" + END))
    with pytest.raises(ValidationError) as caught:
        validate(decode(data))
    assert caught.value.function == 1
    assert caught.value.offset == data.index(b"\x6a\x1a\x0b")
    assert str(caught.value) == f"type mismatch: expected i32, found i64 (function 1, offset {caught.value.offset:#x})"


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("index", [1, 0x16, 0x1FF])
def test_a_block_type_that_does_not_exist_is_invalid(index: int) -> None:
    with pytest.raises(ValidationError, match=f"unknown type {index}") as caught:
        validate(decode(module(body(END), body(b"\2" + sleb(index) + END + END))))
    assert caught.value.function == 1


class TestModules:
    @pytest.mark.parametrize(
        "text",
        [
            "(module)",
            '(module (import "" "" (func)) (start 0))',
            "(module (memory 65536 65536) (memory 0 65536 shared))",
            "(module (table 0xffffffff funcref) (table 0 0xffffffff externref))",
            "(module (global i32 (i32.const 1)) (global i32 (global.get 0)))",
            "(module (global i64 (i64.mul (i64.const 1) (i64.sub (i64.const 1) (i64.const 2)))))",
            '(module (import "" "" (global i32)) (memory 1) (data (i32.add (global.get 0) (i32.const 4)) "x"))',
            "(module (table 1 funcref) (global i32 (i32.const 0)) (elem (global.get 0) func))",
            "(module (table 1 funcref) (elem (i32.const 0) 0) (func))",
            "(module (func) (global funcref (ref.func 0)) (table 3 funcref (ref.func 0)) (func (drop (ref.func 0))))",
            '(module (func) (export "a" (func 0)) (export "b" (func 0)))',
            '(module (import "" "" (global funcref)) (table 3 funcref (global.get 0)))',
        ],
    )
    def test_valid(self, text: str) -> None:
        check(text)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("(memory 65537)", "memory size must be at most 65536 pages"),
            ("(memory 0 65537)", "memory size must be at most 65536 pages"),
            ("(memory 2 1)", "size minimum must not be greater than maximum"),
            ("(memory 1 shared)", "shared memory must have maximum"),
            ('(import "" "" (memory 3 2))', "size minimum must not be greater than maximum"),
            ("(table 0x100000000 funcref)", "table size"),
            ("(table 2 1 funcref)", "size minimum must not be greater than maximum"),
            ('(func) (export "a" (func 0)) (export "a" (func 0))', "duplicate export name"),
            ('(export "a" (func 0))', "unknown function 0"),
            ('(export "a" (table 0))', "unknown table 0"),
            ('(export "a" (memory 0))', "unknown memory 0"),
            ('(export "a" (global 0))', "unknown global 0"),
            ("(start 0)", "unknown function 0"),
            ("(func (param i32)) (start 0)", "start function"),
            ("(func (result i32) (i32.const 0)) (start 0)", "start function"),
            ("(global i32 (i64.const 0))", "type mismatch"),
            ("(global i32 (i32.const 0) (i32.const 0))", "type mismatch"),
            ("(global i32)", "type mismatch"),
            ("(global i32 (i32.add (i32.const 0)))", "type mismatch"),
            ("(global i32 (i32.add (i32.const 0) (i64.const 0)))", "type mismatch"),
            ("(global i32 (i32.eqz (i32.const 0)))", "constant expression required"),
            ("(global i32 (nop) (i32.const 0))", "constant expression required"),
            ("(global i32 (block (result i32) (i32.const 0)))", "constant expression required"),
            ("(global i32 (global.get 0))", "unknown global 0"),
            ("(global i32 (global.get 1)) (global i32 (i32.const 0))", "unknown global 1"),
            ("(global (mut i32) (i32.const 0)) (global i32 (global.get 0))", "constant expression required"),
            ("(global funcref (ref.func 0))", "unknown function 0"),
            ("(global funcref (ref.null extern))", "type mismatch"),
            ("(table 1 funcref (ref.null extern))", "type mismatch"),
            ("(global funcref (ref.null func)) (table 1 funcref (global.get 0))", "unknown global 0"),
            ("(elem (i32.const 0) func)", "unknown table 0"),
            ("(table 1 funcref) (elem (i32.const 0) 0)", "unknown function 0"),
            ("(table 1 funcref) (elem (i64.const 0) func)", "type mismatch"),
            ("(table 1 externref) (func) (elem (i32.const 0) func 0)", "type mismatch"),
            ("(elem funcref (ref.null extern))", "type mismatch"),
            ("(func) (elem externref (ref.func 0))", "type mismatch"),
            ("(elem funcref (ref.func 0))", "unknown function 0"),
            ("(elem funcref (item (global.get 0)))", "unknown global 0"),
            ('(data (i32.const 0) "")', "unknown memory 0"),
            ('(memory 1) (data (memory 1) (i32.const 0) "")', "unknown memory 1"),
            ('(memory 1) (data (f32.const 0) "")', "type mismatch"),
            ("(func (drop (i32.load (i32.const 0))))", "unknown memory 0"),
            ("(func (drop (memory.size)))", "unknown memory 0"),
            ("(func (i32.store (i32.const 0) (i32.const 0)))", "unknown memory 0"),
            ("(func (call_indirect (i32.const 0)))", "unknown table 0"),
        ],
    )
    @pytest.mark.usefixtures("loop")
    def test_invalid(self, text: str, message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            check(f"(module {text})")

    def test_memory_offset_beyond_32_bits(self) -> None:
        code = b"\x41\0\x28\2" + leb(2**32) + b"\x1a" + END
        with pytest.raises(ValidationError, match="offset out of range"):
            validate(decode(module(body(code), before_code=section(5, b"\1\0\1"))))

    def test_data_count_section_is_required_by_its_instructions(self) -> None:
        data = section(11, b"\1\1\1x")
        for code in (b"\xfc\x09\0", b"\x41\0" * 3 + b"\xfc\x08\0\0"):
            with pytest.raises(MalformedError, match="data count section required"):
                validate(decode(module(body(code + END), before_code=section(5, b"\1\0\1"), after_code=data)))

    def test_functions_used_as_references_are_declared_anywhere_outside_of_bodies(self) -> None:
        use = "(func $user (drop (ref.func $f)))"
        for text in (
            '(export "f" (func $f))',
            "(elem declare func $f)",
            "(elem funcref (ref.func $f))",
            "(table 1 funcref) (elem (i32.const 0) $f)",
            "(global funcref (ref.func $f))",
            "(table 1 funcref (ref.func $f))",
        ):
            check(f"(module (func $f) {text} {use})")
        for text in ("", "(start $f)", "(func (call $f))"):
            with pytest.raises(ValidationError, match="undeclared function reference"):
                check(f"(module (func $f) {text} {use})")


class TestParts:
    def test_declarations_and_bodies_apart(self) -> None:
        found = decode(module(body(END), body(b"\x1a" + END)))
        validate_declarations(found)
        validate_body(found, 0)
        with pytest.raises(ValidationError) as caught:
            validate_body(found, 1)
        assert caught.value.function == 1

    def test_imports_come_before_own_functions_in_errors(self) -> None:
        imported = section(2, b"\2" + (name("") + name("") + b"\0\0") * 2)
        data = PREAMBLE + section(1, vec([functype()])) + imported + section(3, b"\1\0")
        with pytest.raises(ValidationError) as caught:
            validate(decode(data + section(10, vec([body(b"\x1a" + END)]))))
        assert caught.value.function == 2

    def test_one_module_with_two_sets_of_features(self) -> None:
        found = decode(module(body(b"\x41\0\xc0\x1a" + END)))
        validate(found)
        with pytest.raises(MalformedError, match="'sign-extension' is off"):
            validate(found, Features(sign_extension=False))
        validate(found)


@pytest.mark.usefixtures("loop")
class TestMalformedBodies:
    @pytest.mark.parametrize(
        ("code", "message"),
        [
            (b"\1", "END opcode expected"),
            (b"\2\x40" + END, "END opcode expected"),
            (END + END, "section size mismatch"),
            (END + b"\1", "section size mismatch"),
            (b"\5" + END, "END opcode expected: else without if"),
            (b"\2\x40\5" + END + END, "else without if"),
            (b"\x41\0\4\x40\5\5" + END + END, "else without if"),
            (b"\xff" + END, "illegal opcode"),
            (b"\x41\0\xfc\x7f\x1a" + END, "illegal opcode"),
            (b"\x41\x80\x80\x80\x80\x80\0\x1a" + END, "integer representation too long"),
            (b"\x42\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0\x1a" + END, "integer representation too long"),
            (b"\x41\xff\xff\xff\xff\x0f\x1a" + END, "integer too large"),
            (b"\x20\x80\x80\x80\x80\x80\0\x1a" + END, "integer representation too long"),
            (b"\x0c\x80\x80\x80\x80\x10" + END, "integer too large"),
            (b"\x43\0\0\0", "unexpected end"),
            (b"\x44\0\0\0\0\0\0\0", "unexpected end"),
            (b"\x41", "unexpected end"),
            (b"\x20\x80", "unexpected end"),
            (b"\2", "unexpected end"),
            (b"\x0e\x7f\0\0" + END, "length out of bounds"),
            (b"\xfe\x03\x01" + END, "zero byte expected"),
        ],
    )
    def test_last_body(self, code: bytes, message: str) -> None:
        with pytest.raises(MalformedError, match=message):
            validate(decode(module(body(code))))

    @pytest.mark.parametrize(
        "code", [b"\x20", b"\x20\x80", b"\x41", b"\x43\0\0", b"\x10", b"\x0c", b"\x02", b"\x0e\x02"]
    )
    def test_an_instruction_that_reaches_into_the_next_body_is_malformed(self, code: bytes) -> None:
        following = body(b"\x01" * 20 + END)
        with pytest.raises(MalformedError):
            validate(decode(module(body(code), following)))

    def test_locals_of_an_unknown_type(self) -> None:
        with pytest.raises(MalformedError, match="malformed value type"):
            validate(decode(module(body(END, [(1, b"\x40")]))))


@pytest.mark.usefixtures("loop")
class TestLocals:
    def test_many_runs_and_many_locals(self) -> None:
        runs = [(1, I32), (0, F64), (1200, I64), (3, F32), (48_000, F64)]
        for index, drop in (
            (0, b"\x8b"),
            (1, b"\x45"),
            (2, b"\x79"),
            (1201, b"\x79"),
            (1202, b"\x8b"),
            (1205, b"\x99"),
        ):
            code = b"\x20" + leb(index) + drop + b"\x1a" + END
            validate(decode(module(body(code, runs), types=[functype(F32)])))
            with pytest.raises(ValidationError, match="type mismatch"):
                validate(
                    decode(
                        module(
                            body(
                                b"\x20" + leb(index) + b"\xbd\x1a" + END,
                                [*runs[:4], (9, I32)],
                            ),
                            types=[functype(F32)],
                        )
                    )
                )
        with pytest.raises(ValidationError, match="unknown local 49205"):
            validate(decode(module(body(b"\x20" + leb(49_205) + b"\x1a" + END, runs), types=[functype(F32)])))

    def test_limit(self) -> None:
        validate(decode(module(body(END, [(49_999, I32)]), types=[functype(I64)])))
        with pytest.raises(ResourceLimit) as caught:
            validate(decode(module(body(END, [(50_000, I32)]), types=[functype(I64)])))
        assert (caught.value.name, caught.value.value) == ("function_locals", 50_000)


class TestFeatures:
    @pytest.mark.parametrize(
        ("text", "off"),
        [
            ("(module (memory 1) (memory 1))", "multi_memory"),
            ("(module (table 1 funcref) (table 1 funcref))", "reference_types"),
            ('(module (global (mut i32) (i32.const 0)) (export "" (global 0)))', "mutable_global"),
            ("(module (global i32 (i32.add (i32.const 0) (i32.const 0))))", "extended_const"),
            ("(module (type (func (result i32 i32))))", "multi_value"),
            ("(module (func (i32.const 0) (block (param i32) unreachable)))", "multi_value"),
            ("(module (memory 1) (memory 1) (func (drop (i32.load 1 (i32.const 0)))))", "multi_memory"),
            ("(module (func (block (result funcref) unreachable) drop))", "reference_types"),
            ("(module (memory 1 1 shared))", "threads"),
            ("(module (func atomic.fence))", "threads"),
            ("(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))", "bulk_memory"),
            ("(module (func (drop (i32.trunc_sat_f32_s (f32.const 0)))))", "saturating_conversion"),
        ],
    )
    @pytest.mark.usefixtures("loop")
    def test_on_and_off(self, text: str, off: str) -> None:
        check(text)
        features = Features(**{off: False})
        with pytest.raises((ValidationError, MalformedError)):
            check(text, features)

    @pytest.mark.parametrize("op", [op for op in OPS if op.feature not in IMPLEMENTED], ids=lambda op: op.mnemonic)
    def test_an_unimplemented_instruction_is_refused_by_name_in_both_loops(
        self, op: Op, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for size in (COMPLETE, FAST):
            monkeypatch.setattr(validator, "SMALL_MODULE_BYTES", size)
            with pytest.raises(UnsupportedFeature) as caught:
                validate(decode(module(body(sample_of(op).code + END))), Features.all())
            assert caught.value.feature == op.feature

    @pytest.mark.usefixtures("loop")
    def test_a_block_of_a_vector(self) -> None:
        with pytest.raises(UnsupportedFeature, match="simd"):
            check("(module (func (drop (block (result v128) unreachable))))")


def test_another_engine_judges_the_examples_above_alike() -> None:
    for code in VALID:
        assert is_valid_elsewhere(bytes(wasmtime.wat2wasm(surround(code)))), code
    for code, _ in INVALID:
        assert not is_valid_elsewhere(bytes(wasmtime.wat2wasm(surround(code)))), code


# Agreement: of the two loops, and with another engine.


def verdict(data: bytes, size: int) -> tuple[bool | None, str]:
    """Return whether a module is valid (None: needs a feature that is not implemented) and the kind of error."""
    validator.SMALL_MODULE_BYTES, before = size, validator.SMALL_MODULE_BYTES  # type: ignore[misc]
    try:
        validate(decode(data))
    except UnsupportedFeature as error:
        return None, error.feature
    except ResourceLimit as error:
        return None, error.name
    except WasmError as error:
        return False, type(error).__name__
    finally:
        validator.SMALL_MODULE_BYTES = before  # type: ignore[misc]
    return True, ""


def other_engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    for feature in ("threads", "reference_types", "multi_memory", "multi_value", "bulk_memory", "function_references"):
        setattr(config, f"wasm_{feature}", True)
    for feature in ("gc", "exceptions", "simd", "relaxed_simd", "tail_call", "memory64", "shared_memory"):
        if hasattr(config, f"wasm_{feature}"):
            setattr(config, f"wasm_{feature}", True)
    return wasmtime.Engine(config)


ENGINE = other_engine()


def is_valid_elsewhere(data: bytes) -> bool:
    try:
        wasmtime.Module.validate(ENGINE, data)
    except wasmtime.WasmtimeError:
        return False
    return True


SEED = bytes(
    wasmtime.wat2wasm(
        """(module
        (import "a" "f" (func $imp (param i32 f64) (result i32))) (import "a" "g" (global $ig i32))
        (import "a" "m" (memory 1 2)) (memory 1 3 shared) (table $t 4 10 funcref) (table $x 4 externref)
        (global $m (mut i64) (i64.const 12345678901234)) (global i32 (i32.add (global.get 0) (i32.const 3)))
        (type $s (func (param i32 i32) (result i32 i32)))
        (func $f (export "x") (type $s) (local i64 i64 f32 externref)
          (block $a (loop $b (br_if 1 (local.get 0)) (br_table 0 1 0 (local.get 1))))
          (i64.store offset=300 align=4 (local.get 0) (global.get $m)) (global.set $m (i64.load32_s (i32.const 8)))
          (if (result i32) (i32.eqz (local.get 0)) (then (call $imp (i32.const 1) (f64.const 2)))
            (else (return (i32.const 1) (i32.const 2))))
          (local.set 0) (local.tee 1 (i32.sub (local.get 0) (i32.const -1))) drop
          (drop (select (local.get 2) (i64.const 5) (i32.const 1)))
          (i32.const 1) (i32.const 2) (call_indirect $t (type $s) (i32.const 0))
          (block (type $s) (i32.const 0) br_if 0))
        (func (param externref i32) (result externref)
          (table.set $x (local.get 1) (local.get 0)) (drop (table.grow $x (ref.null extern) (i32.const 1)))
          (drop (table.size $x)) (table.fill $x (i32.const 0) (local.get 0) (i32.const 2))
          (table.copy $t $t (i32.const 0) (i32.const 0) (i32.const 0))
          (table.init $t 1 (i32.const 0) (i32.const 0) (i32.const 0)) (elem.drop 1)
          (memory.init 1 1 (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop 1)
          (memory.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 0))
          (select (result externref) (table.get $x (i32.const 1)) (local.get 0) (ref.is_null (ref.func $f))))
        (func (drop (i32.atomic.rmw.add 1 (i32.const 8) (i32.const 1)))
          (drop (i64.atomic.rmw16.cmpxchg_u (i32.const 8) (i64.const 1) (i64.const 3)))
          (drop (memory.atomic.wait32 1 (i32.const 0) (i32.const 0) (i64.const -1))) atomic.fence
          (i32.atomic.store16 (i32.const 0) (i32.const 0)) (drop (i32.trunc_sat_f64_u (f64.const 1e99)))
          unreachable i32.add drop select drop)
        (start 4) (func) (elem (i32.const 0) func 0 1) (elem funcref (ref.func 0) (ref.null func))
        (elem declare func 2) (elem (table $x) (i32.const 0) externref (ref.null extern))
        (data "abc") (data (memory 1) (global.get 0) "def") (export "m" (memory 1)) (export "g" (global 1)))"""
    )
)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change a few bytes behind the preamble."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place = rng.randrange(8, len(changed))
        kind = rng.random()
        if kind < 0.6:
            near = changed[place]
            changed[place] = rng.choice((rng.randrange(256), near ^ 1 << rng.randrange(8), (near + 1) % 256))
        elif kind < 0.7:
            del changed[place]
        elif kind < 0.8:
            changed.insert(place, rng.randrange(256))
        else:
            other = rng.randrange(8, len(changed))
            changed[place], changed[other] = changed[other], changed[place]
    return bytes(changed)


def test_the_seed_is_valid() -> None:
    assert verdict(SEED, COMPLETE) == verdict(SEED, FAST) == (True, "")
    assert is_valid_elsewhere(SEED)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**64))
def test_mutated_modules_are_judged_as_by_another_engine(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(20):
        data = mutate(SEED, rng)
        ours = verdict(data, COMPLETE)
        assert verdict(data, FAST) == ours
        if ours[0] is not None:
            assert is_valid_elsewhere(data) == ours[0], data.hex()


NAMES = st.sampled_from([op for op in OPS if op.feature in IMPLEMENTED and op.code < 256])


def immediate_bytes(op: Op, number: int) -> bytes:
    """Return small immediates for `op`, now and then in a long form."""
    long = 5 if number % 11 == 0 else 1
    by_kind = {
        "blocktype": [b"\x40", I32, I64, b"\x00", b"\x01", FUNCREF][number % 6],
        "labels": vec([leb(number % 3)]) + leb(number % 2),
        "s32": sleb(number, long),
        "s64": sleb(-number, long),
        "f32": b"\0" * 4,
        "f64": b"\0" * 8,
        "memarg": leb(number % 4) + leb(number, long),
        "valtypes": vec([(I32, EXTERNREF)[number % 2]]),
        "heaptype": (FUNCREF, EXTERNREF)[number % 2],
    }
    return b"".join(by_kind.get(kind, leb(number % 3, long)) for kind in op.immediates)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(NAMES, st.integers(0, 300)), max_size=30), st.integers(0, 6))
def test_any_sequence_of_instructions_is_judged_alike_by_both_loops(code: list[tuple[Op, int]], ends: int) -> None:
    encoded = b"".join(bytes([op.code]) + immediate_bytes(op, number) for op, number in code)
    before = section(4, vec([FUNCREF + b"\0\1"])) + section(5, b"\1\0\1") + section(6, b"\1\x7f\1\x41\0" + END)
    types = [functype(), functype(I32 + I32, I32)]
    data = module(
        body(encoded + END * ends, [(2, I32)]), body(b"\0" + END), types=types, functions=[0, 1], before_code=before
    )
    assert verdict(data, FAST) == verdict(data, COMPLETE)


# Time and memory.


def code_like_that_of_compilers(size_bytes: int) -> bytes:
    """Return a module whose bodies have the mix of instructions of compiled C."""
    piece = (
        b"\x20\0\x20\1\x6a\x22\2\x41\x80\x08\x49\4\x40\x20\2\x28\2\x10\x21\3\x0c\1" + END + b"\x20\1\x20\2\x36\2\x04"
        b"\x41\1\x20\3\x10\0\x21\1\x20\1\x45\x0d\0\x42\x80\x80\x80\x80\x80\x10\x20\1\xad\x7c\xa7\x21\0\x41\xff\xff\x03\x1a"
    )
    code = b"\x02\x40" + piece * 40 + END + b"\x20\0" + END
    function = body(code, [(2, I32)])
    count = size_bytes // len(function)
    bodies = [function] * count
    types = [functype(I32 + I32, I32)]
    return module(*bodies, types=types, before_code=section(5, b"\1\0\1"))


def test_a_megabyte_of_code_takes_less_than_a_second() -> None:
    """Aim on an idle machine of 2020: 0.12 s; the bound leaves room for a busy one."""
    data = code_like_that_of_compilers(1_000_000)
    start = time.process_time()
    validate(decode(data))
    assert time.process_time() - start < 1


def test_both_loops_accept_the_code_of_compilers() -> None:
    data = code_like_that_of_compilers(5_000)
    assert verdict(data, FAST) == verdict(data, COMPLETE) == (True, "")
    assert is_valid_elsewhere(data)


def test_the_loop_leaves_the_code_of_compilers_to_the_rules_only_where_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    real = fast_loop.step

    def counting(operands: object, position: int) -> int:
        steps.append(position)
        return real(operands, position)  # type: ignore[arg-type]

    monkeypatch.setattr(fast_loop, "step", counting)
    loop = fast_loop.compiled_loop.__wrapped__()
    monkeypatch.setattr(fast_loop, "compiled_loop", lambda: loop)
    monkeypatch.setattr(validator, "SMALL_MODULE_BYTES", FAST)
    validate(decode(code_like_that_of_compilers(5_000)))
    assert steps == []


BOMBS = """
import resource, sys, time
sys.path.insert(0, {here!r})
from module_builder import *
from pywasmjit.errors import CompileError, ResourceLimit
from pywasmjit.wasm.decoder import decode
from pywasmjit.wasm.validator import validate

END = b"\\x0b"
wide = functype(b"", I32 * 1000)
both = functype(I32 * 1000, I32 * 1000)
deep = b"\\2\\x40" * 100_000
bombs = {{
    "nested blocks": lambda: module(body(deep + END * 100_001)),
    "nested loops and ifs": lambda: module(body(b"\\3\\x40\\x41\\0\\4\\x40" * 50_000 + END * 100_001)),
    "nested and never closed": lambda: module(body(deep)),
    "nested with a branch to each": lambda: module(
        body(deep + b"\\x41\\0\\x0e" + vec(leb(i) for i in range(100_000)) + leb(0) + END * 100_001)),
    "nested with 1000 results": lambda: module(body(b"\\2\\0" * 50_000 + b"\\0" + END * 50_001), types=[wide]),
    "nested with 1000 of each": lambda: module(body(b"\\0" + b"\\3\\0" * 50_000 + END * 50_001), types=[both]),
    "calls with 1000 results": lambda: module(body(b"\\x10\\0" * 1_000_000 + b"\\0" + END), types=[wide]),
    "branches with 1000 results": lambda: module(
        body(b"\\x41\\0" * 1001 + b"\\x0d\\0\\x41\\0" * 300_000 + END), types=[wide]),
    "50,000 locals": lambda: module(body(b"\\x20" + leb(49_999) + b"\\x1a" + END, [(50_000, I32)])),
    "50,000 runs of locals": lambda: module(body(END, [(1, I32)] * 50_000)),
    "50,000 locals often": lambda: module(*[body(END, [(50_000, I32)])] * 50_000),
    "2**32 - 1 locals": lambda: module(body(END, [(2**32 - 1, I32)])),
    "200,000 functions": lambda: module(*[body(END)] * 200_000),
    "500,000 types": lambda: module(types=[functype()] * 500_000),
    "2**32 labels": lambda: module(body(b"\\x41\\0\\x0e" + leb(2**32 - 1) + b"\\0" * 100_000 + END)),
    "a long integer": lambda: module(body(b"\\x41" + b"\\x80" * 1_000_000 + b"\\0\\x1a" + END)),
    "a nested constant": lambda: PREAMBLE + section(6, b"\\1\\x7f\\0" + deep + END * 100_001),
    "a long constant": lambda: PREAMBLE + section(6, b"\\1\\x7f\\0\\x41\\0" + b"\\x41\\0\\x6a" * 200_000 + END),
    "dead code": lambda: module(body(b"\\0" + b"\\x1b" * 200_000 + b"\\x1a" + END)),
    "many element segments": lambda: PREAMBLE + section(9, vec([b"\\1\\0\\0"] * 200_000)),
    "many elements": lambda: PREAMBLE + section(9, vec([b"\\1\\0" + vec([b"\\0"] * 2_000_000)])),
    "many custom sections": lambda: PREAMBLE + section(0, b"\\0") * 200_000,
}}
for number in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11):
    bombs[f"2**32 - 1 items of section {{number}}"] = lambda number=number: (
        PREAMBLE + section(number, leb(2**32 - 1) + b"\\0" * 99))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name, make in bombs.items():
    data = make()
    start = time.process_time()
    try:
        validate(decode(data))
    except (CompileError, ResourceLimit):
        pass
    print(f"{{time.process_time() - start:.3f}} {{name}}")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, "MB")
"""


def test_bombs_end_within_two_seconds_and_256_megabytes() -> None:
    program = BOMBS.format(here=str(Path(__file__).parent))
    lines = subprocess.check_output([sys.executable, "-c", program], text=True).splitlines()
    assert len(lines) == 33
    *times, memory = lines
    slow = [line for line in times if float(line.split()[0]) > 2]
    assert slow == []
    assert int(memory.split()[0]) < 256
