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

from pywasmjit.codegen import assembler
from pywasmjit.codegen.assembler import Element, Outline
from pywasmjit.errors import ResourceLimit

VERSION: Final = sys.version_info[:2]

FORGETS_WITHDRAWN_EXCEPTIONS: Final = VERSION >= (3, 13)
"""Whether an asynchronous exception that is taken back leaves nothing behind; before, CPython looks for it for ever."""

# Operations of the stack code.  The comments give: argument | stack before -> after.
LOAD_FAST: Final = "LOAD_FAST"  # slot | -> value
STORE_FAST: Final = "STORE_FAST"  # slot | value ->
LOAD_CONST: Final = "LOAD_CONST"  # constant | -> value
LOAD_GLOBAL: Final = "LOAD_GLOBAL"  # name | -> value
LOAD_CALLEE: Final = "LOAD_CALLEE"  # name | -> callable and NULL, ready for arguments
MAKE_CALLEE: Final = "MAKE_CALLEE"  # | callable -> callable and NULL, ready for arguments
CALL: Final = "CALL"  # count | callee arguments -> result
LOAD_CELL: Final = "LOAD_CELL"  # index of the free variable | -> value
STORE_CELL: Final = "STORE_CELL"  # index of the free variable | value ->
BINARY: Final = "BINARY"  # operator's text | a b -> a op b
COMPARE: Final = "COMPARE"  # operator's text | a b -> bool
NEGATE: Final = "NEGATE"  # | a -> -a
NOT: Final = "NOT"  # | bool -> not bool
SUBSCRIPT: Final = "SUBSCRIPT"  # | container index -> container[index]
STORE_SUBSCRIPT: Final = "STORE_SUBSCRIPT"  # | value container index ->
POP: Final = "POP"  # | a ->
COPY: Final = "COPY"  # n | pushes the n-th value from the top, 1 is the top
SWAP: Final = "SWAP"  # n | exchanges the top with the n-th value
TUPLE: Final = "TUPLE"  # n | a1 .. an -> (a1, .., an)
UNPACK: Final = "UNPACK"  # n | (a1, .., an) -> an .. a1 (a1 on top)
RETURN: Final = "RETURN"  # | a ->
RETURN_NONE: Final = "RETURN_NONE"  # | ->
RAISE: Final = "RAISE"  # | exception ->
RERAISE: Final = "RERAISE"  # | exception ->
TRY: Final = assembler.TRY  # (handler's Label, depth) | from here on exceptions go there, with the stack cut to `depth`
END_TRY: Final = assembler.END_TRY  # handler's Label
NOP: Final = "NOP"
LABEL: Final = assembler.LABEL  # Label
JUMP: Final = "JUMP"  # Label
JUMP_IF: Final = "JUMP_IF"  # Label | bool ->  (jump when true)
JUMP_UNLESS: Final = "JUMP_UNLESS"  # Label | bool ->  (jump when false)
JUMP_IF_NONZERO: Final = "JUMP_IF_NONZERO"  # Label | int or bool ->
JUMP_IF_ZERO: Final = "JUMP_IF_ZERO"  # Label | int or bool ->
JUMP_IF_NONE: Final = "JUMP_IF_NONE"  # Label | a ->
JUMP_IF_NOT_NONE: Final = "JUMP_IF_NOT_NONE"  # Label | a ->

JUMP_PASSES: Final = 64
"""How often jumps may make each other longer: compilers' code needs about 5, a chain made for it any number."""

Item: TypeAlias = tuple[str, Any, int]
"""(operation, argument, line)."""


class Label:
    """A place in stack code; identity is what counts."""

    __slots__ = ()


_EXACT: Final = 0x10 if VERSION >= (3, 13) else 0
"""From 3.13 a conditional jump takes True and False only, and a comparison promises that only if asked to."""

_SHIFT: Final = 0 if VERSION == (3, 11) else 4 if VERSION == (3, 12) else 5

_OUTCOMES: Final = {"<": 2, "<=": 10, "==": 8, "!=": 7, ">": 4, ">=": 12}
"""From 3.12 a comparison says for which outcomes it holds, bit by bit: unordered, less, greater, equal."""

_COMPARISONS: Final = {
    operator: number << _SHIFT | (outcomes | _EXACT if _SHIFT else 0)
    for number, (operator, outcomes) in enumerate(_OUTCOMES.items())
}

INVERSE: Final = {"<": ">=", "<=": ">", "==": "!=", "!=": "==", ">": "<=", ">=": "<"}
"""The comparison of integers that holds exactly when the other does not."""

# Stack effect of each operation; those of CALL, TUPLE and UNPACK depend on the argument.
_EFFECTS: Final = {
    LOAD_FAST: 1,
    STORE_FAST: -1,
    LOAD_CONST: 1,
    LOAD_GLOBAL: 1,
    LOAD_CALLEE: 2,
    MAKE_CALLEE: 1,
    LOAD_CELL: 1,
    STORE_CELL: -1,
    BINARY: -1,
    COMPARE: -1,
    NEGATE: 0,
    NOT: 0,
    SUBSCRIPT: -1,
    STORE_SUBSCRIPT: -3,
    POP: -1,
    COPY: 1,
    SWAP: 0,
    RETURN: -1,
    RETURN_NONE: 0,
    RAISE: -1,
    RERAISE: -1,
    END_TRY: 0,
    NOP: 0,
}

_JUMP_EFFECTS: Final = {
    JUMP: 0,
    JUMP_IF: -1,
    JUMP_UNLESS: -1,
    JUMP_IF_NONZERO: -1,
    JUMP_IF_ZERO: -1,
    JUMP_IF_NONE: -1,
    JUMP_IF_NOT_NONE: -1,
}

_ENDS: Final = frozenset({JUMP, RETURN, RETURN_NONE, RAISE, RERAISE})


def stack_size(items: list[Item]) -> int:
    """Return the deepest stack of `items`, with two slots to spare for call sequences and exceptions.

    Relies on what our compilers guarantee: a label after an unconditional jump
    was the target of an earlier, forward jump.
    """
    depth = deepest = 0
    at: dict[Label, int] = {}
    reachable = True
    for operation, argument, _ in items:
        if operation is LABEL:
            depth = at.get(argument, depth) if reachable else at[argument]
            reachable = True
            continue
        if operation in _JUMP_EFFECTS:
            if operation in (JUMP_IF_NONZERO, JUMP_IF_ZERO):
                deepest = max(deepest, depth)
            depth += _JUMP_EFFECTS[operation]
            at[argument] = depth
        elif operation is TRY:
            at[argument[0]] = argument[1] + 1
        elif operation is CALL:
            depth -= argument + 1
        elif operation is TUPLE:
            depth -= argument - 1
        elif operation is UNPACK:
            depth += argument - 1
        else:
            depth += _EFFECTS[operation]
        if depth > deepest:
            deepest = depth
        if operation in _ENDS:
            reachable = False
    return deepest + 2


# --------------------------------------------------------------------------- translation to instructions


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
            elif operation in _JUMP_EFFECTS:
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
    from pywasmjit.codegen import packaged

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
