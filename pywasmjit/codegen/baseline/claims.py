"""Code that checks what the compiler claims of integers, for tests and fuzzing.

A bound that is wrong shows only where somebody relies on it, and then as a wrong number somewhere else.  A function
that is compiled with `asserting` raises at the instruction whose claim does not hold.  The checks are part of the code
of the value that they are about, call nothing and leave the stack as it is, so all else is emitted as it would be
without them.
"""

from __future__ import annotations

from typing import Any, Final

from pywasmjit.codegen.baseline.context import Context
from pywasmjit.codegen.baseline.facts import Known
from pywasmjit.codegen.baseline.operands import MASKS, Value
from pywasmjit.codegen.bounds import Bounds
from pywasmjit.codegen.target import operations as t
from pywasmjit.wasm.opcodes import BY_NAME, Op

_LABELS: Final = frozenset(BY_NAME[name] for name in ("loop", "else", "end"))
"""Instructions behind which facts come from other branches as well."""


def check(c: Context, op: Op, before: Known) -> None:
    """Check what the instruction in hand has pushed, and the facts that are new since `before` or come from a label."""
    if c.unreachable or not c.frames:
        return
    top = c.stack[-1] if c.fresh else None
    if top is not None and top.type in MASKS:
        _check_value(c, top)
    for slot, claimed in c.facts.known.items():
        if (op in _LABELS or before.get(slot) != claimed) and (top is None or top.slot != slot):
            c.code.put_back(_checks(c, (t.LOAD_FAST, slot), claimed))
    if op in _LABELS:
        c.settle()


def _check_value(c: Context, value: Value) -> None:
    if value.constant is not None or value.condition is not None or value.inverted or c.code.ends_with(t.COMPARE):
        return  # there are no two ways about it, or it is not what lies on the stack
    if value.slot >= 0 and c.code.ends_with_load(value.slot):  # which stays the last item: others look for it there
        load = c.code.take_tail(len(c.code) - 1)
        c.code.put_back(_checks(c, (t.LOAD_FAST, value.slot), value.bounds))
        c.code.put_back(load)
    else:
        c.code.put_back(_checks(c, (t.COPY, 1), value.bounds))


def _checks(c: Context, push: tuple[str, Any], claimed: Bounds) -> list[t.Item]:
    """Return code that raises unless what is pushed lies within the bounds."""
    items: list[tuple[str, Any]] = []
    for comparison, bound in ((">=", claimed[0]), ("<=", claimed[1])):
        holds = t.Label()
        items += (push, (t.LOAD_CONST, bound), (t.COMPARE, comparison), (t.JUMP_IF, holds))
        items += ((t.LOAD_GLOBAL, c.support("WrongClaim")), (t.RAISE, None), (t.LABEL, holds))
    return [(operation, argument, c.code.line) for operation, argument in items]
