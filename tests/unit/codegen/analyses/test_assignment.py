"""Which locals need their zero."""

from __future__ import annotations

import pytest

import pywasmjit as wj
from pywasmjit.codegen.analyses.assignment import assignments
from pywasmjit.wasm.instructions import decode_expr
from tests.wat import assemble


def analyse(body: str) -> tuple[set[int], list[set[int]]]:
    """Return the locals that may be read unset, and what each loop sets, of 4 locals after a parameter."""
    module = wj.Module(assemble(f"(module (func (param i32) (local i32 i32 i32 i32) {body}))")).syntax
    found = assignments(decode_expr(module, module.bodies[0].start, module.bodies[0].end), 1, 1000)
    loops = [{n for n in range(5) if bits >> n & 1} for _, bits in sorted(found.loops.items())]
    return {n for n in range(5) if found.unset >> n & 1}, loops


SET = "(local.set {} (i32.const 1))"
GET = "(drop (local.get {}))"


@pytest.mark.parametrize(
    ("body", "unset"),
    [
        (GET.format(0), set()),
        (GET.format(1), {1}),
        (SET.format(1) + GET.format(1), set()),
        (f"(block {SET.format(1)}) {GET.format(1)}", set()),
        (f"(block (br_if 0 (local.get 0)) {SET.format(1)}) {GET.format(1)}", {1}),
        (f"(block {SET.format(1)} (br_if 0 (local.get 0)) {SET.format(2)}) {GET.format(1)} {GET.format(2)}", {2}),
        (f"(if (local.get 0) (then {SET.format(1)})) {GET.format(1)}", {1}),
        (f"(if (local.get 0) (then {SET.format(1)}) (else {SET.format(1)})) {GET.format(1)}", set()),
        (f"(if (local.get 0) (then {SET.format(1)}) (else (return))) {GET.format(1)}", set()),
        (f"(if (local.get 0) (then (unreachable)) (else {SET.format(2)})) {GET.format(2)}", set()),
        (f"(loop {GET.format(1)} {SET.format(1)} (br_if 0 (local.get 0)))", {1}),
        (f"(loop {SET.format(1)} (br_if 0 (local.get 0))) {GET.format(1)}", set()),
        (f"(block (loop (br_if 1 (local.get 0)) {SET.format(1)} (br 0))) {GET.format(1)}", {1}),
        (f"(block (block (br_table 0 1 (local.get 0))) {SET.format(1)}) {GET.format(1)}", {1}),
        (f"(return) {GET.format(1)}", set()),
    ],
)
def test_a_local_needs_its_zero_where_a_path_reads_it_unset(body: str, unset: set[int]) -> None:
    assert analyse(body)[0] == unset


def test_a_loop_sets_what_its_inner_blocks_and_loops_set() -> None:
    body = f"{SET.format(1)} (loop {SET.format(2)} (block (loop {SET.format(3)}))) {SET.format(4)}"
    assert analyse(body)[1] == [{2, 3}, {3}]
