"""The one file that knows the differences between CPython versions.

The compilers write a small stack code of their own: tuples (operation,
argument, line).  `assemble` turns such a list into a code object for the
running CPython, through `assembler`, or by the package `bytecode` for a CPython
that it does not know.  Everything that differs between 3.11, 3.12 and 3.13 (call
sequences, conditional jumps, truth tests, superinstructions) is decided here.

Rules that keep CPython from crashing, whoever the compiler is:

* Stack sizes and the depths of handlers are given, never computed from code:
  `Bytecode.to_code` is called in one place (`packaged`) and told not to.
* A backward jump's target is preceded by a NOP: on 3.11 and 3.12 an exception
  that arrives during the jump is looked up at the instruction laid out before
  the target.  Compilers emit it; the verifier insists on it where a handler is
  in reach.
* A function with free variables begins with COPY_FREE_VARS, whether it uses them
  or not: CPython reads every cell of a frame when somebody asks for its locals.
* Names, constants and locals are given by value; indices are the assembler's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import CodeType
from typing import Any, Final, TypeAlias

from pywasmjit.codegen.target import assembler
from pywasmjit.codegen.target.assembler import Element, Outline
from pywasmjit.codegen.target.operations import (
    BINARY,
    CALL,
    COMPARE,
    COPY,
    END_TRY,
    JUMP,
    JUMP_EFFECTS,
    JUMP_IF,
    JUMP_IF_NONE,
    JUMP_IF_NONZERO,
    JUMP_IF_NOT_NONE,
    JUMP_IF_ZERO,
    JUMP_UNLESS,
    LABEL,
    LOAD_CALLEE,
    LOAD_CELL,
    LOAD_CONST,
    LOAD_FAST,
    LOAD_GLOBAL,
    MAKE_CALLEE,
    NEGATE,
    NOP,
    NOT,
    POP,
    RAISE,
    RERAISE,
    RETURN,
    RETURN_NONE,
    STORE_CELL,
    STORE_FAST,
    STORE_SUBSCRIPT,
    SUBSCRIPT,
    SWAP,
    TRY,
    TUPLE,
    UNPACK,
    Item,
    Label,
    stack_size,
)
from pywasmjit.errors import ResourceLimit

VERSION: Final = sys.version_info[:2]

FORGETS_WITHDRAWN_EXCEPTIONS: Final = VERSION >= (3, 13)
"""Whether an asynchronous exception that is taken back leaves nothing behind; before, CPython looks for it for ever."""

JUMP_PASSES: Final = 64
"""How often jumps may make each other longer: compilers' code needs about 5, a chain made for it any number."""

_EXACT: Final = 0x10 if VERSION >= (3, 13) else 0
"""From 3.13 a conditional jump takes True and False only, and a comparison promises that only if asked to."""

_SHIFT: Final = 0 if VERSION == (3, 11) else 4 if VERSION == (3, 12) else 5

_OUTCOMES: Final = {"<": 2, "<=": 10, "==": 8, "!=": 7, ">": 4, ">=": 12}
"""From 3.12 a comparison says for which outcomes it holds, bit by bit: unordered, less, greater, equal."""

_COMPARISONS: Final = {
    operator: number << _SHIFT | (outcomes | _EXACT if _SHIFT else 0)
    for number, (operator, outcomes) in enumerate(_OUTCOMES.items())
}

_Instruction: TypeAlias = tuple[str, Any]
"""CPython's name, and the argument as `assembler` takes it."""


def _fixed_instructions() -> dict[str, tuple[_Instruction, ...]]:
    """Return the instructions of the operations that have no argument."""
    return {
        NEGATE: (("UNARY_NEGATIVE", None),),
        NOT: (("UNARY_NOT", None),),
        SUBSCRIPT: (("BINARY_SUBSCR", None),) if VERSION < (3, 14) else (("BINARY_OP", "[]"),),
        STORE_SUBSCRIPT: (("STORE_SUBSCR", None),),
        POP: (("POP_TOP", None),),
        RETURN: (("RETURN_VALUE", None),),
        RETURN_NONE: (("RETURN_CONST", None),)
        if VERSION in ((3, 12), (3, 13))
        else (("LOAD_CONST", None), ("RETURN_VALUE", None)),
        RAISE: (("RAISE_VARARGS", 1),),
        RERAISE: (("RERAISE", 0),),
        NOP: (("NOP", None),),
        MAKE_CALLEE: (("PUSH_NULL", None),) if VERSION >= (3, 13) else (("PUSH_NULL", None), ("SWAP", 2)),
    }


def _call(count: int) -> tuple[_Instruction, ...]:
    if VERSION == (3, 11):
        return ("PRECALL", count), ("CALL", count)
    return (("CALL", count),)


_FIXED: Final = _fixed_instructions()

_JUMP_NAMES: Final = {
    JUMP_IF: "POP_JUMP_{}IF_TRUE",
    JUMP_UNLESS: "POP_JUMP_{}IF_FALSE",
    JUMP_IF_NONZERO: "POP_JUMP_{}IF_TRUE",
    JUMP_IF_ZERO: "POP_JUMP_{}IF_FALSE",
    JUMP_IF_NONE: "POP_JUMP_{}IF_NONE",
    JUMP_IF_NOT_NONE: "POP_JUMP_{}IF_NOT_NONE",
}

_OPPOSITE: Final = {
    JUMP_IF: JUMP_UNLESS,
    JUMP_UNLESS: JUMP_IF,
    JUMP_IF_NONZERO: JUMP_IF_ZERO,
    JUMP_IF_ZERO: JUMP_IF_NONZERO,
    JUMP_IF_NONE: JUMP_IF_NOT_NONE,
    JUMP_IF_NOT_NONE: JUMP_IF_NONE,
}


class _Translator:
    """Turn stack code into the elements that `assembler` takes."""

    def __init__(self, slots: list[str], cells: tuple[str, ...]) -> None:
        self.slots = slots
        self.cells = cells
        self.elements: list[Element] = []
        self.placed: set[Label] = set()

    def translate(self, items: list[Item]) -> None:
        elements = self.elements
        for operation, argument, line in items:
            if operation is LABEL:
                self.placed.add(argument)
                elements.append((LABEL, argument, line))
            elif operation in JUMP_EFFECTS:
                self.jump(operation, argument, line)
            elif operation is LOAD_CONST or operation is END_TRY:
                elements.append((operation, argument, line))
            elif operation is TRY:
                # A range begins behind the EXTENDED_ARGs of its first instruction: in the middle of one, if it has any.
                elements += ((operation, argument, line), ("NOP", None, line))
            elif operation is LOAD_FAST or operation is STORE_FAST:
                elements.append((operation, self.slots[argument], line))
            else:
                fixed = _FIXED.get(operation)
                for name, value in fixed if fixed is not None else _MAKERS[operation](self, argument):
                    elements.append((name, value, line))

    def jump(self, operation: str, target: Label, line: int) -> None:
        backward = target in self.placed
        append = self.elements.append
        if operation is JUMP:
            append(("JUMP_BACKWARD" if backward else "JUMP_FORWARD", target, line))
            return
        if VERSION >= (3, 13) and operation in (JUMP_IF_NONZERO, JUMP_IF_ZERO):
            append(("TO_BOOL", None, line))
        if VERSION == (3, 11):
            append((_JUMP_NAMES[operation].format("BACKWARD_" if backward else "FORWARD_"), target, line))
        elif not backward:
            append((_JUMP_NAMES[operation].format(""), target, line))
        else:  # conditional jumps go forward only
            over = Label()
            append((_JUMP_NAMES[_OPPOSITE[operation]].format(""), over, line))
            append(("JUMP_BACKWARD", target, line))
            append((LABEL, over, line))


_MAKERS: Final[dict[str, Callable[[_Translator, Any], tuple[_Instruction, ...]]]] = {
    LOAD_GLOBAL: lambda _, name: (("LOAD_GLOBAL", (False, name)),),
    LOAD_CALLEE: lambda _, name: (("LOAD_GLOBAL", (True, name)),),
    CALL: lambda _, count: _call(count),
    LOAD_CELL: lambda t, index: (("LOAD_DEREF", t.cells[index]),),
    STORE_CELL: lambda t, index: (("STORE_DEREF", t.cells[index]),),
    BINARY: lambda _, operator: (("BINARY_OP", operator),),
    COMPARE: lambda _, operator: (("COMPARE_OP", operator),),
    COPY: lambda _, n: (("COPY", n),),
    SWAP: lambda _, n: (("SWAP", n),),
    TUPLE: lambda _, n: (("BUILD_TUPLE", n),),
    UNPACK: lambda _, n: (("UNPACK_SEQUENCE", n),),
}


Assembler: TypeAlias = Callable[[list[Element], Outline, int], CodeType]

by_writer: Final[Assembler] = partial(assembler.assemble, comparisons=_COMPARISONS)

if VERSION in ((3, 11), (3, 12), (3, 13)):
    _ASSEMBLER = by_writer
else:  # not known to be right there
    from pywasmjit.codegen.target import packaged

    _ASSEMBLER = packaged.assemble


def assemble(
    items: list[Item],
    *,
    name: str,
    qualname: str,
    filename: str,
    parameters: int,
    slots: list[str],
    cells: tuple[str, ...] = (),
    first_line: int = 1,
    by: Assembler | None = None,
) -> CodeType:
    """Return the code object of `items`.

    slots: distinct names of the fast locals, the `parameters` first.
    cells: names of the free variables, which must be those of the function's closure.
    by: what writes the instructions, by default whatever is best for this CPython.
    Cost: 1 µs an instruction.  Raises ResourceLimit for jumps whose sizes do not settle soon.
    """
    translator = _Translator(slots, cells)
    if cells:  # even if none is used: reading `f_locals` of a frame follows them all
        translator.elements.append(("COPY_FREE_VARS", len(cells), first_line))
    translator.elements.append(("RESUME", 0, first_line))
    translator.translate(items)
    elements = translator.elements
    if VERSION >= (3, 13):
        elements = _pair_moves(elements, slots[:parameters])
    outline = Outline(name, qualname, filename, slots[:parameters], cells, first_line, stack_size(items))
    try:
        return (by or _ASSEMBLER)(elements, outline, JUMP_PASSES)
    except assembler.TooManyPasses:
        raise ResourceLimit("jump_passes", JUMP_PASSES, name) from None


_PAIRS: Final = {
    ("LOAD_FAST", "LOAD_FAST"): "LOAD_FAST_LOAD_FAST",
    ("STORE_FAST", "LOAD_FAST"): "STORE_FAST_LOAD_FAST",
    ("STORE_FAST", "STORE_FAST"): "STORE_FAST_STORE_FAST",
}


def _pair_moves(elements: list[Element], parameters: list[str]) -> list[Element]:
    """Return `elements` with neighbouring moves of one line joined; CPython does this for its own code only.

    The joined forms hold two slots of four bits: only the first 16 names that appear in them take part.
    """
    low = set(parameters)
    if len(low) > 16:
        return elements
    joined: list[Element] = []
    last: Element = ("", None, 0)
    for element in elements:
        pair = _PAIRS.get((last[0], element[0]))
        if pair is not None and last[2] == element[2]:
            slots = last[1], element[1]
            if len(low.union(slots)) <= 16:
                low.update(slots)
                joined[-1] = last = pair, slots, element[2]
                continue
        joined.append(element)
        last = element
    return joined
