"""Constant expressions: which instructions they may have, and their type.

Spec: Validation, Constant Expressions.
"""

from __future__ import annotations

from typing import Final

from pywasmjit.errors import ValidationError
from pywasmjit.wasm.context import Context
from pywasmjit.wasm.module import Expr, Instruction
from pywasmjit.wasm.types import FUNCREF, ValType

PLAIN: Final = frozenset(("i32.const", "i64.const", "f32.const", "f64.const", "v128.const"))
EXTENDED: Final = frozenset(("i32.add", "i32.sub", "i32.mul", "i64.add", "i64.sub", "i64.mul"))


def check_const_expr(context: Context, expr: Expr, expected: ValType, offset: int, visible_globals: int) -> None:
    """Check that `expr` is constant and gives one value of type `expected`.

    offset: where the expression is, for the error if it is empty.
    visible_globals: how many globals, from the first, it may read.
    Raises ValidationError.
    """
    stack: list[ValType] = []
    for instruction in expr:
        offset = instruction[0]
        for type in reversed(_params(context, instruction)):
            _pop(stack, type, offset)
        stack.append(_result(context, instruction, visible_globals))
    if len(stack) != 1:
        raise ValidationError(f"type mismatch: expected one {expected}, found {len(stack)} values", offset)
    _pop(stack, expected, offset)


def _pop(stack: list[ValType], expected: ValType, offset: int) -> None:
    if not stack:
        raise ValidationError(f"type mismatch: expected {expected}, found nothing", offset)
    found = stack.pop()
    if found != expected:
        raise ValidationError(f"type mismatch: expected {expected}, found {found}", offset)


def _params(context: Context, instruction: Instruction) -> tuple[ValType, ...]:
    offset, op, _ = instruction
    if op.mnemonic in EXTENDED:
        if "extended-const" not in context.features:
            raise ValidationError(f"constant expression required: {op.mnemonic}", offset)
        assert op.params is not None
        return op.params
    return ()


def _result(context: Context, instruction: Instruction, visible_globals: int) -> ValType:
    """Return the type of the value that an instruction pushes; ValidationError if it is not constant."""
    offset, op, immediate = instruction
    if op.mnemonic in PLAIN or op.mnemonic in EXTENDED:
        assert op.results is not None
        return op.results[0]
    if op.mnemonic == "ref.null":
        null: ValType = immediate
        return null
    if op.mnemonic == "ref.func":
        if immediate >= len(context.function_types):
            raise ValidationError(f"unknown function {immediate}", offset)
        return FUNCREF
    if op.mnemonic == "global.get":
        if immediate >= visible_globals:
            raise ValidationError(f"unknown global {immediate}", offset)
        if context.globals[immediate].mutable:
            raise ValidationError(f"constant expression required: global {immediate} is mutable", offset)
        return context.globals[immediate].content
    raise ValidationError(f"constant expression required: {op.mnemonic}", offset)
