"""SIGBUS in linear memory: a file that was mapped there has become shorter than the mapping.

Python's own handlers cannot help, for they run after the faulting instruction, which never ends.  So a handler in C
terms is installed by `libc.sigaction`: it looks where the fault is, and if that is in a linear memory with mapped
files, puts a page of zeros there and returns; the access is then made again.  The guest is told of the fault, and has
its SIGBUS at the next safe point.  A fault anywhere else gets the action that was there before.  Installed by the first
real mapping of a file, and never taken away.
"""

from __future__ import annotations

import ctypes
import signal
import weakref
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.guest.abi.mman import PAGE
from pywasmjit.runtime.depth import register_after_fork

if TYPE_CHECKING:
    from pywasmjit.guest.memory.guest_memory import GuestMemory

_SIGINFO: Final = 0x4
_NODEFER: Final = 0x40000000
_ADDRESS_AT: Final = 16
"""Offset of si_addr in siginfo_t."""


class _Action(ctypes.Structure):
    """struct sigaction of glibc and musl."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


class Guard:
    """One linear memory with mapped files.

    told: called with the guest address of each access that faulted, in the thread that made it.
    faults: pages, as guest addresses, that were replaced by zeros since a file was last mapped there.
    """

    def __init__(
        self, base: int, memory: GuestMemory, map_zero_page: Callable[[int], None], told: Callable[[int], None]
    ) -> None:
        self._base = base
        self._told = told
        self._memory = memory
        self._map_zero_page = map_zero_page
        self._lock = Lock()
        self.faults: set[int] = set()

    def renew(self, address: int, length: int) -> None:
        """Note that a file is mapped there from now on."""
        if self.faults:
            self.faults = {page for page in self.faults if not address <= page < address + length}

    def renew_lock(self) -> None:
        """Forget who held the lock: only the forking thread lives on in a child process."""
        self._lock = Lock()

    def answers(self, address: int) -> bool:
        """Replace the page at a host address, once; False if that is not in this memory."""
        page = (address - self._base) // PAGE * PAGE
        if not 0 <= page < self._memory.size_bytes:
            return False
        with self._lock:
            if page not in self.faults:
                self.faults.add(page)
                self._map_zero_page(page)
        self._told(address - self._base)
        return True


_guards: weakref.WeakSet[Guard] = weakref.WeakSet()


def _renew_locks() -> None:
    for each in list(_guards):
        each.renew_lock()


register_after_fork(_renew_locks)

_installed: list[Any] = []
"""The callback and the action before ours; both must live as long as the process."""


def guard(
    base: int, memory: GuestMemory, map_zero_page: Callable[[int], None], told: Callable[[int], None]
) -> Guard | None:
    """Guard a linear memory at host address `base` from now on; None if no handler can be installed."""
    if not _installed and not _install():
        return None
    made = Guard(base, memory, map_zero_page, told)
    _guards.add(made)
    return made


def _install() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    before = _Action()

    def handle(number: int, info: int, context: int) -> None:
        address = ctypes.c_size_t.from_address(info + _ADDRESS_AT).value
        if not any(each.answers(address) for each in list(_guards)):
            libc.sigaction(number, ctypes.byref(before), None)

    callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(handle)
    action = _Action(handler=ctypes.cast(callback, ctypes.c_void_p).value, flags=_SIGINFO | _NODEFER)
    if libc.sigaction(int(signal.SIGBUS), ctypes.byref(action), ctypes.byref(before)) != 0:
        return False
    _installed.extend((callback, before))
    return True
