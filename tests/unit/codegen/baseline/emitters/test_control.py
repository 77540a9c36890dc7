"""Blocks and branches."""

from __future__ import annotations

import dis

from tests.unit.codegen.compiled import code_of
from tests.wat import exports, instance


def test_branches_out_of_expressions_drop_what_lies_below() -> None:
    f = exports("""(module
      (func (export "one") (param i32) (result i32)
        (block (result i32) (i32.const 7) (i32.const 8) (br_if 0 (i32.const 9) (local.get 0)) (drop) (i32.add)))
      (func (export "two") (param i32) (result i32 i32)
        (block (result i32 i32) (i32.const 7) (i32.const 1) (i32.const 2) (br_if 0 (local.get 0)) (drop) (drop)
          (i32.const 3)))
      (func (export "table") (param i32) (result i32)
        (block $a (result i32) (block $b (result i32) (i32.const 5) (i32.const 6)
          (br_table $a $b $a (local.get 0))) (i32.const 100) (i32.add))))""")
    assert (f.one(0), f.one(1)) == (15, 9)
    assert (f.two(0), f.two(1)) == ((7, 3), (1, 2))
    assert [f.table(x) for x in (0, 1, 2, -1)] == [6, 106, 6, 6]


def test_a_loop_header_is_preceded_by_a_nop() -> None:
    code = code_of(
        instance(
            '(module (func (export "f") (param i32) (loop (br_if 0 (local.get 0)) (loop (br_if 1 (local.get 0))))))'
        ),
        "f",
    )
    instructions = list(dis.get_instructions(code))
    back = [i for i in instructions if "BACKWARD" in i.opname]
    assert len(back) == 2
    for jump in back:
        at = next(n for n, i in enumerate(instructions) if i.offset == jump.argval)
        assert instructions[at - 1].opname == "NOP"


def test_a_wide_br_table_with_every_selector() -> None:
    count = 300
    blocks = "(block " * (count + 1)
    labels = " ".join(str((n * 7) % count) for n in range(count))
    ends = "".join(f") (return (i32.const {n}))" for n in range(count + 1))
    text = (
        f'(module (func (export "f") (param i32) (result i32) {blocks} (br_table {labels} {count} (local.get 0)) {ends}'
        " (unreachable)))"
    )
    f = exports(text).f
    assert [f(n) for n in range(count)] == [(n * 7) % count for n in range(count)]
    assert f(count) == f(-1) == count


def test_deep_nesting_compiles_without_recursion() -> None:
    depth = 5000
    text = f'(module (func (export "f") (result i32) {"(block (result i32) " * depth} (i32.const 3) {")" * depth}))'
    assert exports(text).f() == 3
