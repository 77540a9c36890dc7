"""Linux system calls by name, for parts of the engine that no guest's memory belongs to."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any, TypeAlias

from pywasmjit.guest.kernel.host import open_host

Caller: TypeAlias = Callable[..., int]
"""A call's name and its arguments: ints of 32 bits, bytes for structures, ctypes for all else; raises OSError."""


def caller() -> Caller:
    """Return what makes calls.  Raises NotImplementedError where the calls of this machine are not known."""
    machine, syscall = open_host()

    def call(name: str, *arguments: Any) -> int:
        result: int = syscall(machine.numbers[name], *arguments)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")
        return result

    return call
