"""Comparisons of integers in every place where one can stand."""

from __future__ import annotations

import pytest
import wasmtime

from tests.wat import exports, instance

EDGES = (0, 1, 2, 3, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF)
SIGNED = ("lt_s", "le_s", "gt_s", "ge_s")


@pytest.mark.parametrize("operation", SIGNED)
@pytest.mark.parametrize(
    "shape",
    [
        "(i32.{op} (local.get 0) (local.get 1))",
        "(if (result i32) (i32.{op} (local.get 0) (local.get 1)) (then (i32.const 1)) (else (i32.const 0)))",
        "(if (result i32) (i32.eqz (i32.{op} (local.get 0) (local.get 1))) (then (i32.const 0)) (else (i32.const 1)))",
        "(block (result i32) (br_if 0 (i32.const 1) (i32.{op} (local.get 0) (local.get 1))) (drop) (i32.const 0))",
        "(select (i32.const 1) (i32.const 0) (i32.{op} (local.get 0) (local.get 1)))",
        "(if (result i32) (i32.{op} (i32.and (local.get 0) (i32.const 255)) (local.get 1))"
        " (then (i32.const 1)) (else (i32.const 0)))",
        "(if (result i32) (i32.{op} (local.get 0) (i32.load8_u (i32.and (local.get 1) (i32.const 7))))"
        " (then (i32.const 1)) (else (i32.const 0)))",
        "(i32.{op} (i32.sub (i32.and (local.get 0) (i32.const 255)) (i32.const 100)) (i32.const -3))",
        "(i32.{op} (local.tee 0 (i32.add (local.get 0) (local.get 1)))"
        " (local.tee 1 (i32.mul (local.get 0) (i32.const 3))))",
    ],
)
def test_signed_comparison_in_every_context(operation: str, shape: str) -> None:
    text = f'(module (memory 1) (func (export "f") (param i32 i32) (result i32) {shape.format(op=operation)}))'
    ours = exports(text)
    store = wasmtime.Store()
    theirs = wasmtime.Instance(store, wasmtime.Module(store.engine, text), []).exports(store)["f"]
    for a in EDGES:
        for b in EDGES:
            signed = [x - (1 << 32) if x >> 31 else x for x in (a, b)]
            assert ours.f(a, b) == theirs(store, *signed), (a, b)


def test_a_comparison_with_a_constant_of_each_sign() -> None:
    for constant in (-5, -1, 0, 1, 7, 0x7FFFFFFF, -0x80000000):
        body = "".join(
            f"(local.set 1 (i32.or (i32.shl (local.get 1) (i32.const 1))"
            f" (i32.{op} (local.get 0) (i32.const {constant}))))"
            for op in SIGNED
        )
        f = exports(f'(module (func (export "f") (param i32) (result i32) (local i32) {body} (local.get 1)))').f
        for x in (-0x80000000, -6, -5, -4, -1, 0, 1, 6, 7, 8, 0x7FFFFFFF):
            expected = (x < constant) << 3 | (x <= constant) << 2 | (x > constant) << 1 | (x >= constant)
            assert f(x) == expected, (x, constant)


def test_a_branch_on_combined_conditions() -> None:
    for operation, table in (("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("xor", [0, 1, 1, 0])):
        condition = f"(i32.{operation} (i32.eqz (local.get 0)) (i32.eqz (local.get 1)))"
        text = f"""(module (func (export "f") (param i32 i32) (result i32)
          (if (result i32) {condition} (then (i32.const 1)) (else (i32.const 0)))))"""
        f = exports(text).f
        assert [f(a, b) for a in (1, 0) for b in (1, 0)] == table


def test_a_stored_comparison_of_computed_operands_moves_as_a_whole() -> None:
    inst = instance("""(module (memory (export "m") 1)
      (func (export "f") (param i32 i64 i64)
        (i64.store (local.get 0) (i64.extend_i32_u
          (i32.ge_s (i32.wrap_i64 (local.get 1)) (i32.wrap_i64 (local.get 2)))))))""")
    for a, b in ((1, 2), (2, 1), (-1, 1), (1, -1), (-1, -1), (1 << 32, 0)):
        inst.exports.f(8, a, b)
        assert inst.exports.m.unpack("<Q", 8) == (
            int((a << 32 >> 32 & 0xFFFFFFFF ^ 1 << 31) >= (b & 0xFFFFFFFF ^ 1 << 31)),
        )
