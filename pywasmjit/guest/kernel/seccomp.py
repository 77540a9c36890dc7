"""seccomp: a filter in the kernel that answers system calls with an error before they begin.

A filter is a program for a small machine (BPF) that sees a call's number, the machine's name and six arguments, but
no memory behind them.  It is written from `Refusal`s: a call, perhaps only with certain arguments, and its errno.  All
else is allowed, but for calls by another machine's numbers, which mean something else, and calls newer than all that
are known here.

The kernel asks the filter once about each call whose arguments do not matter, and notes the answer; the others pay for
the way to their number, so that is found by halving.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Mapping
from errno import ENOSYS, EPERM, ESRCH
from typing import Final, NamedTuple, TypeAlias

from pywasmjit.guest.kernel import seccomp_abi as abi
from pywasmjit.guest.kernel.calling import caller
from pywasmjit.guest.kernel.numbers import NEWEST

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


Answer: TypeAlias = "tuple[tuple[tuple[When, ...], int], ...]"
"""What a call gives: (tests, errno) of its refusals, the first that holds decides; without one it is allowed."""


class _Instruction(NamedTuple):
    """code and operand; where a jump goes, by name: "" stands for the next instruction.  JUMP has no other operand."""

    code: int
    operand: int
    if_true: str = ""
    if_false: str = ""


def assemble(refusals: Iterable[Refusal], numbers: Mapping[str, int], machine: str) -> bytes:
    """Return the filter's program; calls that `numbers` does not have are left out.  Raises KeyError for a machine.

    Calls that came after `NEWEST` give ENOSYS, as on a kernel without them: nobody has thought about them.
    """
    answers: dict[int, Answer] = {}
    for each in refusals:
        if each.call in numbers:
            before = answers.get(numbers[each.call], ())
            if not before or before[-1][0]:  # what is refused anyhow has no further tests
                answers[numbers[each.call]] = (*before, (each.tests, each.errno))
    return _resolve([*_beginning(abi.ARCHITECTURES[machine]), *_search(_ranges(answers))])


def _beginning(architecture: int) -> Iterator[_Instruction | str]:
    yield _Instruction(abi.LOAD, abi.ARCHITECTURE_AT)
    yield _Instruction(abi.JUMP_EQUAL, architecture, if_true="native")
    yield _refuse(ENOSYS)
    yield "native"
    yield _Instruction(abi.LOAD, abi.NUMBER_AT)


def _refuse(errno: int) -> _Instruction:
    return _Instruction(abi.RETURN, abi.RET_ERRNO | errno)


def _ranges(answers: Mapping[int, Answer]) -> list[tuple[int, Answer]]:
    """Return the first number of each range of calls with the same answer, and that answer."""
    found: list[tuple[int, Answer]] = [(0, ())]

    def begin(first: int, answer: Answer) -> None:
        if found[-1][0] == first:
            found.pop()
        if not found or found[-1][1] != answer:
            found.append((first, answer))

    for number in sorted(answers):
        begin(number, answers[number])
        begin(number + 1, ())
    begin(NEWEST + 1, (((), ENOSYS),))  # and all of x86-64's second set of calls, x32
    return found


def _search(ranges: list[tuple[int, Answer]]) -> Iterator[_Instruction | str]:
    """Yield what finds the range of the call, whose number is loaded, by halving, and answers."""
    if len(ranges) == 1:
        yield from _answer(*ranges[0])
        return
    half = len(ranges) // 2
    first = ranges[half][0]
    yield _Instruction(abi.JUMP_GREATER_EQUAL, first, if_false=f"below {first}")
    yield _Instruction(abi.JUMP, 0, f"from {first}")  # conditional jumps are short
    yield f"below {first}"
    yield from _search(ranges[:half])
    yield f"from {first}"
    yield from _search(ranges[half:])


def _answer(first: int, answer: Answer) -> Iterator[_Instruction | str]:
    for place, (tests, errno) in enumerate(answer):
        passed = f"{first} passed {place}"
        for index, test in enumerate(tests):
            yield from _test(test, f"{first} {place} holds {index}", passed)
        yield _refuse(errno)
        if not tests:
            return
        yield passed
    yield _Instruction(abi.RETURN, abi.RET_ALLOW)


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
        true, false = (places[name] - place if name else _NEXT for name in (each.if_true, each.if_false))
        jumps = (0, 0, true) if each.code == abi.JUMP else (true, false, each.operand)
        code += abi.INSTRUCTION.pack(each.code, *jumps)
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
