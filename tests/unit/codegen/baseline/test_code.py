"""The edits of stack code."""

from __future__ import annotations

from pywasmjit.codegen.baseline.code import Code
from pywasmjit.codegen.target import operations as t


def code(*constants: object) -> Code:
    made = Code()
    for line, constant in enumerate(constants, 1):
        made.line = line
        made.emit(t.LOAD_CONST, constant)
    return made


def constants(made: Code) -> list[object]:
    return [argument for _, argument, _ in made.items]


def test_the_end() -> None:
    made = code(1, 2, 3)
    assert made.ends_with(t.LOAD_CONST)
    made.replace_last(t.LOAD_FAST, 7)
    assert made.ends_with_load(7)
    assert not made.ends_with_load(6)
    made.drop_last(2)
    assert constants(made) == [1]


def test_an_inverted_comparison_keeps_its_line() -> None:
    made = code(1)
    made.emit(t.COMPARE, "<")
    made.line = 9
    made.invert_last()
    assert made.items[-1] == (t.COMPARE, ">=", 1)


def test_changes_before_the_end() -> None:
    made = code(1, 2, 3, 4)
    assert made.insert_before(1, (t.LOAD_CONST, 8), (t.LOAD_CONST, 9)) == 2
    assert constants(made) == [1, 8, 9, 2, 3, 4]
    tail = made.take_tail(4)
    assert constants(made) == [1, 8, 9, 2]
    made.put_back(tail)
    assert made.exchange(1, 3) == 4
    assert constants(made) == [1, 2, 3, 4, 8, 9]
    assert len(made) == 6


def test_calls_are_found_behind_a_place_only() -> None:
    made = code(1)
    made.emit(t.CALL, 0)
    made.emit(t.POP)
    assert made.calls_since(0)
    assert not made.calls_since(2)
