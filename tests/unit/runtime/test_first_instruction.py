"""Handlers on duty where no `try` of the source reaches."""

from __future__ import annotations

import dis

import pytest

from pywasmjit.runtime.first_instruction import cover_start, cover_whole


def retry(action, tries=3):
    while True:
        try:
            return action()
        except LookupError as error:
            tries -= 1
            if not tries:
                return error
        except BaseException as error:
            return error


def nested(action):
    try:
        with action:
            return [each + 1 for each in action]
    except LookupError:
        return None


def entries(function):
    """Return (first, behind the last, target, depth) of each range, in bytes."""
    return [(e.start, e.end, e.target, e.depth) for e in dis._parse_exception_table(function.__code__)]


def uncovered(function) -> set[int]:
    covered = {at for start, end, _, _ in entries(function) for at in range(start, end, 2)}
    return set(range(0, len(function.__code__.co_code), 2)) - covered


@pytest.mark.parametrize("source", [retry, nested])
def test_every_instruction_is_covered_and_what_was_stays(source):
    function = type(source)(source.__code__, source.__globals__, source.__name__, source.__defaults__)
    before = entries(function)
    assert uncovered(function)
    cover_whole(function)
    assert uncovered(function) == set()
    assert set(before) <= set(entries(function))
    assert {(target, depth) for _, _, target, depth in set(entries(function)) - set(before)} == {(before[0][2], 0)}


@pytest.mark.parametrize("source", [retry, nested])
def test_the_start_is_covered_and_nothing_else(source):
    function = type(source)(source.__code__, source.__globals__, source.__name__, source.__defaults__)
    before = entries(function)
    cover_start(function)
    assert entries(function) == [(0, *before[0][1:]), *before[1:]]


def test_a_covered_function_works_as_before():
    def failing():
        calls.append(len(calls))
        raise LookupError(len(calls))

    function = type(retry)(retry.__code__, retry.__globals__, "retry", retry.__defaults__)
    cover_whole(function)
    calls: list[int] = []
    assert function(lambda: 5) == 5
    assert str(function(failing)) == "3"
    assert calls == [0, 1, 2]


def test_long_ranges_are_written_as_cpython_reads_them():
    """Numbers of more than 6 and 12 bits."""
    body = "".join(f"        a{n} = action() + {n}\n" for n in range(600))
    scope: dict = {}
    exec(f"def long(action):\n    x = 1\n    try:\n{body}    except LookupError as e:\n        return e\n", scope)
    long = scope["long"]
    before = entries(long)
    cover_whole(long)
    assert uncovered(long) == set()
    assert set(before) <= set(entries(long))
    assert isinstance(long(lambda: {}[1]), KeyError)
