"""What the verifier knows while it walks over a code object, and how knowledge flows along edges."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Container, Sequence
from types import CodeType

from pywasmjit.codegen.verifier import facts
from pywasmjit.codegen.verifier.tables import Entry
from pywasmjit.errors import WasmError

# Kinds of stack slots, four bits each.  0 is a plain value; up to HIGHEST_HOLE are not values at all.
NULL = 1  # an empty slot, for CALL only
MAYBE = 2  # an empty slot or a value, for CALL only
SAVED = 3  # what PUSH_EXC_INFO saved, for POP_EXCEPT only
HIGHEST_HOLE = 3
EXC = 4  # an exception instance
LASTI = 5  # the place of a fault, made by the exception table
ITER = 6  # an iterator
BOOL = 7  # True or False

State = tuple[int, int, int]
"""(depth, kinds, missing)"""

_POWERS = [1 << n for n in range(1024)]
_PADDING = [0] * facts.LARGEST
"""Read ahead of the end of malformed code, never executed."""
_BEYOND = [True] * (facts.LARGEST + 1)


class VerificationError(WasmError):
    """A code object that is not proved sound: an error of the engine, never of the guest.

    rule: short name of the broken rule.  offset: place in `co_code` in bytes, or None for the whole object.
    """

    def __init__(self, rule: str, message: str, name: str = "", offset: int | None = None) -> None:
        super().__init__(rule, message, name, offset)
        self.rule = rule
        self.message = message
        self.name = name
        self.offset = offset

    def __str__(self) -> str:
        where = "" if self.offset is None else f" at byte {self.offset}"
        return f"unsound code object {self.name!r}{where}: {self.message} [{self.rule}]"


class Powers:
    """The powers of two, made on demand: a table for ten thousands of locals would take their number squared."""

    def __getitem__(self, index: int) -> int:
        return 1 << index


class Walk:
    """The claims of one code object, and what has been found out about it so far."""

    __slots__ = (
        "arguments",
        "bits",
        "constants",
        "entries",
        "exact",
        "first",
        "idle",
        "level",
        "limit",
        "locals",
        "marks",
        "name",
        "names",
        "names_allowed",
        "opcodes",
        "reached",
        "restart",
        "slots",
        "starts",
        "states",
        "units",
    )

    def __init__(self, code: CodeType, raw: bytes, opcodes: bytes, names_allowed: Container[str] | None) -> None:
        self.name = code.co_name
        self.units = units = len(opcodes)
        self.opcodes = [*opcodes, *_PADDING]
        self.arguments = [*raw[1::2], *_PADDING]
        self.marks = [False] * units + _BEYOND  # where the sweep looks closer
        self.locals = code.co_nlocals
        self.slots = code.co_nlocals  # and free variables, once copied
        self.names = code.co_names
        self.names_allowed = names_allowed
        self.constants = len(code.co_consts)
        self.exact: Container[int] = ()  # constants that are True or False, where that matters
        if facts.EXACT_BOOLS:
            self.exact = {n for n, value in enumerate(code.co_consts) if value is True or value is False}
        self.limit = code.co_stacksize
        self.bits: Sequence[int] | Powers = _POWERS if self.locals <= 1024 else Powers()
        self.entries: list[Entry] = []
        self.starts: list[int] = []
        self.first = 0  # the first unit that may be jumped to
        self.states: dict[int, State] = {}
        self.reached: set[int] = set()  # marked positions that are starts of reachable instructions
        self.idle: set[int] = set()  # starts of unreachable instructions
        self.level = 0  # slots that the current table entry promises to its handler
        self.restart = sys.maxsize  # where the next sweep must start

    def fail(self, rule: str, message: str, unit: int | None = None) -> VerificationError:
        """Return the error to raise."""
        return VerificationError(rule, message, self.name, None if unit is None else 2 * unit)

    def take(self, unit: int, depth: int, kinds: int, count: int) -> int:
        """Pop `count` values of any kind from the stack and return the kinds of those that remain."""
        bottom = depth - count
        if bottom < self.level:
            if bottom < 0:
                raise self.fail("stack-underflow", f"{count} values needed, {depth} on the stack", unit)
            raise self.fail("handler-depth", f"pops below the depth {self.level} kept for a handler", unit)
        taken = kinds >> 4 * bottom
        while taken:
            if 0 < taken & 15 <= HIGHEST_HOLE:
                raise self.fail("null", "an empty or reserved slot is taken for a value", unit)
            taken >>= 4
        return kinds & ((1 << 4 * bottom) - 1)

    def flow(self, target: int, depth: int, kinds: int, missing: int, here: int) -> None:
        """Let a state flow from the instruction at `here` to the one at `target`."""
        old = self.states.get(target)
        if old is None:
            if not self.first <= target < self.units:
                raise self.fail("jump-target", f"jump to unit {target}, outside of the code", here)
            if target <= here:
                if target not in self.idle:
                    raise self.fail("jump-target", f"jump to unit {target}, inside of an instruction", here)
                self.restart = min(self.restart, target)
            self.states[target] = (depth, kinds, missing)
            self.marks[target] = True
            return
        if target <= here and target not in self.reached and target not in self.idle:
            raise self.fail("jump-target", f"jump to unit {target}, inside of an instruction", here)
        new = self.merge(old, depth, kinds, missing, target)
        if new != old:
            self.states[target] = new
            if target <= here:
                self.restart = min(self.restart, target)

    def merge(self, old: State, depth: int, kinds: int, missing: int, unit: int) -> State:
        """Return the state that both an old and a new way to `unit` guarantee."""
        old_depth, old_kinds, old_missing = old
        if depth != old_depth:
            raise self.fail("join-depth", f"depth {old_depth} on one way, {depth} on another", unit)
        if kinds != old_kinds:
            kinds = self.merge_kinds(old_kinds, kinds, unit)
        return depth, kinds, missing | old_missing

    def merge_kinds(self, one: int, two: int, unit: int) -> int:
        """Return kinds that cover both: different sorts of values become plain, holes must agree."""
        merged = shift = 0
        while one or two:
            kind, other = one & 15, two & 15
            if kind == other:
                merged |= kind << shift
            elif 0 < kind <= HIGHEST_HOLE or 0 < other <= HIGHEST_HOLE:
                raise self.fail("join-kinds", f"an empty or reserved slot {shift // 4} on one way only", unit)
            one, two, shift = one >> 4, two >> 4, shift + 4
        return merged

    def entry_at(self, unit: int) -> Entry | None:
        """Return the entry of the exception table that covers a unit."""
        index = bisect_right(self.starts, unit) - 1
        if index >= 0 and unit < self.entries[index][1]:
            return self.entries[index]
        return None

    def throw(self, entry: Entry, depth: int, kinds: int, missing: int, here: int) -> None:
        """Let an exception at `depth` flow to the handler of an entry.

        The handler finds the lowest `level` slots, the place of the fault if wanted, and the exception.
        """
        _, _, target, level, lasti = entry
        if depth < level:
            raise self.fail("handler-depth", f"depth {depth}, but a handler relies on {level} slots", here)
        if level + lasti >= self.limit:
            raise self.fail("stack-overflow", f"the stack of {self.limit} has no room for a handler's exception", here)
        kinds &= (1 << 4 * level) - 1
        pushed = EXC << 4 | LASTI if lasti else EXC
        self.flow(target, level + lasti + 1, kinds | pushed << 4 * level, missing, here)
