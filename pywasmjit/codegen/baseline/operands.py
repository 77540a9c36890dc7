"""What the baseline compiler knows about the operand stack while it emits code.

The Wasm operand stack is CPython's value stack: each `Value` stands for one
item there, already pushed by the code from `start` on.  A value's code is one
contiguous piece, so what must come before it (a callee, a view of memory) is
inserted at `start`, and two neighbouring pieces can change places when neither
can notice (`may_swap`).

Integers are exact Python integers within [low, high], which need not be the
normal range of their type: arithmetic modulo 2**N is left to the consumer, who
masks only when it can tell the difference (`normal`).
"""

from __future__ import annotations

from typing import Any, Final

from pywasmjit.codegen.bounds import Bounds
from pywasmjit.records import record
from pywasmjit.wasm.opcodes import IMPLEMENTED, OPS, Effect, Op
from pywasmjit.wasm.types import ValType

READS_MEMORY: Final = 1
"""Reads memory, and traps if out of bounds."""
TRAPS: Final = 2
"""Traps in another way."""
READS_STATE: Final = 4
"""Reads a global, a table, a memory's size, or a local kept outside of the fast locals."""
IMPURE: Final = 8
"""Calls, or writes something other than fast locals."""

_READS: Final = Effect.READS_GLOBAL | Effect.READS_TABLE | Effect.READS_LOCAL
_WRITES: Final = (
    *(Effect.CALLS, Effect.WRITES_MEMORY, Effect.GROWS_MEMORY, Effect.SYNCHRONIZES),
    *(Effect.WRITES_LOCAL, Effect.WRITES_GLOBAL, Effect.WRITES_TABLE, Effect.WRITES_SEGMENT),
)


def _summary(effect: Effect) -> int:
    """Return what of a row's effect matters to code that may change places."""
    if any(effect & each for each in _WRITES):
        return IMPURE
    if effect & Effect.READS_MEMORY:
        return READS_MEMORY if effect & Effect.TRAPS else READS_STATE
    return (READS_STATE if effect & _READS else 0) | (TRAPS if effect & Effect.TRAPS else 0)


EFFECTS: Final[dict[Op, int]] = {op: _summary(op.effect) for op in OPS if op.feature in IMPLEMENTED}
"""What the code of an instruction's result does, by its row."""

BITS: Final[dict[ValType, int]] = {"i32": 32, "i64": 64}
LOG_BITS: Final[dict[ValType, int]] = {"i32": 5, "i64": 6}
MASKS: Final[dict[ValType, int]] = {"i32": 0xFFFFFFFF, "i64": 0xFFFFFFFFFFFFFFFF}

WIDEST: Final = 1 << 127
"""No intermediate integer grows beyond this: operands are normalised first."""

SMALL: Final = 0x3FFFFFFF
"""The greatest integer of one CPython digit: comparing with it is specialised, and pointers and counters stay below."""


@record()
class SignedLess:
    """A signed comparison left to the branch that consumes it: `left < right`, or its negation.

    Both operands can be pushed any number of times: (operation, argument) of a
    local or a constant, with the bounds of its normal form.
    """

    type: ValType
    left: tuple[str, Any, int, int]
    right: tuple[str, Any, int, int]


class Value:
    """One operand.

    type: its Wasm type.  start: where its code begins.  low, high: bounds of an integer.
    constant: the value, if its code is one constant.
    slot: the fast local, if its code is one load of it, else -1.
    effects, reads, writes: what its code does; reads and writes are bit sets of fast locals.
    wild: an integer that is probably large, so that a mask is cheaper than a guard.
    is_bool: exactly True or False.  inverted: the i32 meant is `not` the value on the stack.
    total: a comparison whose inverse is a comparison too (not of floats, because of NaN).
    rounded: an f32 that binary32 represents.  quiet: a float that is no signalling NaN.
    condition: no code yet, the branch that follows emits it.
    """

    __slots__ = (
        "condition",
        "constant",
        "effects",
        "high",
        "inverted",
        "is_bool",
        "low",
        "quiet",
        "reads",
        "rounded",
        "slot",
        "start",
        "total",
        "type",
        "version",
        "wild",
        "writes",
    )

    def __init__(self, type: ValType, start: int, low: int = 0, high: int = 0) -> None:
        self.type = type
        self.start = start
        self.low = low
        self.high = high
        self.constant: Any = None
        self.slot = -1
        self.version = 0
        self.effects = 0
        self.reads = 0
        self.writes = 0
        self.wild = False
        self.is_bool = False
        self.inverted = False
        self.total = True
        self.rounded = True
        self.quiet = False
        self.condition: SignedLess | None = None

    @property
    def bounds(self) -> Bounds:
        """Within which an integer lies."""
        return self.low, self.high

    @bounds.setter
    def bounds(self, bounds: Bounds) -> None:
        self.low, self.high = bounds

    @property
    def is_normal(self) -> bool:
        """Whether the value has the normal form of its type (see `pywasmjit.wasm.types`)."""
        if self.inverted or self.condition is not None:
            return False
        mask = MASKS.get(self.type)
        if mask is None:
            return self.rounded
        return self.low >= 0 and self.high <= mask

    @property
    def is_signed(self) -> bool:
        """Whether an integer lies in the signed range of its type."""
        half = (MASKS[self.type] + 1) >> 1
        return -half <= self.low and self.high < half

    def absorb(self, *operands: Value) -> None:
        """Take over what the operands' code does: this value's code contains theirs."""
        for operand in operands:
            self.effects |= operand.effects
            self.reads |= operand.reads
            self.writes |= operand.writes


def may_swap(first: Value, second: Value) -> bool:
    """Return whether two neighbouring pieces of code may change places unnoticed."""
    if first.writes & (second.reads | second.writes) or second.writes & first.reads:
        return False
    both = first.effects | second.effects
    if both & IMPURE:
        return not (first.effects and second.effects)
    return not (both & TRAPS and first.effects & (TRAPS | READS_MEMORY) and second.effects & (TRAPS | READS_MEMORY))
