"""Blocks, branches, selection.

Values that a branch carries are in normal form, so a label knows nothing of
where they came from.  A `br_table` is a binary tree of comparisons over runs of
equal targets.
"""

from __future__ import annotations

from typing import Any, Final

from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.baseline.frames import Frame
from pywasmjit.codegen.baseline.operands import MASKS, SignedLess, Value
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import ALERTED, LOOK_UP
from pywasmjit.wasm.types import FuncType


def jump_if(c: Context, value: Value, label: t.Label, when: bool) -> None:
    """Jump when the condition on top, already off the compiler's stack, is true (or false)."""
    if value.inverted:
        when = not when
    if value.condition is not None:
        jump_if_less(c, value.condition, label, when)
    elif value.is_bool:
        c.emit(t.JUMP_IF if when else t.JUMP_UNLESS, label)
    else:
        c.emit(t.JUMP_IF_NONZERO if when else t.JUMP_IF_ZERO, label)


def jump_if_less(c: Context, condition: SignedLess, label: t.Label, when: bool) -> None:
    """Jump when left < right, signed, is `when`.

    The unsigned comparison has the answer unless exactly one operand is
    negative; most often one comparison with 2**(N-1) rules that out.
    """
    left, right = condition.left[:2], condition.right[:2]
    half = (MASKS[condition.type] + 1) >> 1
    limit = t.LOAD_CONST, half
    end = t.Label()
    if condition.right[3] < half:  # true if left < right or left is negative
        _test(c, left, "<", right, label if when else end)
        _test(c, left, ">=" if when else "<", limit, label)
    elif condition.left[3] < half:  # true if left < right and right is not negative
        _test(c, left, ">=", right, end if when else label)
        _test(c, right, "<" if when else ">=", limit, label)
    else:
        less = t.Label()
        _test(c, left, "<", right, less)
        _test(c, left, "<", limit, end if when else label)
        _test(c, right, "<" if when else ">=", limit, label)
        c.emit(t.JUMP, end)
        c.emit(t.LABEL, less)
        _test(c, right, "<", limit, label if when else end)
        _test(c, left, ">=" if when else "<", limit, label)
    c.emit(t.LABEL, end)


def _test(c: Context, a: tuple[str, Any], comparison: str, b: tuple[str, Any], target: t.Label) -> None:
    c.emit(*a)
    c.emit(*b)
    c.emit(t.COMPARE, comparison)
    c.emit(t.JUMP_IF, target)


def pop_condition(c: Context) -> Value:
    """Pop an i32 to be tested: a condition as it is, anything else in normal form."""
    value = c.pop()
    if value.condition is None and not value.inverted:
        c.normalise([value])
    return value


def _enter(c: Context, type: FuncType, *, is_loop: bool = False) -> Frame:
    c.normalise_top(len(type.params))
    frame = Frame(type, len(c.stack) - len(type.params), is_loop=is_loop)
    c.frames.append(frame)
    return frame


def block(c: Context, type: FuncType) -> None:
    _enter(c, type)
    c.settle()


def loop(c: Context, type: FuncType) -> None:
    frame = _enter(c, type, is_loop=True)
    c.pop_many(len(type.params))
    for param in type.params:
        c.push_unknown(param)
    c.facts.forget(c.loop_assigns.get(c.position - 1, 0))
    c.emit(t.NOP)  # an exception that arrives at the back edge is looked up here
    c.emit(t.LABEL, frame.label)
    if c.conventions.starting_threads:
        _look_up(c)
    c.settle()


def _look_up(c: Context) -> None:
    """Have a thread that is wanted elsewhere look up before it goes on: see `runtime.functions.SafePoint`."""
    go_on = t.Label()
    c.emit(t.LOAD_GLOBAL, c.refer(ALERTED))
    c.emit(t.JUMP_IF_ZERO, go_on)
    c.emit(t.LOAD_CALLEE, c.refer(LOOK_UP))
    c.emit(t.CALL, 0)
    c.emit(t.POP)
    c.emit(t.LABEL, go_on)


def if_(c: Context, type: FuncType) -> None:
    condition = pop_condition(c)
    frame_label = t.Label()
    if type.params:
        _normalise_below_condition(c, condition, len(type.params))
    jump_if(c, condition, frame_label, False)
    frame = _enter(c, type)
    frame.else_label = frame_label
    frame.else_facts = c.facts.copy()
    c.settle()


def _normalise_below_condition(c: Context, condition: Value, count: int) -> None:
    """Bring the operands below the condition on top into normal form."""
    if condition.condition is None:
        c.normalise_top(count, above=condition)
    else:  # no code of its own yet
        c.normalise_top(count)


def else_(c: Context, _: None) -> None:
    frame = c.frames[-1]
    if not c.unreachable:
        c.normalise_top(len(frame.results))
        c.join_facts(frame)
        frame.targeted = True
        c.emit(t.JUMP, frame.label)
    assert frame.else_label is not None
    c.emit(t.LABEL, frame.else_label)
    frame.else_label = None
    c.facts.known = frame.else_facts
    c.unreachable = False
    c.reset(frame, frame.params)


def end(c: Context, _: None) -> None:
    frame = c.frames[-1]
    if frame.else_label is not None:  # an `if` without `else`: its parameters are its results
        _end_of_then(c, frame)
    elif c.unreachable and (frame.is_loop or not frame.targeted):
        c.frames.pop()
        c.pop_many(len(c.stack) - frame.height)
        if not c.frames:
            return
        c.settle()
        return
    elif not c.unreachable:
        c.normalise_top(len(frame.results))
    c.frames.pop()
    if not c.frames:
        if frame.targeted:
            c.emit(t.LABEL, frame.label)
        c.reset(frame, frame.results)
        emit_return(c, frame.results)
        return
    if frame.targeted and not frame.is_loop:
        if not c.unreachable:
            c.join_facts(frame)
        c.facts.known = frame.facts if frame.facts is not None else {}
        c.emit(t.LABEL, frame.label)
        c.unreachable = False
    c.reset(frame, frame.results)


def _end_of_then(c: Context, frame: Frame) -> None:
    if not c.unreachable:
        c.normalise_top(len(frame.results))
        c.join_facts(frame)
    frame.joined = -1  # the way that skips the arm still joins, at this same instruction
    c.emit(t.LABEL, frame.else_label)
    c.facts.known = frame.else_facts
    c.unreachable = False
    frame.targeted = True


def emit_return(c: Context, results: tuple[object, ...]) -> None:
    """Return the topmost values, which are normal; what lies below them goes with the frame."""
    if not results:
        c.emit(t.RETURN_NONE)
    else:
        if len(results) > 1:
            c.emit(t.TUPLE, len(results))
        c.emit(t.RETURN)


_FEW: Final = 8
"""More values than this are moved or dropped together, as a tuple: a branch is short however many there are."""


def _drop(c: Context, surplus: int, carried: int) -> None:
    """Remove `surplus` values that lie below the `carried` topmost ones."""
    if not surplus:
        return
    if carried == 1 and surplus <= _FEW:
        for _ in range(surplus):
            c.emit(t.SWAP, 2)
            c.emit(t.POP)
        return
    mark = c.slots.scratch_used
    if carried > _FEW:
        slot = c.slots.scratch()
        c.emit(t.TUPLE, carried)
        c.emit(t.STORE_FAST, slot)
        _pop(c, surplus)
        c.emit(t.LOAD_CALLEE, c.support("backwards"))
        c.emit(t.LOAD_FAST, slot)
        c.emit(t.CALL, 1)
        c.emit(t.UNPACK, carried)
    else:
        slots = [c.slots.scratch() for _ in range(carried)]
        for slot in slots:
            c.emit(t.STORE_FAST, slot)
        _pop(c, surplus)
        for slot in reversed(slots):
            c.emit(t.LOAD_FAST, slot)
    c.slots.scratch_used = mark


def _pop(c: Context, count: int) -> None:
    if count > _FEW:
        c.emit(t.TUPLE, count)
        count = 1
    for _ in range(count):
        c.emit(t.POP)


def branch(c: Context, depth: int) -> None:
    """Branch unconditionally; the carried values are on top and normal.  The compiler's stack is left as it is."""
    frame = c.frame(depth)
    if frame is c.frames[0]:
        emit_return(c, frame.results)
        return
    _drop(c, len(c.stack) - len(frame.carried) - frame.height, len(frame.carried))
    if not frame.is_loop:
        c.join_facts(frame)
    frame.targeted = True
    c.emit(t.JUMP, frame.label)


def is_plain(c: Context, frame: Frame) -> bool:
    """Return whether a branch to the frame is a jump and nothing else, given the values now on the stack."""
    return frame is not c.frames[0] and len(c.stack) - len(frame.carried) == frame.height


def br(c: Context, depth: int) -> None:
    c.normalise_top(len(c.frame(depth).carried))
    branch(c, depth)
    c.unreachable = True


def br_if(c: Context, depth: int) -> None:
    frame = c.frame(depth)
    condition = pop_condition(c)
    if frame.carried:
        _normalise_below_condition(c, condition, len(frame.carried))
    if is_plain(c, frame):
        if not frame.is_loop:
            c.join_facts(frame)
        frame.targeted = True
        jump_if(c, condition, frame.label, True)
    else:
        over = t.Label()
        jump_if(c, condition, over, False)
        branch(c, depth)
        c.emit(t.LABEL, over)
    c.settle()


def return_(c: Context, _: None) -> None:
    c.normalise_top(len(c.frames[0].results))
    emit_return(c, c.frames[0].results)
    c.unreachable = True


def unreachable(c: Context, _: None) -> None:
    c.emit(t.LOAD_CALLEE, c.support("trap_unreachable"))
    c.emit(t.CALL, 0)
    c.emit(t.RETURN)
    c.unreachable = True


def br_table(c: Context, immediate: tuple[tuple[int, ...], int]) -> None:
    labels, default = immediate
    c.pop_normal(1)
    slot = c.slots.scratch()
    c.emit(t.STORE_FAST, slot)
    carried = len(c.frame(default).carried)
    if carried:
        c.normalise_top(carried)
    starts, targets = _runs(labels, default)
    _Tree(c, slot, starts, targets).emit()
    c.unreachable = True


def _runs(labels: tuple[int, ...], default: int) -> tuple[list[int], list[int]]:
    """Return where each run of equal targets begins, and its target; the last run, the default's, has no end."""
    starts: list[int] = []
    targets: list[int] = []
    for number, label in enumerate((*labels, default)):
        if not targets or targets[-1] != label:
            starts.append(number)
            targets.append(label)
    return starts, targets


class _Tree:
    """A binary tree of comparisons of the selector with the starts of runs, emitted without recursion.

    A branch that is more than a jump has its code once, behind the tree.
    """

    def __init__(self, c: Context, slot: int, starts: list[int], targets: list[int]) -> None:
        self.c = c
        self.slot = slot
        self.starts = starts
        self.targets = targets
        self.shared: dict[int, t.Label] = {}

    def emit(self) -> None:
        c = self.c
        pending: list[tuple[t.Label | None, int, int]] = [(None, 0, len(self.targets))]
        while pending:
            label, first, last = pending.pop()
            if label is not None:
                c.emit(t.LABEL, label)
            while last - first > 1:
                middle = (first + last) // 2
                upper = t.Label()
                c.emit(t.LOAD_FAST, self.slot)
                c.emit(t.LOAD_CONST, self.starts[middle])
                c.emit(t.COMPARE, ">=")
                frame = c.frame(self.targets[middle])
                if last - middle == 1 and not frame.is_loop and is_plain(c, frame):
                    c.join_facts(frame)
                    frame.targeted = True
                    c.emit(t.JUMP_IF, frame.label)
                else:
                    c.emit(t.JUMP_IF, upper)
                    pending.append((upper, middle, last))
                last = middle
            self.leaf(self.targets[first])
        for depth, label in self.shared.items():
            c.emit(t.LABEL, label)
            branch(c, depth)

    def leaf(self, depth: int) -> None:
        """Branch, or jump to where that is done for all leaves of the same target."""
        c = self.c
        frame = c.frame(depth)
        if frame is c.frames[0] or is_plain(c, frame):
            branch(c, depth)
            return
        label = self.shared.get(depth)
        if label is None:
            label = self.shared[depth] = t.Label()
        c.emit(t.JUMP, label)


def nop(c: Context, _: None) -> None:
    pass


def drop(c: Context, _: None) -> None:
    value = c.pop()
    if value.condition is None:
        c.emit(t.POP)


def _select(c: Context, _: object = None) -> None:
    """Leave the first value where the condition holds: the other one is popped, after a SWAP if need be."""
    condition = pop_condition(c)
    if condition.condition is None:
        c.normalise_top(2, above=condition)
    else:
        c.normalise_top(2)
    b, a = c.pop(), c.pop()
    keep = t.Label()
    jump_if(c, condition, keep, True)
    c.emit(t.SWAP, 2)
    c.emit(t.LABEL, keep)
    c.emit(t.POP)
    result = c.push_result(a.type, [a, b, condition])
    if a.type in MASKS:
        result.bounds = bounds.hull(a.bounds, b.bounds)
        result.wild = a.wild or b.wild
        result.is_bool = a.is_bool and b.is_bool
    result.quiet = a.quiet and b.quiet


EMITTERS: Final[dict[str, Emitter]] = {
    "block": block,
    "loop": loop,
    "if": if_,
    "else": else_,
    "end": end,
    "br": br,
    "br_if": br_if,
    "return": return_,
    "unreachable": unreachable,
    "br_table": br_table,
    "nop": nop,
    "drop": drop,
    "select": _select,
    "select_t": _select,
}
