"""Arithmetic of integers."""

from __future__ import annotations

from tests.wat import exports


def test_shifts_of_a_constant_by_a_variable() -> None:
    e = exports("""(module
      (func (export "shr_s") (param i64) (result i64) (i64.shr_s (i64.const -4503599627370496) (local.get 0)))
      (func (export "shr_u") (param i32) (result i32) (i32.shr_u (i32.const -16) (local.get 0)))
      (func (export "shl") (param i32) (result i32) (i32.shl (i32.const -3) (local.get 0)))
      (func (export "rotl") (param i32) (result i32) (i32.rotl (i32.const 0x80000001) (local.get 0))))""")
    for n in (0, 1, 31, 32, 33, 63, 64, -1):
        assert e.shr_s(n) == -4503599627370496 >> (n & 63)
        assert e.shr_u(n) & 0xFFFFFFFF == 0xFFFFFFF0 >> (n & 31)
        assert e.shl(n) & 0xFFFFFFFF == (-3 << (n & 31)) & 0xFFFFFFFF
        r = n & 31
        assert e.rotl(n) & 0xFFFFFFFF == (0x80000001 << r | 0x80000001 >> (32 - r)) & 0xFFFFFFFF
