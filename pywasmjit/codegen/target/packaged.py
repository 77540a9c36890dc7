"""The same as `assembler`, by the package `bytecode`.

Slower by far, but it knows the versions of CPython that it is made for, the coming ones included: it serves where the
writer's tables are not known to be right, and tests compare the writer with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any, Final

from bytecode import BinaryOp, Bytecode, Compare, CompilerFlags, Instr, Label, SetLineno
from bytecode.instr import FreeVar, TryBegin, TryEnd

from pywasmjit.codegen.target.assembler import END_TRY, LABEL, TRY, Element, Outline, TooManyPasses

_OPERATORS: Final[dict[str, BinaryOp]] = {
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
if "SUBSCR" in BinaryOp.__members__:
    _OPERATORS["[]"] = BinaryOp["SUBSCR"]

_EXACT: Final = "_CAST" if "LT_CAST" in Compare.__members__ else ""
"""Where a conditional jump takes True and False only, a comparison promises that only if asked to."""

_COMPARISONS: Final = {
    "<": Compare["LT" + _EXACT],
    "<=": Compare["LE" + _EXACT],
    "==": Compare["EQ" + _EXACT],
    "!=": Compare["NE" + _EXACT],
    ">": Compare["GT" + _EXACT],
    ">=": Compare["GE" + _EXACT],
}

_ARGUMENTS: Final[dict[str, Callable[[Any], Any]]] = {
    "BINARY_OP": lambda operator: _OPERATORS[operator],
    "COMPARE_OP": lambda operator: _COMPARISONS[operator],
    "LOAD_DEREF": FreeVar,
    "STORE_DEREF": FreeVar,
}


def assemble(elements: Iterable[Element], outline: Outline, passes: int) -> CodeType:
    """Return the code object; TooManyPasses if jumps made each other longer more often than `passes` times."""
    code = Bytecode()
    code.name = outline.name
    code.qualname = outline.qualname
    code.filename = outline.filename
    code.first_lineno = outline.first_line
    code.argcount = len(outline.parameters)
    code.argnames = list(outline.parameters)
    code.freevars = list(outline.cells)
    code.flags = CompilerFlags.OPTIMIZED | CompilerFlags.NEWLOCALS
    if outline.cells:
        code.flags |= CompilerFlags.NESTED
    _translate(elements, code)
    try:
        return code.to_code(
            compute_jumps_passes=passes, stacksize=outline.stack_size, compute_exception_stack_depths=False
        )
    except RuntimeError as error:
        if isinstance(error, RecursionError):
            raise
        raise TooManyPasses from None


def _translate(elements: Iterable[Element], code: Bytecode) -> None:
    """Add the elements as the package has them."""
    labels: dict[Any, Label] = {}
    begun: TryBegin | None = None
    last = -1
    for name, argument, line in elements:
        if line != last:
            last = line
            code.append(SetLineno(line))
        if name == LABEL:
            code.append(labels.setdefault(argument, Label()))
        elif name == TRY:
            handler, depth = argument
            begun = TryBegin(labels.setdefault(handler, Label()), push_lasti=False, stack_depth=depth)
            code.append(begun)
        elif name == END_TRY:
            assert begun is not None
            code.append(TryEnd(begun))
        elif "JUMP" in name:
            code.append(Instr(name, labels.setdefault(argument, Label())))
        elif argument is None and name not in ("LOAD_CONST", "RETURN_CONST"):
            code.append(Instr(name))
        else:
            code.append(Instr(name, _ARGUMENTS[name](argument) if name in _ARGUMENTS else argument))
