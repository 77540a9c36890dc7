"""The effects of the instructions that touch more than plain values, one small function each.

A rule gets the walk, the instruction's unit, its argument and the state before it,
checks what must hold, and returns the state after it.  What it pops it pops by
`Walk.take`, which guards the slots promised to handlers.
"""

from __future__ import annotations

from collections.abc import Callable

from pywasmjit.codegen.verifier import facts
from pywasmjit.codegen.verifier.state import BOOL, EXC, ITER, LASTI, MAYBE, NULL, SAVED, State, Walk

Rule = Callable[[Walk, int, int, int, int, int], State]

RULES: dict[int, Rule] = {}


def _rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for the named opcodes, as far as this version of CPython has them."""

    def register(rule: Rule) -> Rule:
        RULES.update({facts.OPCODES[name]: rule for name in names if name in facts.OPCODES})
        return rule

    return register


def _push(kind: int, depth: int, kinds: int) -> int:
    return kinds | kind << 4 * depth


def _kind(walk: Walk, unit: int, depth: int, kinds: int, place: int) -> int:
    """Return the kind of the slot `place` below the top, 1 being the top."""
    if not 0 < place <= depth:
        raise walk.fail("stack-underflow", f"slot {place} from the top, {depth} on the stack", unit)
    kind: int = kinds >> 4 * (depth - place) & 15
    return kind


def read_local(walk: Walk, unit: int, index: int, missing: int) -> None:
    """Check that a local exists and is set."""
    if index >= walk.locals:
        raise walk.fail("local-index", f"local {index} of {walk.locals}", unit)
    if missing and missing & walk.bits[index]:
        raise walk.fail("unset-local", f"local {index} may be unset", unit)


def write_local(walk: Walk, unit: int, index: int, missing: int) -> int:
    """Check that a local exists and return the locals still missing once it is set."""
    if index >= walk.locals:
        raise walk.fail("local-index", f"local {index} of {walk.locals}", unit)
    bit: int = walk.bits[index]
    return missing & ~bit


def check_name(walk: Walk, unit: int, index: int) -> str:
    """Check an index of a name and return the name."""
    if index >= len(walk.names):
        raise walk.fail("name-index", f"name {index} of {len(walk.names)}", unit)
    return walk.names[index]


def jump_target(walk: Walk, unit: int, arg: int) -> int:
    """Return where a forward jump leads."""
    size: int = facts.ROWS[walk.opcodes[unit]][3]
    return unit + size + arg


# Calls.


@_rule("PUSH_NULL")
def push_null(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    return depth + 1, _push(NULL, depth, kinds), missing


@_rule("LOAD_GLOBAL")
def load_global(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    name = check_name(walk, unit, arg >> 1)
    if walk.names_allowed is not None and name not in walk.names_allowed:
        raise walk.fail("global", f"the global {name!r} is not provided", unit)
    if not arg & 1:
        return depth + 1, kinds, missing
    return depth + 2, _push(NULL, depth + facts.NULL_ABOVE_CALLABLE, kinds), missing


@_rule("CALL", "PRECALL")
def call(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    if facts.PAIRED_CALLS and arg < 256:
        follower = unit + 1 + facts.CACHES["PRECALL"]
        if walk.opcodes[follower] != facts.OPCODES["CALL"] or walk.arguments[follower] != arg:
            raise walk.fail("call", f"PRECALL {arg} without its CALL behind", unit)
    bottom = depth - arg - 2
    if bottom >= 0:
        shift = 4 * (bottom + facts.NULL_ABOVE_CALLABLE)
        kind = kinds >> shift & 15
        if kind not in (NULL, MAYBE):
            raise walk.fail("call", f"a call with {arg} arguments finds no empty slot", unit)
        kinds ^= kind << shift
    return bottom + 1, walk.take(unit, depth, kinds, arg + 2), missing


@_rule("LOAD_METHOD")
def load_method(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    check_name(walk, unit, arg)
    return depth + 1, _push(MAYBE, depth - 1, walk.take(unit, depth, kinds, 1)), missing


@_rule("LOAD_ATTR")
def load_attribute(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    check_name(walk, unit, arg >> facts.ATTRIBUTE_SHIFT)
    kinds = walk.take(unit, depth, kinds, 1)
    if not arg & facts.ATTRIBUTE_SHIFT:
        return depth, kinds, missing
    return depth + 1, _push(MAYBE, depth - 1 + facts.NULL_ABOVE_CALLABLE, kinds), missing


# Moves.


@_rule("COPY")
def copy(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    kind = _kind(walk, unit, depth, kinds, arg)
    if kind in (NULL, MAYBE):
        raise walk.fail("null", "an empty slot is copied", unit)
    return depth + 1, _push(kind, depth, kinds), missing


@_rule("SWAP")
def swap(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    if arg < 2:
        raise walk.fail("argument", f"SWAP {arg}", unit)
    low, high = _kind(walk, unit, depth, kinds, arg), _kind(walk, unit, depth, kinds, 1)
    if depth - arg < walk.level and walk.entry_at(unit) is walk.entry_at(unit + 1):  # it cannot raise, the next one can
        raise walk.fail("handler-depth", f"moves below the depth {walk.level} kept for a handler", unit)
    change = low ^ high
    return depth, kinds ^ (change << 4 * (depth - arg) | change << 4 * (depth - 1)), missing


@_rule("LOAD_FAST_CHECK")
def load_fast_check(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    return depth + 1, kinds, write_local(walk, unit, arg, missing)  # where control goes on, the local is set


@_rule("LOAD_FAST_LOAD_FAST")
def load_fast_load_fast(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    read_local(walk, unit, arg >> 4, missing)
    read_local(walk, unit, arg & 15, missing)
    return depth + 2, kinds, missing


@_rule("STORE_FAST_LOAD_FAST")
def store_fast_load_fast(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    missing = write_local(walk, unit, arg >> 4, missing)
    read_local(walk, unit, arg & 15, missing)
    return depth, walk.take(unit, depth, kinds, 1), missing


@_rule("STORE_FAST_STORE_FAST")
def store_fast_store_fast(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    missing = write_local(walk, unit, arg & 15, write_local(walk, unit, arg >> 4, missing))
    return depth - 2, walk.take(unit, depth, kinds, 2), missing


def _check_cell(walk: Walk, unit: int, index: int) -> None:
    if not walk.locals <= index < walk.slots:
        raise walk.fail("free-index", f"slot {index} is not one of {walk.slots - walk.locals} free variables", unit)


@_rule("LOAD_DEREF")
def load_deref(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    _check_cell(walk, unit, arg)
    return depth + 1, kinds, missing


@_rule("STORE_DEREF")
def store_deref(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    _check_cell(walk, unit, arg)
    return depth - 1, walk.take(unit, depth, kinds, 1), missing


# Values.


@_rule("LOAD_SMALL_INT")
def load_small_int(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    return depth + 1, kinds, missing


@_rule("BUILD_TUPLE", "BUILD_LIST")
def build(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    return depth - arg + 1, walk.take(unit, depth, kinds, arg), missing


@_rule("BUILD_SLICE")
def build_slice(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    if arg not in (2, 3):
        raise walk.fail("argument", f"BUILD_SLICE {arg}", unit)
    return depth - arg + 1, walk.take(unit, depth, kinds, arg), missing


@_rule("UNPACK_SEQUENCE")
def unpack_sequence(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    return depth - 1 + arg, walk.take(unit, depth, kinds, 1), missing


@_rule("TO_BOOL")
def to_bool(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    return depth, _push(BOOL, depth - 1, walk.take(unit, depth, kinds, 1)), missing


def _take_bool(walk: Walk, unit: int, depth: int, kinds: int) -> int:
    if _kind(walk, unit, depth, kinds, 1) != BOOL:
        raise walk.fail("bool", "takes True or False only, and another value may come", unit)
    return walk.take(unit, depth, kinds, 1)


@_rule("UNARY_NOT")
def unary_not(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    return depth, _push(BOOL, depth - 1, _take_bool(walk, unit, depth, kinds)), missing


@_rule("COMPARE_OP", "IS_OP", "CONTAINS_OP")
def compare(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    """Track results that are exactly True or False, where that matters (EXACT_BOOLS)."""
    check_argument(walk, unit, arg)
    kinds = walk.take(unit, depth, kinds, 2)
    if walk.opcodes[unit] != facts.OPCODES["COMPARE_OP"] or arg & facts.COMPARE_TO_BOOL:
        kinds = _push(BOOL, depth - 2, kinds)
    return depth - 1, kinds, missing


def check_argument(walk: Walk, unit: int, arg: int) -> None:
    """Check the argument of an instruction that has few legal ones."""
    if arg not in LEGAL[walk.opcodes[unit]]:
        raise walk.fail("argument", f"argument {arg}", unit)


LEGAL = {facts.OPCODES[name]: arguments for name, arguments in facts.LEGAL_ARGUMENTS.items()}


# Control.


@_rule(*facts.BOOLEAN_BRANCHES)
def branch_on_bool(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    kinds = _take_bool(walk, unit, depth, kinds)
    walk.flow(jump_target(walk, unit, arg), depth - 1, kinds, missing, unit)
    return depth - 1, kinds, missing


@_rule("JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP")
def jump_or_pop(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    rest = walk.take(unit, depth, kinds, 1)
    walk.flow(jump_target(walk, unit, arg), depth, kinds, missing, unit)
    return depth - 1, rest, missing


@_rule("GET_ITER")
def get_iter(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    return depth, _push(ITER, depth - 1, walk.take(unit, depth, kinds, 1)), missing


@_rule("FOR_ITER")
def for_iter(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    if _kind(walk, unit, depth, kinds, 1) != ITER:
        raise walk.fail("iterator", "FOR_ITER finds no iterator", unit)
    rest = walk.take(unit, depth, kinds, 1)
    target = jump_target(walk, unit, arg)
    if not facts.LOOP_ENDINGS:
        walk.flow(target, depth - 1, rest, missing, unit)
        return depth + 1, kinds, missing
    found = walk.opcodes[target : target + len(facts.LOOP_ENDINGS)]
    if found != [facts.OPCODES[name] for name in facts.LOOP_ENDINGS]:
        raise walk.fail("jump-target", f"FOR_ITER does not lead to {' '.join(facts.LOOP_ENDINGS)}", unit)
    walk.flow(
        target, depth + 1, kinds, missing, unit
    )  # the endings take iterator and value; jumping over them equals it
    return depth + 1, kinds, missing


@_rule("RETURN_VALUE")
def return_value(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    kinds = walk.take(unit, depth, kinds, 1)
    return leave(walk, unit, depth - 1, kinds, missing)


@_rule("RETURN_CONST")
def return_const(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    if arg >= walk.constants:
        raise walk.fail("const-index", f"constant {arg} of {walk.constants}", unit)
    return leave(walk, unit, depth, kinds, missing)


def leave(walk: Walk, unit: int, depth: int, kinds: int, missing: int) -> State:
    """Check what a returning function leaves on its stack: plain values and empty slots die with the frame."""
    if facts.STRICT_RETURN and depth:
        raise walk.fail("return", f"{depth} values left on the stack", unit)
    rest = kinds
    while rest:
        if rest & 15 == SAVED:
            raise walk.fail("return", "returns without POP_EXCEPT", unit)
        rest >>= 4
    return depth, kinds, missing


# Exceptions.


@_rule("RAISE_VARARGS")
def raise_varargs(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    if arg > 2:
        raise walk.fail("argument", f"RAISE_VARARGS {arg}", unit)
    return depth - arg, walk.take(unit, depth, kinds, arg), missing


@_rule("RERAISE")
def reraise(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    if _kind(walk, unit, depth, kinds, 1) != EXC:
        raise walk.fail("exception", "RERAISE finds no exception", unit)
    if arg and _kind(walk, unit, depth, kinds, arg + 1) != LASTI:
        raise walk.fail("exception", f"RERAISE {arg} finds no place of a fault", unit)
    return depth - 1, walk.take(unit, depth, kinds, 1), missing


@_rule("PUSH_EXC_INFO")
def push_exc_info(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    if _kind(walk, unit, depth, kinds, 1) != EXC:
        raise walk.fail("exception", "PUSH_EXC_INFO finds no exception", unit)
    return depth + 1, _push(EXC << 4 | SAVED, depth - 1, walk.take(unit, depth, kinds, 1)), missing


@_rule("POP_EXCEPT")
def pop_except(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    if _kind(walk, unit, depth, kinds, 1) != SAVED:
        raise walk.fail("exception", "POP_EXCEPT finds nothing that PUSH_EXC_INFO saved", unit)
    return depth - 1, walk.take(unit, depth, kinds ^ SAVED << 4 * (depth - 1), 1), missing


@_rule("CHECK_EXC_MATCH")
def check_exc_match(walk: Walk, unit: int, arg: int, depth: int, kinds: int, missing: int) -> State:
    if _kind(walk, unit, depth, kinds, 2) != EXC:
        raise walk.fail("exception", "CHECK_EXC_MATCH finds no exception", unit)
    return depth, _push(BOOL, depth - 1, walk.take(unit, depth, kinds, 1)), missing
