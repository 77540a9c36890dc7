"""Abstract interpretation of a code object, in layout order.

CPython believes its compiler: an index out of range, an empty slot popped or a
jump into an inline cache is undefined behaviour, not an exception.  `verify`
trusts neither our compilers nor the cache.

The state before an instruction is (depth, kinds, missing):

- depth: values on the stack.
- kinds: four bits a slot, 0 for a plain value, otherwise (`state`) what the
  call protocol and exception handling leave there and few instructions may take.
- missing: a bit for every local that is not certainly set.

Straight-line code needs no more than comparing the depth with a *floor*, below
which lies a slot that is not plain, or one that the exception table promises to
a handler.  Positions where something else can happen are *marked*: targets of
jumps and handlers, and the bounds of table entries; only there states are kept
and merged.  Depths and empty slots must agree at a merge, missing locals add up.
One sweep is enough unless a backward edge brings news to code already
swept; then the sweep is repeated from there until nothing changes.

Where an exception is looked up differs by version and is not always where it
arose (`facts`): such edges are followed too, those of asynchronous
exceptions at calls and backward jumps included.  Unreachable code is refused,
except NOP: nobody emits it on purpose.

What is proved holds for every code object with the same instructions and tables
and as many constants, so constants other than True and False may be exchanged
afterwards (`code.replace`).
Not proved: that constants and names hold harmless objects, that the function's
globals are a dictionary, and anything once a debugger changes a running frame.
"""

from __future__ import annotations

import sys
from collections.abc import Container
from types import CodeType

from pywasmjit.codegen.verifier import facts
from pywasmjit.codegen.verifier.facts import (
    BRANCH,
    BRANCH_BACK,
    CHECKED,
    CONST,
    EXTENDED,
    ILLEGAL,
    JUMP,
    JUMP_BACK,
    RARE,
    READ,
    ROWS,
    WRITE,
    Row,
)
from pywasmjit.codegen.verifier.rules import LEGAL, RULES, check_argument, read_local, write_local
from pywasmjit.codegen.verifier.state import BOOL, VerificationError, Walk
from pywasmjit.codegen.verifier.tables import TableError, check_location_table, parse_exception_table

__all__ = ["VerificationError", "verify"]

_REQUIRED_FLAGS = 0x3
"""CO_OPTIMIZED, CO_NEWLOCALS"""
_HARMLESS_FLAGS = 0x10 | 0x40 | 0x3FE0000 | 0x4000000
"""CO_NESTED, CO_NOFREE, those of `from __future__`, CO_HAS_DOCSTRING"""
_MAX_FRAME = 1 << 20
"""Slots of a frame; CPython sizes frames in int."""
_MAX_SWEEPS = 64
"""Far more than compiled code needs; keeps the time linear for any other."""


def verify(code: CodeType, *, globals: Container[str] | None = None, freevars: int | None = None) -> None:
    """Prove a code object sound, or raise.

    code: never executed since it was made (the interpreter rewrites what it runs).
    globals: names that the code may load as globals; None allows any.
    freevars: number of cells that the function's closure will have; None allows any.
    Raises VerificationError.  Cost: 5 µs and 0.3 µs an instruction, linear.
    """
    _check_header(code, freevars)
    raw: bytes = code._co_code_adaptive  # type: ignore[attr-defined]  # unlike co_code, safe to read if malformed
    opcodes = raw[::2]
    if facts.FUSED:
        opcodes = _unfuse(code, opcodes)
    walk = Walk(code, raw, opcodes, globals)
    try:
        check_location_table(code.co_linetable, walk.units)
        walk.entries = parse_exception_table(code.co_exceptiontable, walk.units)
    except TableError as error:
        raise walk.fail("table", str(error)) from None
    required = _mark(walk, opcodes)
    _enter_function(walk, code)
    for _ in range(_MAX_SWEEPS):
        start, walk.restart = walk.restart, sys.maxsize
        walk.idle = {unit for unit in walk.idle if unit < start}
        _sweep(walk, start)
        if walk.restart == sys.maxsize:
            break
    else:
        raise walk.fail("restless", f"not settled after {_MAX_SWEEPS} sweeps")
    _check_positions(walk, required)


def _check_header(code: CodeType, freevars: int | None) -> None:
    """Check what a code object says about itself."""
    message = ""
    flags, locals_, cells = code.co_flags, code.co_nlocals, len(code.co_freevars)
    if facts.VERSION not in facts.TESTED:
        message = f"the instructions of CPython {facts.VERSION[0]}.{facts.VERSION[1]} are unknown"
    elif flags & _REQUIRED_FLAGS != _REQUIRED_FLAGS or flags & ~(_REQUIRED_FLAGS | _HARMLESS_FLAGS):
        message = f"flags {flags:#x}"
    elif code.co_kwonlyargcount or code.co_argcount > locals_ or locals_ != len(code.co_varnames):
        message = "numbers of arguments and locals do not agree"
    elif code.co_cellvars or (freevars is not None and cells != freevars):
        message = f"{len(code.co_cellvars)} cells of its own, {cells} free variables"
    elif locals_ + cells + code.co_stacksize > _MAX_FRAME:
        message = f"{locals_} locals and a stack of {code.co_stacksize}"
    if message:
        raise VerificationError("header", message, code.co_name)


def _check_slots(code: CodeType) -> None:
    """Check that a frame has slots for locals and free variables and for nothing else, which `marshal` would allow."""
    try:
        code._varname_from_oparg(code.co_nlocals + len(code.co_freevars))  # type: ignore[attr-defined]
    except IndexError:
        return
    raise VerificationError("header", "slots that are neither locals nor free variables", code.co_name)


def _unfuse(code: CodeType, opcodes: bytes) -> bytes:
    """Return the opcodes before the constructor fused some; what is no fusion of its neighbours was not its work."""
    split = opcodes.translate(facts.UNFUSE)
    for first, second in set(zip(opcodes, split[1:], strict=False)):
        if first in facts.FUSED and facts.FUSED[first][1] != second:
            raise VerificationError("opcode", "a fused opcode that does not fit its neighbour", code.co_name)
    return split


def _mark(walk: Walk, opcodes: bytes) -> set[int]:
    """Mark targets of backward jumps and bounds of table entries; return positions that must start instructions.

    Cache units may look like jumps, which marks too much and does no harm.
    """
    marks = walk.marks
    required: set[int] = set()
    for start, end, target, _, _ in walk.entries:
        required.update((start, end, target))
        walk.starts.append(start)
    for unit in required:
        marks[unit] = True
    for opcode in facts.BACKWARD:
        unit = opcodes.find(opcode)
        while unit >= 0:
            target, place = unit + ROWS[opcode][3] - walk.arguments[unit], unit
            for shift in range(8, 8 * facts.MAX_PREFIXES + 8, 8):
                if 0 < target <= unit:
                    marks[target] = True
                place -= 1
                if place < 0 or ROWS[opcodes[place]][0] != EXTENDED:
                    break
                target -= walk.arguments[place] << shift
            unit = opcodes.find(opcode, unit + 1)
    return required


def _enter_function(walk: Walk, code: CodeType) -> None:
    """Check the instructions that every function starts with, and set the state behind them."""
    resume = 0
    cells = len(code.co_freevars)
    if cells:  # even if it uses none: whoever asks for a frame's locals follows all of them
        if walk.opcodes[0] != facts.OPCODES["COPY_FREE_VARS"] or walk.arguments[0] != cells:
            raise walk.fail("free-index", f"does not start with COPY_FREE_VARS {cells}", 0)
        _check_slots(code)
        resume = 1
        walk.slots += cells
    if walk.opcodes[resume] != facts.OPCODES["RESUME"] or walk.arguments[resume]:
        raise walk.fail("header", "does not start with RESUME 0", resume)
    missing = (1 << walk.locals) - (1 << code.co_argcount)
    walk.reached.update((0, resume))
    walk.first = walk.restart = resume + 1
    walk.states[walk.first] = (0, 0, missing)
    walk.marks[walk.first] = True
    entry = walk.entry_at(resume)
    if entry is not None:
        walk.throw(entry, 0, 0, missing, resume)


def _arrive(walk: Walk, unit: int, depth: int, kinds: int, missing: int) -> tuple[int, int, int]:
    """Merge all ways to a marked position, let its exceptions flow, and return the state there.

    depth: negative if nothing falls through to the position.
    """
    if unit >= walk.units:
        raise walk.fail("end", "control falls off the end of the code")
    old = walk.states.get(unit)
    if old is None:
        walk.states[unit] = (depth, kinds, missing)
    elif depth < 0:
        depth, kinds, missing = old
    else:
        depth, kinds, missing = walk.states[unit] = walk.merge(old, depth, kinds, missing, unit)
    walk.reached.add(unit)
    if walk.entries:
        entry = walk.entry_at(unit)
        walk.level = 0
        if entry is None:
            pass
        elif walk.opcodes[unit] == facts.OPCODES["PUSH_EXC_INFO"] and depth >= entry[3]:
            walk.marks[unit + 1] = True  # cannot raise; CPython's compiler covers it by the entry for what follows
        else:
            walk.level = entry[3]
            walk.throw(entry, depth, kinds, missing, unit)
        if facts.UNWINDS_BEFORE_CALL and entry is not walk.entry_at(unit - 1):
            _unwind(walk, unit, depth, kinds, missing)
    return depth, kinds, missing


def _unwind(walk: Walk, unit: int, depth: int, kinds: int, missing: int) -> None:
    """Let an exception of a called function flow to the handler of the unit before the call."""
    entry = walk.entry_at(unit - 1)
    opcode = walk.opcodes[unit]
    if entry is not None and opcode in facts.INLINING:
        popped = facts.INLINING[opcode]
        if popped < 0:
            popped = walk.arguments[unit] + 2
        walk.throw(entry, depth - popped, kinds, missing, unit)


def _jump_back(walk: Walk, target: int, depth: int, kinds: int, missing: int, here: int) -> None:
    """Follow a backward jump, and the asynchronous exception that may hit it."""
    walk.flow(target, depth, kinds, missing, here)
    if facts.ASYNC_BEFORE_TARGET and walk.entries:
        entry = walk.entry_at(target - 1)
        if entry is not None:
            walk.throw(entry, depth, kinds, missing, here)


def _decode(walk: Walk, unit: int) -> tuple[int, int]:
    """Return own unit and argument of the instruction whose prefixes start at `unit`."""
    arg = 0
    while ROWS[walk.opcodes[unit]][0] == EXTENDED:
        arg = (arg | walk.arguments[unit]) << 8
        unit += 1
    return unit, arg | walk.arguments[unit]


def _prefixed(walk: Walk, start: int) -> tuple[int, int, int, Row]:
    """Return own unit, opcode, argument and row of an instruction with prefixes; raise if it is not a legal one."""
    unit, arg = _decode(walk, start)
    opcode = walk.opcodes[unit]
    treatment, popped, growth, size = ROWS[opcode]
    if treatment == ILLEGAL:
        raise walk.fail("opcode", f"opcode {opcode} is not allowed", unit)
    if unit - start > facts.MAX_PREFIXES or opcode not in facts.EXTENDABLE:
        raise walk.fail("opcode", f"EXTENDED_ARG before opcode {opcode}", start)
    if facts.PAIRED_CALLS and opcode == facts.OPCODES["PRECALL"]:
        follower = unit + 1 + facts.CACHES["PRECALL"]
        call, call_arg = _decode(walk, follower)
        if arg < 256 or call_arg != arg or walk.opcodes[call] != facts.OPCODES["CALL"]:
            raise walk.fail("call", f"PRECALL {arg} without its CALL behind", unit)
        size += call - follower
    return unit, opcode, arg, (treatment, popped, growth, size)


def _skip(walk: Walk, unit: int) -> int:
    """Step over unreachable instructions; return the next reachable one's unit, or the end of the code."""
    while unit < walk.units and unit not in walk.states:
        walk.idle.add(unit)
        _, _, _, size = ROWS[walk.opcodes[unit]]
        unit += size
    if unit > walk.units:
        raise walk.fail("end", "the last instruction is cut short")
    return unit


def _sweep(walk: Walk, unit: int) -> None:
    """Walk from a position with a known state to the end of the code.

    One long loop with few calls: it decides what verifying costs.
    """
    opcodes, arguments, marks, bits = walk.opcodes, walk.arguments, walk.marks, walk.bits
    locals_, constants, exact, limit = walk.locals, walk.constants, walk.exact, walk.limit
    depth, kinds, missing, floor = -1, 0, 0, 0
    while True:
        if marks[unit]:
            depth, kinds, missing = _arrive(walk, unit, depth, kinds, missing)
            floor = max(walk.level, kinds.bit_length() + 3 >> 2)
        opcode = opcodes[unit]
        treatment, popped, growth, size = ROWS[opcode]
        arg = arguments[unit]
        if treatment < 0:
            unit, opcode, arg, (treatment, popped, growth, size) = _prefixed(walk, unit)
        if treatment == READ:
            if arg >= locals_ or (missing and missing & bits[arg]):
                read_local(walk, unit, arg, missing)
            depth += 1
            if depth > limit:
                raise walk.fail("stack-overflow", f"{depth} values on a stack of {limit}", unit)
            unit += size
        elif treatment <= CHECKED:
            if treatment and arg not in LEGAL[opcode]:
                check_argument(walk, unit, arg)
            if depth - popped < floor:
                kinds = walk.take(unit, depth, kinds, popped)
                floor = max(walk.level, kinds.bit_length() + 3 >> 2)
            depth += growth
            unit += size
        elif treatment == CONST:
            if arg >= constants:
                raise walk.fail("const-index", f"constant {arg} of {constants}", unit)
            if exact and arg in exact:
                kinds |= BOOL << 4 * depth
                floor = depth + 1
            depth += 1
            if depth > limit:
                raise walk.fail("stack-overflow", f"{depth} values on a stack of {limit}", unit)
            unit += size
        elif treatment == WRITE:
            if arg >= locals_:
                write_local(walk, unit, arg, missing)
            elif missing:
                missing &= ~bits[arg]
            if depth <= floor:
                kinds = walk.take(unit, depth, kinds, 1)
                floor = max(walk.level, kinds.bit_length() + 3 >> 2)
            depth -= 1
            unit += size
        elif treatment <= BRANCH_BACK:
            if depth <= floor:
                kinds = walk.take(unit, depth, kinds, 1)
                floor = max(walk.level, kinds.bit_length() + 3 >> 2)
            depth -= 1
            if treatment == BRANCH:
                walk.flow(unit + size + arg, depth, kinds, missing, unit)
            else:
                _jump_back(walk, unit + size - arg, depth, kinds, missing, unit)
            unit += size
        elif treatment == RARE:
            depth, kinds, missing = RULES[opcode](walk, unit, arg, depth, kinds, missing)
            if depth > limit:
                raise walk.fail("stack-overflow", f"{depth} values on a stack of {limit}", unit)
            floor = max(walk.level, kinds.bit_length() + 3 >> 2)
            unit += size
        else:
            if treatment == JUMP:
                walk.flow(unit + size + arg, depth, kinds, missing, unit)
            elif treatment == JUMP_BACK:
                _jump_back(walk, unit + size - arg, depth, kinds, missing, unit)
            else:
                RULES[opcode](walk, unit, arg, depth, kinds, missing)
            unit = _skip(walk, unit + size)
            if unit == walk.units:
                return
            depth = -1


def _check_positions(walk: Walk, required: set[int]) -> None:
    """Check that all positions that anything refers to are starts of instructions, and that none is idle."""
    for unit in walk.idle:
        if walk.opcodes[unit] != facts.OPCODES["NOP"]:
            raise walk.fail("unreachable", "nothing leads here", unit)
    for unit in walk.states:
        if unit not in walk.reached:
            raise walk.fail("jump-target", f"a jump to unit {unit}, inside of an instruction", unit)
    for unit in required:
        if unit not in walk.reached and unit not in walk.idle and unit != walk.units:
            raise walk.fail("table", f"unit {unit} of the exception table is inside of an instruction", unit)
