"""The host's system calls: which machine's numbers and layouts they have, and the function that makes them."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

from pywasmjit.guest.kernel.machines import MACHINES, Machine


def open_host(library: type[ctypes.CDLL] = ctypes.CDLL) -> tuple[Machine, Any]:
    """Return what is known of the host's machine, and libc's `syscall` as a function object of the caller's own.

    library: `ctypes.PyDLL` for a function that holds the GIL while it is in the kernel.

    The function takes a number and arguments as `ctypes` passes them, and returns the result, -1 for an error, which
    `ctypes.get_errno` then tells.  Raises NotImplementedError where the host is no Linux with 64-bit words, little
    end first, on a machine that is known.
    """
    machine = MACHINES.get(os.uname().machine) if sys.platform == "linux" else None
    if machine is None or sys.byteorder != "little" or sys.maxsize < 1 << 32:
        raise NotImplementedError
    syscall: Any = library(None, use_errno=True)["syscall"]  # ["..."] makes a new object each time
    syscall.restype = ctypes.c_ssize_t
    return machine, syscall
