"""The operand types and open blocks of a body under validation.

The stack of types has a barrier below the operands of each open block, so that
a rule which finds the type that it expects need not ask how high the block's
stack is: a barrier is no type.  A barrier is replaced by `POLYMORPHIC` when the
rest of the block cannot be reached; below it there is whatever is asked for.

Wide types cannot buy much work with few bytes: comparing many types at once is
paid from a budget: in proportion to the body's length, and beyond that from one for the whole module.

Spec: Validation, Instructions; Appendix, Validation Algorithm.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, Final, NamedTuple, NoReturn

from pywasmjit.errors import MalformedError, ResourceLimit, ValidationError
from pywasmjit.wasm.binary_types import BLOCKS, TypeReader, read_locals
from pywasmjit.wasm.context import SMALL, Context
from pywasmjit.wasm.limits import LOCALS, OPERANDS
from pywasmjit.wasm.types import FuncType, ValType


class _Marker:
    """An object where else a type stands."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


BARRIER: Final = _Marker("nothing")
"""Below it are the operands of the surrounding block, out of reach."""
POLYMORPHIC: Final = _Marker("unreachable")
"""A barrier with any operands above it, since the code is not reached."""
BOTTOM: Final = _Marker("any type")
"""An operand taken from a polymorphic stack: of every type."""

NOWHERE: Final = _Marker("nowhere")
"""Never on the stack."""

BLOCK, LOOP, IF, ELSE, BODY = "block", "loop", "if", "else", "function"


class Frame(NamedTuple):
    """An open block.

    end_types: what the fast loop must find at `end`; `NOWHERE` if it must not decide.
    label_types: what a branch to the block carries.
    """

    end_types: tuple[Any, ...]
    label_types: tuple[ValType, ...]
    type: FuncType
    opener: str


def make_frame(opener: str, type: FuncType) -> Frame:
    """Return the frame of a block; frames are immutable and can be shared."""
    ends: tuple[Any, ...] = type.results
    if opener == IF and type.params != type.results:
        ends = (NOWHERE,)
    return Frame(ends, type.params if opener == LOOP else type.results, type, opener)


SIMPLE_FRAMES: Final[dict[str, list[Frame | None]]] = {
    opener: [
        make_frame(opener, BLOCKS[code]) if code in (0x40, 0x7F, 0x7E, 0x7D, 0x7C) else None for code in range(256)
    ]
    for opener in (BLOCK, LOOP, IF)
}
"""By the first byte of a block type; None unless that byte is all, and of the minimum."""

WORK_PER_BYTE: Final = 16
FREE_WORK: Final = 20_000_000
"""Types that may be compared many at once: so many for each byte of a body, and so many more in a whole module.

That is 0.3 s.  Blocks of 50 parameters cost more than their few bytes pay for, and are no attack.
"""
EXPANDED_LOCALS: Final = 1024
"""Locals beyond these are looked up by runs: a body of few bytes may declare 50,000."""


class Operands:
    """The state of the validation of bodies, one after the other.

    stack: types of operands, a barrier below each block's.  frames, heights: open blocks, and where their barriers are.
    locals: types of the first `EXPANDED_LOCALS` locals at least.
    at: offset of the instruction under validation.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.function = self.at = self.end = 0
        self.budget = self.free_work = FREE_WORK
        self.reader = TypeReader(context.data, 0, 0, context.features, context.types)
        self.stack: list[Any] = []
        self.frames: list[Frame] = []
        self.heights: list[int] = []
        self.locals: list[ValType] = []
        self._run_ends: list[int] = []
        self._run_types: list[ValType] = []

    def enter(self, own_index: int, start: int, end: int) -> int:
        """Begin with a body, given the range of its bytes; return where its instructions start."""
        context = self.context
        self.function = context.imported_functions + own_index
        self.at = self.reader.position = start
        self.end = self.reader.end = end
        self.free_work = min(self.free_work, self.budget)  # what the body before has not used of it
        self.budget = self.free_work + WORK_PER_BYTE * (end - start)
        type_index = context.function_types[self.function]
        self.locals = list(context.types[type_index].params)
        if context.data[start] == 0:
            self._run_ends, self._run_types = [len(self.locals)], []
            self.reader.position = start + 1
        else:
            self._take_locals()
        self.stack[:] = (BARRIER,)
        self.heights[:] = (0,)
        self.frames[:] = (self._body_frame(type_index),)
        return self.reader.position

    def _body_frame(self, type_index: int) -> Frame:
        frames: dict[int, Frame] = self.context.body_frames
        if type_index not in frames:
            frames[type_index] = make_frame(BODY, FuncType((), self.context.types[type_index].results))
        return frames[type_index]

    def _take_locals(self) -> None:
        """Read the locals, and expand the first ones."""
        first = len(self.locals)
        runs = read_locals(self.reader)
        self._run_ends = list(accumulate((count for count, _ in runs), initial=first))
        self._run_types = [type for _, type in runs]
        if self._run_ends[-1] > LOCALS:
            raise ResourceLimit("function_locals", LOCALS, f"function {self.function} has {self._run_ends[-1]}")
        for count, type in runs:
            if len(self.locals) >= EXPANDED_LOCALS:
                break
            self.locals += [type] * min(count, EXPANDED_LOCALS)

    # Failing

    def fail(self, message: str) -> NoReturn:
        """Raise ValidationError at the current instruction."""
        raise ValidationError(message, self.at, self.function)

    def malformed(self, message: str) -> NoReturn:
        """Raise MalformedError at the current instruction."""
        raise MalformedError(message, self.at)

    def _mismatch(self, expected: object, found: object) -> NoReturn:
        self.fail(f"type mismatch: expected {expected}, found {found}")

    def spend(self, types: tuple[ValType, ...]) -> None:
        """Pay for the work on several types at once; ResourceLimit when the budget is spent."""
        if len(types) > SMALL:
            self.budget -= len(types)
            if self.budget < 0 or len(self.stack) > OPERANDS:
                name, value = ("operand_stack", OPERANDS) if self.budget >= 0 else ("validation_work", FREE_WORK)
                raise ResourceLimit(name, value, f"function {self.function} at offset {self.at:#x}")

    # Operands

    def pop(self, expected: ValType) -> Any:
        """Take an operand of the expected type; return its type, `BOTTOM` on a polymorphic stack."""
        found = self.stack.pop()
        if found is expected or found is BOTTOM or found == expected:
            return found
        self.stack.append(found)
        if found is not POLYMORPHIC:
            self._mismatch(expected, found)
        return BOTTOM

    def pop_any(self) -> Any:
        """Take an operand of any type; return its type, `BOTTOM` on a polymorphic stack."""
        found = self.stack.pop()
        if found is not BARRIER and found is not POLYMORPHIC:
            return found
        self.stack.append(found)
        if found is BARRIER:
            self._mismatch("a value", found)
        return BOTTOM

    def push(self, type: Any) -> None:
        """Put an operand."""
        self.stack.append(type)

    def pop_all(self, types: tuple[ValType, ...]) -> None:
        """Take operands of the expected types, the last one from the top."""
        if len(types) > SMALL:
            self.spend(types)
            if self.stack[-len(types) :] == list(types):
                del self.stack[-len(types) :]
                return
        for type in reversed(types):
            self.pop(type)

    def push_all(self, types: tuple[ValType, ...]) -> None:
        """Put operands, the last one on top."""
        self.stack += types
        self.spend(types)

    def check_top(self, types: tuple[ValType, ...]) -> None:
        """Check that the topmost operands have the expected types, and leave them."""
        self.spend(types)
        stack = self.stack
        if stack[len(stack) - len(types) :] == list(types):
            return
        place = len(stack)
        for type in reversed(types):
            place -= 1
            found = stack[place]
            if found is POLYMORPHIC:
                return
            if found is not type and found is not BOTTOM and found != type:
                self._mismatch(type, found)

    # Blocks

    def open_block(self, opener: str, type: FuncType) -> None:
        """Enter a block whose parameters were taken already."""
        self.frames.append(make_frame(opener, type))
        self.heights.append(len(self.stack))
        self.stack.append(BARRIER)
        self.push_all(type.params)

    def close_block(self) -> Frame:
        """Check that a block ends with its results and nothing else; return its frame."""
        frame = self.frames[-1]
        self.pop_all(frame.type.results)
        if len(self.stack) != self.heights[-1] + 1:
            self._mismatch(f"the end of the {frame.opener}", self.stack[-1])
        self.stack.pop()
        self.heights.pop()
        return self.frames.pop()

    def set_unreachable(self) -> None:
        """Note that the rest of the block is not reached."""
        self.stack[self.heights[-1] :] = [POLYMORPHIC]

    def label_types(self, label: int) -> tuple[ValType, ...]:
        """Return what a branch to `label` carries."""
        if label >= len(self.frames):
            self.fail(f"unknown label {label}")
        return self.frames[-1 - label].label_types

    # Locals

    def local_type(self, index: int) -> ValType:
        """Return the type of local `index`."""
        if index < len(self.locals):
            return self.locals[index]
        if index >= self._run_ends[-1]:
            self.fail(f"unknown local {index}")
        return self._run_types[bisect_right(self._run_ends, index) - 1]

    def item(self, what: str, items: Any, index: int) -> Any:
        """Return `items[index]`; ValidationError "unknown {what} {index}" if there is none."""
        if index >= len(items):
            self.fail(f"unknown {what} {index}")
        return items[index]


def distinct(items: Iterable[tuple[ValType, ...]]) -> list[tuple[ValType, ...]]:
    """Return `items` without repetitions of the same object."""
    return list({id(types): types for types in items}.values())
