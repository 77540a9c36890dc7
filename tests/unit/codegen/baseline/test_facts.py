"""What is known of locals at the current point."""

from __future__ import annotations

from pywasmjit.codegen.baseline import facts
from pywasmjit.codegen.baseline.facts import Facts
from pywasmjit.codegen.baseline.operands import Value


def number(low: int, high: int, slot: int = -1, version: int = 0) -> Value:
    value = Value("i32", 0, low, high)
    value.slot, value.version = slot, version
    return value


def test_an_assignment_replaces_what_was_known() -> None:
    known = Facts(1)
    known.assign(0, number(3, 9))
    assert known.known == {0: (3, 9)}
    known.assign(0, number(0, 0xFFFF_FFFF))
    assert known.known == {}


def test_a_value_is_current_until_its_local_is_assigned_again() -> None:
    known = Facts(1)
    known.assign(0, number(3, 9))
    assert known.is_current(number(3, 9, 0, 1))
    known.assign(0, number(3, 9))
    assert not known.is_current(number(3, 9, 0, 1))
    assert not known.is_current(number(3, 9))


def test_what_is_learnt_narrows_and_never_contradicts() -> None:
    known = Facts(1)
    known.narrow(0, (3, 9))
    known.narrow(0, (0, 5))
    assert known.known == {0: (3, 5)}
    known.narrow(0, (6, 7))
    assert known.known == {0: (3, 5)}


def test_a_label_knows_what_all_ways_agree_on() -> None:
    known = Facts(1)
    known.known = {0: (3, 5), 1: (7, 7)}
    assert known.join({0: (0, 4), 2: (1, 1)}) == {0: (0, 5)}
    assert known.known == {0: (3, 5), 1: (7, 7)}


def test_a_loop_forgets_what_it_assigns() -> None:
    known = Facts(1)
    known.known = {0: (3, 5), 1: (7, 7), 2: (0, 1)}
    known.forget(0b101)
    assert known.known == {1: (7, 7)}


def test_a_function_that_wants_too_many_facts_goes_without() -> None:
    known = Facts(1)
    known.known = dict.fromkeys(range(600), (0, 1))
    assert len(known.copy()) == 600
    assert known.copy() == {}
    assert known.known == {}
    assert facts.FACTS_PER_INSTRUCTION < 600
