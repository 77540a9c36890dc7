"""The one file that knows the differences between CPython versions.

The compilers write a small stack code of their own: tuples (operation,
argument, line).  `assemble` turns such a list into a code object for the
running CPython, through the `bytecode` package.  Everything that differs
between 3.11, 3.12 and 3.13 (call sequences, conditional jumps, truth tests,
superinstructions) is decided here.

Rules that keep CPython from crashing, whoever the compiler is:

* `Bytecode.to_code` is called in one place, with the stack size given and the
  depths of handlers not recomputed.
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
from types import CodeType
from typing import Any, Final, TypeAlias

from bytecode import BinaryOp, Bytecode, Compare, CompilerFlags, Instr, SetLineno
from bytecode import Label as BytecodeLabel
from bytecode.instr import FreeVar, TryBegin, TryEnd

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
TRY: Final = "TRY"  # (handler's Label, depth) | from here on exceptions go there, with the stack cut to `depth`
END_TRY: Final = "END_TRY"  # handler's Label
NOP: Final = "NOP"
LABEL: Final = "LABEL"  # Label
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


_OPERATORS: Final = {
    "+": BinaryOp.ADD,
    "-": BinaryOp.SUBTRACT,
    "*": BinaryOp.MULTIPLY,
    "/": BinaryOp.TRUE_DIVIDE,
    "//": BinaryOp.FLOOR_DIVIDE,
    "%": BinaryOp.REMAINDER,
    "&": BinaryOp.AND,
    "|": BinaryOp.OR,
    "^": BinaryOp.XOR,
    "<<": BinaryOp.LSHIFT,
    ">>": BinaryOp.RSHIFT,
}

_EXACT: Final = "_CAST" if VERSION >= (3, 13) else ""
"""From 3.13 a conditional jump takes True and False only, and a comparison promises that only if asked to."""

_COMPARISONS: Final = {
    "<": Compare["LT" + _EXACT],
    "<=": Compare["LE" + _EXACT],
    "==": Compare["EQ" + _EXACT],
    "!=": Compare["NE" + _EXACT],
    ">": Compare["GT" + _EXACT],
    ">=": Compare["GE" + _EXACT],
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


def _fixed_instructions() -> dict[str, tuple[Instr, ...]]:
    """Return the instructions of the operations that have no argument."""
    return {
        NEGATE: (Instr("UNARY_NEGATIVE"),),
        NOT: (Instr("UNARY_NOT"),),
        SUBSCRIPT: (Instr("BINARY_SUBSCR"),) if VERSION < (3, 14) else (Instr("BINARY_OP", BinaryOp["SUBSCR"]),),
        STORE_SUBSCRIPT: (Instr("STORE_SUBSCR"),),
        POP: (Instr("POP_TOP"),),
        RETURN: (Instr("RETURN_VALUE"),),
        RETURN_NONE: (Instr("RETURN_CONST", None),)
        if VERSION in ((3, 12), (3, 13))
        else (Instr("LOAD_CONST", None), Instr("RETURN_VALUE")),
        RAISE: (Instr("RAISE_VARARGS", 1),),
        RERAISE: (Instr("RERAISE", 0),),
        NOP: (Instr("NOP"),),
        MAKE_CALLEE: (Instr("PUSH_NULL"),) if VERSION >= (3, 13) else (Instr("PUSH_NULL"), Instr("SWAP", 2)),
    }


def _call(count: int) -> tuple[Instr, ...]:
    if VERSION == (3, 11):
        return Instr("PRECALL", count), Instr("CALL", count)
    return (Instr("CALL", count),)


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

_Element: TypeAlias = "Instr | BytecodeLabel | SetLineno | TryBegin | TryEnd"


class _Translator:
    """Turn stack code into the elements of a `Bytecode`; shares equal instructions."""

    def __init__(self, slots: list[str], cells: tuple[str, ...]) -> None:
        self.slots = slots
        self.cells = cells
        self.elements: list[_Element] = []
        self.labels: dict[Label, BytecodeLabel] = {}
        self.tries: dict[Label, TryBegin] = {}
        self.placed: set[Label] = set()
        self.instructions: dict[tuple[str, Any], tuple[Instr, ...]] = {}

    def label(self, label: Label) -> BytecodeLabel:
        found = self.labels.get(label)
        if found is None:
            found = self.labels[label] = BytecodeLabel()
        return found

    def translate(self, items: list[Item]) -> None:
        elements = self.elements
        line = -1
        for operation, argument, place in items:
            if place != line:
                line = place
                elements.append(SetLineno(line))
            if operation is LABEL:
                self.placed.add(argument)
                elements.append(self.label(argument))
            elif operation in _JUMP_EFFECTS:
                self.jump(operation, argument)
            elif operation is TRY:
                handler, depth = argument
                self.tries[handler] = TryBegin(self.label(handler), push_lasti=False, stack_depth=depth)
                elements.append(self.tries[handler])
            elif operation is END_TRY:
                elements.append(TryEnd(self.tries[argument]))
            elif operation is LOAD_CONST:  # not shared: 1, True and 1.0 are equal keys
                elements.append(Instr("LOAD_CONST", argument))
            else:
                key = (operation, argument)
                known = self.instructions.get(key)
                if known is None:
                    known = self.instructions[key] = self.make(operation, argument)
                elements.extend(known)

    def make(self, operation: str, argument: Any) -> tuple[Instr, ...]:
        """Return the instructions of an operation other than labels, jumps and constants."""
        fixed = _FIXED.get(operation)
        return fixed if fixed is not None else _MAKERS[operation](self, argument)

    def jump(self, operation: str, target: Label) -> None:
        backward = target in self.placed
        if operation is JUMP:
            name = "JUMP_BACKWARD" if backward else "JUMP_FORWARD"
            self.elements.append(Instr(name, self.label(target)))
            return
        if VERSION >= (3, 13) and operation in (JUMP_IF_NONZERO, JUMP_IF_ZERO):
            self.elements.append(Instr("TO_BOOL"))
        if VERSION == (3, 11):
            name = _JUMP_NAMES[operation].format("BACKWARD_" if backward else "FORWARD_")
            self.elements.append(Instr(name, self.label(target)))
        elif not backward:
            self.elements.append(Instr(_JUMP_NAMES[operation].format(""), self.label(target)))
        else:  # conditional jumps go forward only
            over = BytecodeLabel()
            self.elements.append(Instr(_JUMP_NAMES[_OPPOSITE[operation]].format(""), over))
            self.elements.append(Instr("JUMP_BACKWARD", self.label(target)))
            self.elements.append(over)


_MAKERS: Final[dict[str, Callable[[_Translator, Any], tuple[Instr, ...]]]] = {
    LOAD_FAST: lambda t, slot: (Instr("LOAD_FAST", t.slots[slot]),),
    STORE_FAST: lambda t, slot: (Instr("STORE_FAST", t.slots[slot]),),
    LOAD_GLOBAL: lambda _, name: (Instr("LOAD_GLOBAL", (False, name)),),
    LOAD_CALLEE: lambda _, name: (Instr("LOAD_GLOBAL", (True, name)),),
    CALL: lambda _, count: _call(count),
    LOAD_CELL: lambda t, index: (Instr("LOAD_DEREF", FreeVar(t.cells[index])),),
    STORE_CELL: lambda t, index: (Instr("STORE_DEREF", FreeVar(t.cells[index])),),
    BINARY: lambda _, operator: (Instr("BINARY_OP", _OPERATORS[operator]),),
    COMPARE: lambda _, operator: (Instr("COMPARE_OP", _COMPARISONS[operator]),),
    COPY: lambda _, n: (Instr("COPY", n),),
    SWAP: lambda _, n: (Instr("SWAP", n),),
    TUPLE: lambda _, n: (Instr("BUILD_TUPLE", n),),
    UNPACK: lambda _, n: (Instr("UNPACK_SEQUENCE", n),),
}


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
) -> CodeType:
    """Return the code object of `items`.

    slots: distinct names of the fast locals, the `parameters` first.
    cells: names of the free variables, which must be those of the function's closure.
    Cost: 3-4 µs an instruction.  Raises ResourceLimit for jumps whose sizes do not settle soon.
    """
    translator = _Translator(slots, cells)
    translator.translate(items)
    code = Bytecode()
    code.name = name
    code.qualname = qualname
    code.filename = filename
    code.first_lineno = first_line
    code.argcount = parameters
    code.argnames = slots[:parameters]
    code.freevars = list(cells)
    code.flags = CompilerFlags.OPTIMIZED | CompilerFlags.NEWLOCALS | (CompilerFlags.NESTED if cells else 0)
    if cells:  # even if none is used: reading `f_locals` of a frame follows them all
        code.append(Instr("COPY_FREE_VARS", len(cells), lineno=first_line))
    code.append(Instr("RESUME", 0, lineno=first_line))
    code.extend(_pair_moves(translator.elements, slots[:parameters]) if VERSION >= (3, 13) else translator.elements)
    stacksize = stack_size(items)
    try:
        return code.to_code(compute_jumps_passes=JUMP_PASSES, stacksize=stacksize, compute_exception_stack_depths=False)
    except RuntimeError as error:
        if isinstance(error, RecursionError):
            raise
        raise ResourceLimit("jump_passes", JUMP_PASSES, name) from None


_PAIRS: Final = {
    ("LOAD_FAST", "LOAD_FAST"): "LOAD_FAST_LOAD_FAST",
    ("STORE_FAST", "LOAD_FAST"): "STORE_FAST_LOAD_FAST",
    ("STORE_FAST", "STORE_FAST"): "STORE_FAST_STORE_FAST",
}


def _pair_moves(elements: list[_Element], parameters: list[str]) -> list[_Element]:
    """Return `elements` with neighbouring moves of one line joined; CPython does this for its own code only.

    The joined forms hold two slots of four bits: only the first 16 names that appear in them take part.
    """
    low = set(parameters)
    if len(low) > 16:
        return elements
    joined: list[_Element] = []
    for element in elements:
        last = joined[-1] if joined else None
        if isinstance(element, Instr) and isinstance(last, Instr):
            pair = _PAIRS.get((last.name, element.name))
            if pair is not None:
                slots = str(last.arg), str(element.arg)
                if len(low.union(slots)) <= 16:
                    low.update(slots)
                    joined[-1] = Instr(pair, slots)
                    continue
        joined.append(element)
    return joined
