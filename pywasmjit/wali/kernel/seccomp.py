"""seccomp: a filter in the kernel that answers system calls with an error before they begin.

A filter is a program for a small machine (BPF) that sees a call's number, the machine's name and six arguments, but
no memory behind them.  It is written from `Refusal`s: a call, perhaps only with certain arguments, and its errno.  All
else is allowed.  Calls by another machine's numbers, which mean something else, are refused altogether.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Mapping
from errno import ENOSYS, EPERM, ESRCH
from typing import Final, NamedTuple

from pywasmjit.wali.abi import seccomp as abi
from pywasmjit.wali.kernel.calling import caller

_WORD: Final = 0xFFFF_FFFF
_NEXT: Final = 0


class When(NamedTuple):
    """Holds if 32 bits of an argument, masked, are among `values`; with `other`, if they are not.

    argument: 0 to 5.  high: whether the upper half of the argument is meant.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = _WORD
    high: bool = False
    other: bool = False


class Refusal(NamedTuple):
    """A call that is refused if all tests of its arguments hold."""

    call: str
    tests: tuple[When, ...] = ()
    errno: int = EPERM


class _Instruction(NamedTuple):
    """code and operand; where a jump goes, by name: "" stands for the next instruction."""

    code: int
    operand: int
    if_true: str = ""
    if_false: str = ""


def assemble(refusals: Iterable[Refusal], numbers: Mapping[str, int], machine: str) -> bytes:
    """Return the filter's program; calls that `numbers` does not have are left out.  Raises KeyError for a machine."""
    by_call: dict[str, list[Refusal]] = {}
    for each in refusals:
        if each.call in numbers:
            by_call.setdefault(each.call, []).append(each)
    items = list(_beginning(abi.ARCHITECTURES[machine], machine == "x86_64"))
    for call, rules in by_call.items():
        items += _call(call, numbers[call], rules)
    return _resolve([*items, _Instruction(abi.RETURN, abi.RET_ALLOW)])


def _beginning(architecture: int, has_x32: bool) -> Iterator[_Instruction | str]:
    yield _Instruction(abi.LOAD, abi.ARCHITECTURE_AT)
    yield _Instruction(abi.JUMP_EQUAL, architecture, if_true="native")
    yield "foreign"
    yield _refuse(ENOSYS)
    yield "native"
    yield _Instruction(abi.LOAD, abi.NUMBER_AT)
    if has_x32:
        yield _Instruction(abi.JUMP_GREATER_EQUAL, abi.X32_BIT, if_false="no x32")
        yield _refuse(ENOSYS)
        yield "no x32"


def _refuse(errno: int) -> _Instruction:
    return _Instruction(abi.RETURN, abi.RET_ERRNO | errno)


def _call(call: str, number: int, rules: list[Refusal]) -> Iterator[_Instruction | str]:
    """Yield what decides about one call; the number is loaded before, and after for all others."""
    after = f"after {call}"
    yield _Instruction(abi.JUMP_EQUAL, number, if_false=after)
    for place, rule in enumerate(rules):
        passed = f"{call} passed {place}"
        for index, test in enumerate(rule.tests):
            yield from _test(test, f"{call} {place} holds {index}", passed)
        yield _refuse(rule.errno)
        yield passed
    if all(rule.tests for rule in rules):
        yield _Instruction(abi.RETURN, abi.RET_ALLOW)
    yield after


def _test(test: When, holds: str, fails: str) -> Iterator[_Instruction | str]:
    yield _Instruction(abi.LOAD, abi.ARGUMENTS_AT + 8 * test.argument + 4 * test.high)
    if test.mask != _WORD:
        yield _Instruction(abi.AND, test.mask)
    *others, last = test.values
    for value in others:
        yield _Instruction(abi.JUMP_EQUAL, value, if_true=fails if test.other else holds)
    if test.other:
        yield _Instruction(abi.JUMP_EQUAL, last, if_true=fails)
    else:
        yield _Instruction(abi.JUMP_EQUAL, last, if_false=fails)
    yield holds


def _resolve(items: list[_Instruction | str]) -> bytes:
    """Return the program's bytes, names of places turned into distances."""
    places: dict[str, int] = {}
    instructions: list[_Instruction] = []
    for item in items:
        if isinstance(item, str):
            places[item] = len(instructions)
        else:
            instructions.append(item)
    code = bytearray()
    for place, each in enumerate(instructions, 1):
        skips = [places[name] - place if name else _NEXT for name in (each.if_true, each.if_false)]
        code += abi.INSTRUCTION.pack(each.code, *skips, each.operand)
    assert len(instructions) <= abi.MOST_INSTRUCTIONS
    return bytes(code)


def install(program: bytes) -> None:
    """Filter the calls of all threads from now on; the process must have given up new privileges.

    Speculation stays as fast as it was: the guest's code is never the machine's own.
    Raises OSError; ESRCH if a thread cannot be brought under the filter; NotImplementedError on an unknown machine.
    """
    code = ctypes.create_string_buffer(program, len(program))
    what = abi.PROGRAM.pack(len(program) // abi.INSTRUCTION.size, ctypes.addressof(code))
    flags = abi.FILTER_FLAG_TSYNC | abi.FILTER_FLAG_SPEC_ALLOW
    if caller()("seccomp", abi.SET_MODE_FILTER, flags, what):
        raise OSError(ESRCH, "seccomp: another thread has a filter of its own")
