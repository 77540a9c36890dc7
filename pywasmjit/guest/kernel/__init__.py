"""The way to the host: system calls on host descriptors, with guest addresses for memory.

`Kernel` is the interface.  `portable` implements it on Python's `os`; `raw` makes Linux system calls through `ctypes`
straight on linear memory, and `foreign` is the same for machines that lay out structures in another way than
x86-64, the guest's.  All raise OSError with the host's errno.  Addresses were checked by the caller (0 is NULL,
EFAULT where it is accessed); paths are bytes without NUL; flags are the guest's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.portable import PortableKernel
    from pywasmjit.guest.memory.guest_memory import GuestMemory


def choose(memory: GuestMemory) -> PortableKernel:
    """Return the best kernel for a guest: raw where there are `ctypes` and Linux on a machine that is known."""
    from pywasmjit.guest.kernel.portable import PortableKernel

    try:
        from pywasmjit.guest.kernel.raw import RawKernel

        return RawKernel(memory)
    except (ImportError, NotImplementedError):
        return PortableKernel(memory)
