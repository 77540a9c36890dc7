"""Signals: dispositions, masks, waiting for them, sending them (`signals`)."""

from __future__ import annotations

import os
from errno import EAGAIN, EINVAL, ENOMEM, EPERM, ESRCH
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

from pywasmjit.guest.abi.signal import (
    MINSIGSTKSZ,
    NSIG,
    SI_TKILL,
    SI_USER,
    SIGACTION,
    SIGINFO_SIZE,
    SIGSET,
    SIGSET_SIZE,
    SS_AUTODISARM,
    SS_DISABLE,
    SS_ONSTACK,
    STACK_T,
    pack_siginfo,
)
from pywasmjit.guest.abi.time import GIGA, TIMESPEC
from pywasmjit.guest.policy.gate import require
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.guest.restart import Restart
from pywasmjit.guest.waiting import Interrupted, has_deadline
from pywasmjit.runtime.deadlines import check, wait_slice
from pywasmjit.wali.table import In, Int, Long, Out, Pointer, Size, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process
    from pywasmjit.guest.signals.signals import Action

SetIn = Annotated[Pointer, In(SIGSET.size)]
SetOut = Annotated[Pointer, Out(SIGSET.size)]
_LONGEST: Final = 3600.0


@syscall("rt_sigaction")
def rt_sigaction(
    process: Process,
    signum: Int,
    act: Annotated[Pointer, In(SIGACTION.size)],
    oldact: Annotated[Pointer, Out(SIGACTION.size)],
    sigsetsize: Size,
) -> int:
    """Linux: rt_sigaction(2); the handler is an index into table 0, -2 ignores.

    Deviation: faults of the program itself (SIGSEGV and its like) are traps and never reach a handler, but for SIGBUS
    of a mapped file that was cut off, which comes a moment after the access; handlers run on the ordinary stack;
    signal 16, which Linux never sends, is the engine's if it comes from outside; what another process sends to one
    thread alone (tgkill) for a handler with SA_SIGINFO is told when that thread makes a call.  Inside a larger
    program, handlers of a program that cannot start threads run at system calls only.
    """
    _check_size(sigsetsize)
    before = process.signals.action(signum)
    if act:
        process.signals.set_action(signum, _action(process.memory.unpack(SIGACTION, act)))
    if oldact:
        process.memory.pack(SIGACTION, oldact, *before)
    return 0


def _action(fields: tuple[int, ...]) -> Action:
    handler, flags, restorer, mask = fields
    return handler, flags, restorer, mask


@syscall("rt_sigprocmask")
def rt_sigprocmask(process: Process, how: Int, set: SetIn, oldset: SetOut, sigsetsize: Size) -> int:
    """Linux: rt_sigprocmask(2), of the calling thread."""
    _check_size(sigsetsize)
    before = process.signals.mask
    if set:
        process.signals.change_mask(how, *process.memory.unpack(SIGSET, set))
    if oldset:
        process.memory.pack(SIGSET, oldset, before)
    return 0


def _check_size(size: int) -> None:
    if size != SIGSET_SIZE:
        raise OSError(EINVAL, "sigsetsize")


@syscall("rt_sigpending")
def rt_sigpending(process: Process, set: SetOut, sigsetsize: Size) -> int:
    """Linux: rt_sigpending(2)."""
    if sigsetsize > SIGSET_SIZE:
        raise OSError(EINVAL, "sigsetsize")
    process.memory.write(set, SIGSET.pack(process.signals.pending_set())[:sigsetsize])
    return 0


@syscall("rt_sigreturn")
def rt_sigreturn(process: Process, unused: Long) -> NoReturn:
    """Linux: rt_sigreturn(2), which nobody calls: a handler just returns.  ENOSYS."""
    from errno import ENOSYS

    raise OSError(ENOSYS, "handlers return by themselves")


# -- waiting ----------------------------------------------------------------------------------------------------------


def _await_handler(process: Process) -> NoReturn:
    """Wait until a handler has run; then EINTR."""
    while True:
        if process.sleep(wait_slice() if has_deadline() else _LONGEST):
            raise Interrupted
        check()


@syscall("pause")
def pause(process: Process) -> NoReturn:
    """Linux: pause(2)."""
    _await_handler(process)


@syscall("rt_sigsuspend")
def rt_sigsuspend(process: Process, mask: SetIn, sigsetsize: Size) -> NoReturn:
    """Linux: rt_sigsuspend(2)."""
    _check_size(sigsetsize)
    with process.signals.masked(*process.memory.unpack(SIGSET, mask)):
        _await_handler(process)


@syscall("rt_sigtimedwait")
def rt_sigtimedwait(
    process: Process,
    set: SetIn,
    info: Annotated[Pointer, Out(SIGINFO_SIZE)],
    timeout: Annotated[Pointer, In(TIMESPEC.size)],
    sigsetsize: Size,
) -> int:
    """Linux: rt_sigtimedwait(2)."""
    _check_size(sigsetsize)
    wanted = int(process.memory.unpack(SIGSET, set)[0])
    end = inf
    if timeout:
        seconds, nanoseconds = process.memory.unpack(TIMESPEC, timeout)
        if seconds < 0 or not 0 <= nanoseconds < GIGA:
            raise OSError(EINVAL, "timespec")
        end = monotonic() + float(seconds + nanoseconds / GIGA)
    found = _await_signal(process, wanted, end)
    if info:
        process.memory.write(info, found)
    return int.from_bytes(found[:4], "little")


def _await_signal(process: Process, wanted: int, end: float) -> bytes:
    """Return the siginfo of the first signal of a set.  Raises EAGAIN at the time `end`, EINTR after a handler."""
    signals = process.signals
    while True:
        item = signals.take(wanted)
        if item is not None:
            return item.info
        if process.interrupted(Restart.NEVER):
            raise Interrupted
        left = min(max(0.0, end - monotonic()), wait_slice() if has_deadline() else _LONGEST)
        try:
            if signals.host is not None:
                return signals.host.dequeue(wanted, left)
            process.kernel.sleep(left)
        except BlockingIOError:
            pass
        except InterruptedError:
            continue
        if monotonic() >= end:
            raise OSError(EAGAIN, "no signal came")
        check()


# -- sending ----------------------------------------------------------------------------------------------------------


def _check_number(number: int) -> None:
    if not 0 <= number <= NSIG:
        raise OSError(EINVAL, "no such signal")


@syscall("kill")
def kill(process: Process, pid: Int, sig: Int) -> int:
    """Linux: kill(2).  The program itself needs no grant; others, groups included, need `signals`."""
    _check_number(sig)
    if pid == process.pid:
        if sig:
            process.signals.send(sig, pack_siginfo(sig, SI_USER, pid, os.getuid()))
        return 0
    require(process, Capability.SIGNALS, f"kill({pid}, {sig})")
    if not process.owns_host and pid <= 0:
        raise OSError(EPERM, "the group is the host's")
    os.kill(pid, sig)
    return 0


@syscall("tkill")
def tkill(process: Process, tid: Int, sig: Int) -> int:
    """Linux: tkill(2), to threads of the program itself."""
    return _send_thread(process, tid, sig)


def _send_thread(process: Process, tid: int, sig: int) -> int:
    if tid <= 0:
        raise OSError(EINVAL, "no such thread")
    _check_number(sig)
    thread = process.threads.find(tid)
    if thread is None:
        raise OSError(ESRCH, "no such thread")
    if sig:
        process.signals.send_thread(thread, sig, pack_siginfo(sig, SI_TKILL, process.pid, os.getuid()))
    return 0


@syscall("tgkill")
def tgkill(process: Process, tgid: Int, tid: Int, sig: Int) -> int:
    """Linux: tgkill(2), to threads of the program itself."""
    if tgid <= 0 or tid <= 0:
        raise OSError(EINVAL, "no such thread")
    if tgid != process.pid:
        raise OSError(ESRCH, "no such process")
    return _send_thread(process, tid, sig)


@syscall("rt_sigqueueinfo")
def rt_sigqueueinfo(process: Process, pid: Int, sig: Int, info: Annotated[Pointer, In(SIGINFO_SIZE)]) -> int:
    """Linux: rt_sigqueueinfo(2).  The program itself needs no grant; others need `signals`."""
    data = process.memory.read(info, SIGINFO_SIZE)
    if pid == process.pid:
        _check_number(sig)
        if sig:
            process.signals.send(sig, sig.to_bytes(4, "little") + data[4:])
        return 0
    code = int.from_bytes(data[8:12], "little", signed=True)
    if code >= 0 or code == SI_TKILL:
        raise OSError(EPERM, "only the kernel says so")
    require(process, Capability.SIGNALS, f"rt_sigqueueinfo({pid}, {sig})")
    process.kernel.queue_signal(pid, sig, data)
    return 0


# -- the alternate stack ----------------------------------------------------------------------------------------------


@syscall("sigaltstack")
def sigaltstack(process: Process, ss: Annotated[Pointer, In(STACK_T.size)], old: Annotated[Pointer, Out(12)]) -> int:
    """Linux: sigaltstack(2).  Deviation: it is noted and read back; handlers run on the ordinary stack."""
    thread = process.threads.current
    before = thread.stack
    if ss:
        address, flags, size = process.memory.unpack(STACK_T, ss)
        if flags & ~SS_AUTODISARM not in (0, SS_ONSTACK, SS_DISABLE):
            raise OSError(EINVAL, "ss_flags")
        if flags & SS_DISABLE:
            address, size = 0, 0
        elif size < MINSIGSTKSZ:
            raise OSError(ENOMEM, "ss_size")
        thread.stack = address, flags & ~SS_ONSTACK, size
    if old:
        process.memory.pack(STACK_T, old, *before)
    return 0
