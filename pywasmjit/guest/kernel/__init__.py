"""The way to the host: system calls on host descriptors, with guest addresses for memory.

`interface` says what is promised.  `portable` implements it on Python's `os`; `raw` makes Linux system calls through
`ctypes` straight on linear memory.  Beside it stand what only Linux has: numbers and structures of the host's machine
(`machines`, `numbers`), its signals, Landlock and seccomp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.interface import Kernel
    from pywasmjit.guest.memory.guest_memory import GuestMemory


def choose(memory: GuestMemory) -> Kernel:
    """Return the best kernel for a guest: raw where there are `ctypes` and Linux on a machine that is known."""
    from pywasmjit.guest.kernel.portable import PortableKernel

    try:
        from pywasmjit.guest.kernel.raw import RawKernel

        return RawKernel(memory)
    except (ImportError, NotImplementedError):
        return PortableKernel(memory)
