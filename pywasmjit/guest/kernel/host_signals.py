"""Signals of a process that is the guest's own: what reaches the host is told, what the guest wants is the kernel's.

CPython's own handler in C is installed for each signal that the guest handles: it sets a flag, at which the main
thread's interpreter calls `arrived` at its next loop edge or call, and writes the signal's number into a pipe.  The
pipe keeps every arrival, in order, and wakes whoever watches it.  All other signals have the kernel's dispositions.

That way is quick, but who sent a signal is lost on it.  Signals whose handlers want to know (SA_SIGINFO) are *held*:
blocked in every thread, so that they stay in the kernel until they are taken with their siginfo.  A signalfd tells when
there are some that the guest would let through.

The kick is a signal that Linux itself never sends.  It has no effect but those two, and to interrupt a system call.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import contextmanager, suppress
from struct import pack, unpack
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.guest.abi.events import CLOEXEC, NONBLOCK
from pywasmjit.guest.abi.signal import (
    NSIG,
    SA_NOCLDSTOP,
    SA_NOCLDWAIT,
    SI_USER,
    SIG_SETMASK,
    SIGBUS,
    SIGCHLD,
    SIGFPE,
    SIGILL,
    SIGINFO_SIZE,
    SIGKILL,
    SIGPIPE,
    SIGSEGV,
    SIGSTKFLT,
    SIGSTOP,
    SIGSYS,
    SIGTTIN,
    SIGTTOU,
    SIGXFSZ,
    UNBLOCKABLE,
    bit,
)
from pywasmjit.guest.abi.time import GIGA, TIMESPEC
from pywasmjit.guest.kernel.descriptors import move_high
from pywasmjit.guest.kernel.host import open_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

KICK: Final = SIGSTKFLT
FAULTS: Final = frozenset((SIGILL, SIGBUS, SIGFPE, SIGSEGV))
LIBC_OWN: Final = frozenset((32, 33))
"""The host's libc needs them itself: a thread that blocks 33 hangs a process at its next `setuid`."""
VIRTUAL: Final = FAULTS | LIBC_OWN | {KICK}
"""Signals whose dispositions and masks never reach the kernel."""
_SYNCHRONOUS: Final = frozenset((SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU, SIGSYS))
"""Signals that a call of the thread's own brings, and that change what the call does if they are blocked."""

_MASKABLE: Final = (1 << 64) - 1 & ~UNBLOCKABLE & ~sum(bit(number) for number in VIRTUAL)
_ALL: Final = (1 << 64) - 1 & ~sum(bit(number) for number in LIBC_OWN)
_ONSTACK: Final = 0x0800_0000
_DEFAULT, _IGNORE = 0, 1


class _Action(ctypes.Structure):
    """struct sigaction of glibc and musl."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


_MOST_NUMBERS: Final = 1024
"""Arrivals that are read at once."""
_SWITCH_INTERVAL: Final = 0.0001
"""Seconds that a thread with news of a held signal waits for the one that computes; CPython's default is 0.005."""


class HostSignals:
    """The signals of this process.  Made in Python's main thread; raises NotImplementedError where that cannot be.

    held: the signals that every thread blocks.  pipe, information, bell: descriptors that are readable when a signal
    has arrived, when a held one that is looked for waits in the kernel, and when the watcher was alerted.  silent:
    while nobody is kicked.
    """

    def __init__(self, arrived: Callable[[int, FrameType | None], Any]) -> None:
        """Prepare all signals; what is ignored stays so, all others get their default action.

        arrived: called in the main thread some time after a handled signal, or the kick, has reached the process.
        """
        machine, self._syscall = open_host(ctypes.PyDLL)  # letting go of the GIL would let the watcher in first
        _, self._waiting_syscall = open_host()
        self._numbers_read = ctypes.create_string_buffer(_MOST_NUMBERS)
        self._numbers = machine.numbers
        self._sigaction: Any = ctypes.CDLL(None)["sigaction"]
        self.initial_mask = self._set_mask(_ALL)
        self.ignored = {n for n in _handleable() if signal.getsignal(n) == signal.SIG_IGN}
        for number in _handleable():
            signal.signal(number, arrived)
        found = _Action()
        self._sigaction(KICK, None, ctypes.byref(found))
        self._handler: int = found.handler
        for number in _handleable() - {KICK}:
            self._install(number, _IGNORE if number in self.ignored else _DEFAULT, 0)
        self.held = 0
        self.silent = False
        self._kicking = Lock()
        self._looked_for = 0
        self.pipe = self._writing = self.information = self.bell = -1
        self._set_mask(self.initial_mask & _MASKABLE)

    # -- kicks ----------------------------------------------------------------------------------------------------

    def kick(self, thread: int) -> None:
        """Interrupt the system call that a thread of Python's may be in.  thread: its identifier."""
        with suppress(OSError), self._kicking:
            if not self.silent:
                signal.pthread_kill(thread, KICK)

    def kick_number(self, tid: int) -> None:
        """The same for a thread that the kernel knows as `tid`, and that may have ended."""
        with suppress(OSError), self._kicking:
            if not self.silent:
                self.send_thread(tid, KICK)

    def be_silent(self) -> None:
        """Kick nobody from now on; those who were kicked have noticed when this returns."""
        with self._kicking:
            self.silent = True

    def renew_lock(self) -> None:
        """Forget who held the lock: only the forking thread lives on in a child process."""
        self._kicking = Lock()
        self.silent = False

    # -- descriptors ----------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Keep arrivals from now on, if that was not done before; in Python's main thread.

        Before the first signal is handled, and before there is a second thread that could want that.
        """
        if self.pipe < 0:
            reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            self.information = self._signalfd(-1, self._looked_for)
            self.pipe, self._writing = move_high(reading), move_high(writing)
            self.bell = move_high(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))
            signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def after_fork(self) -> None:
        """Let go of what is the parent's in a child, whose calling thread is Python's main one.

        Most children never need descriptors of their own.  The set of the parent's signalfd is not theirs to change.
        """
        if self.pipe >= 0:
            signal.set_wakeup_fd(-1)
            for each in (self.pipe, self._writing, self.information, self.bell):
                os.close(each)
            self.pipe = self._writing = self.information = self.bell = -1

    def _call(self, name: str, *arguments: Any) -> int:
        result: int = self._syscall(self._numbers[name], *arguments)
        if result < 0:
            raise _error()
        return result

    def _install(self, number: int, handler: int, flags: int) -> None:
        action = _Action(handler=handler, flags=flags | _ONSTACK)
        self._sigaction(number, ctypes.byref(action), None)

    @contextmanager
    def errno_kept(self) -> Iterator[None]:
        """Leave errno as it is: CPython may run handlers between a call that fails and the look at errno."""
        before = ctypes.get_errno()
        try:
            yield
        finally:
            ctypes.set_errno(before)

    # -- dispositions, masks --------------------------------------------------------------------------------------

    def handle(self, number: int, flags: int) -> None:
        """Tell of a signal from now on.  flags: the guest's."""
        kept = flags & (SA_NOCLDSTOP | SA_NOCLDWAIT) if number == SIGCHLD else 0
        self._install(number, self._handler, kept)

    def ignore(self, number: int) -> None:
        """Have the kernel ignore a signal."""
        self._install(number, _IGNORE, 0)

    def default(self, number: int, flags: int) -> None:
        """Give a signal its default action."""
        kept = flags & (SA_NOCLDSTOP | SA_NOCLDWAIT) if number == SIGCHLD else 0
        self._install(number, _DEFAULT, kept)

    def block(self, mask: int) -> None:
        """Set the calling thread's blocked signals, as far as the kernel may know them, and all that are held."""
        self._set_mask((mask | self.held) & _MASKABLE)

    def block_only(self, mask: int) -> None:
        """Set the calling thread's blocked signals to what a program that is executed is to inherit."""
        self._set_mask(mask & _MASKABLE)

    def _set_mask(self, mask: int) -> int:
        before = ctypes.create_string_buffer(8)
        self._call("rt_sigprocmask", SIG_SETMASK, pack("=Q", mask), before, 8)
        return int(unpack("=Q", before.raw)[0])

    def pending(self) -> int:
        """Return the signals that the kernel holds back from the calling thread."""
        found = ctypes.create_string_buffer(8)
        self._call("rt_sigpending", found, 8)
        return int(unpack("=Q", found.raw)[0])

    # -- held signals ---------------------------------------------------------------------------------------------

    def hold(self, number: int) -> bool:
        """Hold a signal from now on; False where that would change what calls do.  The caller sets all masks."""
        if number in _SYNCHRONOUS or number in VIRTUAL:
            return False
        self.listen()
        self.held |= bit(number)
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_INTERVAL))
        return True

    def release(self, number: int) -> None:
        """Hold a signal no longer."""
        self.held &= ~bit(number)

    def look_for(self, mask: int) -> None:
        """Have `information` tell of these signals, as far as they are held."""
        mask &= self.held
        if mask != self._looked_for:
            self._looked_for = mask
            if self.information >= 0:
                self._signalfd(self.information, mask)

    def looks_for(self, number: int) -> bool:
        """Tell whether a signal is looked for."""
        return bool(self._looked_for & bit(number))

    def _signalfd(self, fd: int, mask: int) -> int:
        made = self._call("signalfd4", fd, pack("=Q", mask), 8, CLOEXEC | NONBLOCK)
        return move_high(made) if fd < 0 else fd

    def take_held(self) -> bytes | None:
        """Take one signal that is looked for and waits in the kernel: its siginfo, None if there is none."""
        while self._looked_for:
            try:
                return self.dequeue(self._looked_for, 0)
            except BlockingIOError:
                break
            except InterruptedError:
                continue
        return None

    # -- arrivals -------------------------------------------------------------------------------------------------

    def drain(self) -> bytes:
        """Return the numbers of the signals that have arrived since the last time."""
        if self.pipe < 0:
            return b""
        try:
            count = self._call("read", self.pipe, self._numbers_read, _MOST_NUMBERS)
            return self._numbers_read.raw[:count]
        except BlockingIOError:
            return b""

    def alert(self) -> None:
        """Wake the watcher, whoever else reads the pipe."""
        if self.bell >= 0:
            os.eventfd_write(self.bell, 1)

    def answer(self) -> None:
        """Be alerted no more; for the watcher."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.bell)

    def dequeue(self, mask: int, seconds: float) -> bytes:
        """Wait for one of a set of blocked signals and take it: its siginfo.  Raises EAGAIN, EINTR."""
        info = ctypes.create_string_buffer(SIGINFO_SIZE)
        timeout = TIMESPEC.pack(*divmod(int(seconds * GIGA), GIGA))
        syscall = self._waiting_syscall if seconds else self._syscall
        if syscall(self._numbers["rt_sigtimedwait"], pack("=Q", mask & _MASKABLE), info, timeout, 8) < 0:
            raise _error()
        return info.raw

    # -- sending --------------------------------------------------------------------------------------------------

    def send(self, number: int, info: bytes) -> None:
        """Send a signal to the process.  info: its siginfo."""
        if int.from_bytes(info[8:12], "little") == SI_USER:
            os.kill(os.getpid(), number)
        else:
            self.queue(os.getpid(), number, info)

    def send_thread(self, tid: int, number: int) -> None:
        """Send a signal to a thread of the process."""
        self._call("tgkill", os.getpid(), tid, number)

    def queue(self, pid: int, number: int, info: bytes) -> None:
        """rt_sigqueueinfo(2)."""
        self._call("rt_sigqueueinfo", pid, number, info)

    def suffer(self, number: int) -> None:
        """Let a signal have its default action, now."""
        self._install(number, _DEFAULT, 0)
        self.send_thread(_gettid(), number)
        before = self._set_mask(_ALL & ~bit(number))
        self._set_mask(before)

    # -- timers ---------------------------------------------------------------------------------------------------

    def setitimer(self, which: int, new: bytes) -> bytes:
        """setitimer(2); return the old value."""
        old = ctypes.create_string_buffer(32)
        self._call("setitimer", which, new, old)
        return old.raw

    def getitimer(self, which: int) -> bytes:
        """getitimer(2)."""
        old = ctypes.create_string_buffer(32)
        self._call("getitimer", which, old)
        return old.raw


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


def _gettid() -> int:
    from threading import get_native_id

    return get_native_id()


def _handleable() -> set[int]:
    """Return the signals for which a handler can be installed, without those of faults."""
    return set(range(1, NSIG + 1)) - FAULTS - LIBC_OWN - {SIGKILL, SIGSTOP}
