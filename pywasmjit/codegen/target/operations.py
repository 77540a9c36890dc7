"""The stack code that compilers write: tuples (operation, argument, line), which know no version of CPython.

Names, constants and locals are given by value; indices are the assembler's.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from pywasmjit.codegen.target import assembler

Item: TypeAlias = tuple[str, Any, int]
"""(operation, argument, line)."""


class Label:
    """A place in stack code; identity is what counts."""

    __slots__ = ()


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

JUMP_EFFECTS: Final = {
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
        if operation in JUMP_EFFECTS:
            if operation in (JUMP_IF_NONZERO, JUMP_IF_ZERO):
                deepest = max(deepest, depth)
            depth += JUMP_EFFECTS[operation]
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
