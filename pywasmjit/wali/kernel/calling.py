"""Linux system calls by name, for parts of the engine that no guest's memory belongs to."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from pywasmjit.wali.abi.numbers import BY_MACHINE

Caller: TypeAlias = Callable[..., int]
"""A call's name and its arguments: ints of 32 bits, bytes for structures, ctypes for all else; raises OSError."""


def caller() -> Caller:
    """Return what makes calls.  Raises NotImplementedError where the calls of this machine are not known."""
    numbers = BY_MACHINE.get(os.uname().machine) if sys.platform == "linux" else None
    if numbers is None or sys.maxsize < 1 << 32:
        raise NotImplementedError
    syscall: Any = ctypes.CDLL(None, use_errno=True)["syscall"]  # ["..."]: a function object of our own
    syscall.restype = ctypes.c_ssize_t

    def call(name: str, *arguments: Any) -> int:
        result: int = syscall(numbers[name], *arguments)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")
        return result

    return call
