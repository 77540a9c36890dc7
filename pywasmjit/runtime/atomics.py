"""Read-modify-write under a lock, for interpreters without a GIL.

With a GIL compiled code does these in place (see `codegen.emitters.atomics`).
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Final

from pywasmjit.errors import Trap, TrapCode
from pywasmjit.runtime.memories import Memory

_locks: Final[weakref.WeakKeyDictionary[Memory, threading.Lock]] = weakref.WeakKeyDictionary()

_FORMATS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}

OPERATIONS: Final[dict[str, Callable[..., int]]] = {
    "store": lambda old, operand: operand,
    "xchg": lambda old, operand: operand,
    "add": lambda old, operand: old + operand,
    "sub": lambda old, operand: old - operand,
    "and": lambda old, operand: old & operand,
    "or": lambda old, operand: old | operand,
    "xor": lambda old, operand: old ^ operand,
    "cmpxchg": lambda old, expected, replacement: replacement if old == expected else old,
}


def locked(memory: Memory) -> Callable[..., int]:
    """Return a function (operation, width in bytes, address, operands...) -> old value, atomic among its like.

    The address is aligned.  Raises Trap(MEMORY_OUT_OF_BOUNDS).
    """
    lock = _locks.setdefault(memory, threading.Lock())

    def modify(operation: str, width: int, address: int, *operands: int) -> int:
        if address + width > len(memory):
            raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS)
        view = memory.strided(_FORMATS[width], 0)
        with lock:
            old: int = view[address]
            view[address] = OPERATIONS[operation](old, *operands) & ((1 << 8 * width) - 1)
        return old

    return modify
